"""The types of the fields of control messages, with limits that the codec checks. Sans-I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import attrs
import msgspec

from ..errors import UsageError
from ..ids import MAX_RANKS, SECRET_SIZE

MAX_NAME = 255
"""Characters of a name of a peer, a program, an interpreter …: as many as a file's name may have."""
MAX_LINE = 4_096
"""Characters of a text that people read in one line, such as the reason of a goodbye."""
MAX_TEXT = 65_536
"""Characters of a longer text, such as one argument or the end of a standard error; also how many arguments
a job may have. Several such texts fit into one control message."""
MAX_STDERR = 16_384
"""Bytes of standard error in one message: few enough that all ranks of a host may send one at once."""
MAX_ADDRESS = 512
"""Characters of one address: more than any multiaddress with a relay in it has."""
MAX_ADDRESSES = 32
"""Addresses of one peer: a host has one for each network interface and transport."""
MAX_ARGUMENTS = 1024 * 1024
"""Bytes of all arguments of a job: half of the largest control message, as `StartRank` has placements too."""
MAX_CHOICES = 512 * 1024
"""Bytes of recorded choices that a control message can bring: they fit beside the largest arguments."""

Number = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
RankNumber = Annotated[int, msgspec.Meta(ge=0, le=MAX_RANKS - 1)]
Line = Annotated[str, msgspec.Meta(max_length=MAX_LINE)]
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
JobName = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{16}\Z")]
Address = Annotated[str, msgspec.Meta(max_length=MAX_ADDRESS)]
Secret = Annotated[bytes, msgspec.Meta(max_length=SECRET_SIZE)]
Addresses = Annotated[tuple[Address, ...], msgspec.Meta(max_length=MAX_ADDRESSES)]


def check_arguments(args: Sequence[str]) -> None:
    """Check the arguments of a job before they are sent: another peer would close the link over bad ones.

    Raises:
        UsageError: there are too many arguments, or they are too long, or one is not Unicode text.
    """
    try:
        size = sum(len(text.encode()) + 8 for text in args)
    except UnicodeEncodeError as error:
        raise UsageError(f"an argument is not Unicode text: {error}") from None
    if len(args) > MAX_TEXT or max(map(len, args), default=0) > MAX_TEXT or size > MAX_ARGUMENTS:
        raise UsageError(
            f"there may be {MAX_TEXT} arguments, of {MAX_TEXT} characters each and {MAX_ARGUMENTS} bytes in "
            "all: put longer data into a file or a message of the program"
        )


@attrs.frozen
class HostKind:
    """What the last bits of a program's results depend on: on two hosts of one kind they are the same."""

    processor: Line = ""
    """The architecture, and those of the processor's features that numerical libraries choose code by."""
    python: Name = ""
    """The version of Python."""
    numpy: Name = ""
    """The version of NumPy; empty if there is none."""


@attrs.frozen
class LostRank:
    """An incarnation that the coordinator has given up."""

    rank: RankNumber
    incarnation: Number


@attrs.frozen
class StreamPosition:
    """How far the recorded choices of a rank go."""

    rank: RankNumber
    incarnation: Number
    """The newest incarnation of the rank."""
    position: Count
