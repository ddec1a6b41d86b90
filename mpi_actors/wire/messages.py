"""Every control message between two daemons; those about daemons are in `peer_messages`. Sans-I/O.

Each is a frozen class with a number of its own on the wire, which is never used again. Limits on sizes are
part of the types: the codec checks them before anybody sees the message.
"""

from __future__ import annotations

from typing import Annotated

import attrs
import msgspec

from ..config import ReplayOptions
from ..ids import MAX_RANKS
from .fields import (
    MAX_CHOICES,
    MAX_STDERR,
    MAX_TEXT,
    Count,
    JobName,
    Line,
    LostRank,
    Name,
    Number,
    RankNumber,
    Secret,
    StreamPosition,
    Text,
)
from .peer_messages import MAX_STOCK as MAX_STOCK
from .peer_messages import Accepted as Accepted
from .peer_messages import Capacity as Capacity
from .peer_messages import Goodbye as Goodbye
from .peer_messages import Hello as Hello
from .peer_messages import KnownPeers as KnownPeers
from .peer_messages import PeerAddress as PeerAddress
from .peer_messages import Ping as Ping
from .peer_messages import Pong as Pong
from .peer_messages import Stock as Stock
from .registry import REGISTRY as REGISTRY
from .registry import numbered

# --- coordinator to host ----------------------------------------------------------------------------------


@attrs.frozen
class Placement:
    """Which incarnation of a rank is the present one, and which peer hosts it."""

    rank: RankNumber
    incarnation: Number
    peer: Name


@numbered(20)
@attrs.frozen
class StartRank:
    """Start an incarnation of a rank. The sender is the job's coordinator from now on."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    size: Annotated[int, msgspec.Meta(ge=1, le=MAX_RANKS)]
    program: Name
    args: Annotated[tuple[Text, ...], msgspec.Meta(max_length=MAX_TEXT)]
    placements: Annotated[tuple[Placement, ...], msgspec.Meta(max_length=MAX_RANKS)]
    """The hosts of the other ranks, as far as they are placed."""
    processor: Line = ""
    """The host name that the rank's first running incarnation reported; the program must see it again."""
    replay: ReplayOptions = attrs.field(factory=ReplayOptions)
    secret: Secret = attrs.field(default=b"", repr=False)
    """The job's secret: entropy of the rank's program comes from it."""
    choices: Annotated[bytes, msgspec.Meta(max_length=MAX_CHOICES)] = attrs.field(default=b"", repr=False)
    """What earlier incarnations of the rank chose, which this one must choose again."""
    recorded: Count = 0
    """How many bytes that is. Those which did not fit into `choices` come after an `AskChoices`."""


@numbered(21)
@attrs.frozen
class Placed:
    """A rank has a new incarnation, or its first one. Older incarnations are fenced from now on."""

    job: JobName
    placement: Placement


@numbered(22)
@attrs.frozen
class StopRank:
    """Kill this incarnation: another one takes over."""

    job: JobName
    rank: RankNumber
    incarnation: Number


@numbered(23)
@attrs.frozen
class EndJob:
    """The job is over: kill its ranks here, and forget the job."""

    job: JobName


@numbered(24)
@attrs.frozen
class AskRank:
    """Ask what a rank is doing, for `why JOB`."""

    job: JobName
    rank: RankNumber
    question: Count


@numbered(25)
@attrs.frozen
class ChoiceNoted:
    """The coordinator has recorded that this incarnation made a choice; the program may go on."""

    job: JobName
    rank: RankNumber
    incarnation: Number


@numbered(26)
@attrs.frozen
class SealChoices:
    """Stop these incarnations, take nothing more of them, and tell which choices you know of any rank."""

    job: JobName
    round: Count
    """The number that the answer carries: a frame CHOICES, after all others."""
    lost: Annotated[tuple[LostRank, ...], msgspec.Meta(max_length=MAX_RANKS)]


@numbered(27)
@attrs.frozen
class ChoicesStable:
    """The coordinator has the choices of these ranks up to these positions."""

    job: JobName
    positions: Annotated[tuple[StreamPosition, ...], msgspec.Meta(max_length=MAX_RANKS)]


@numbered(29)
@attrs.frozen
class StderrTaken:
    """The coordinator has taken the first `taken` bytes of an incarnation's standard error: more may come."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    taken: Count
    again: Count | None = None
    """Bytes were lost on the way: send those from this offset on again."""


# --- host to coordinator ----------------------------------------------------------------------------------


@numbered(40)
@attrs.frozen
class RankIsUp:
    """The incarnation's process is running."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    pid: Number
    daemon_pid: Number
    mpi: bool = False
    """Whether the program uses MPI: then the job's restart policy is `lost` by default."""
    processor: Line = ""
    """The host name that the program sees."""


@numbered(41)
@attrs.frozen
class RankRefused:
    """The host cannot start this incarnation."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    reason: Text


@numbered(42)
@attrs.frozen
class RankExited:
    """The incarnation's process has ended by itself, or somebody has killed it."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    killed: bool
    """Whether somebody killed it, which is a loss; otherwise the program ended or crashed by itself."""
    code: Annotated[int, msgspec.Meta(ge=0, le=255)]
    """The exit code as a shell gives it: 128 + the signal's number after a signal."""
    reports: Count
    """Reports that the incarnation had sent to the coordinator; the last ones may still be on their way."""
    description: Line
    """How it ended, such as `exit code 3` or `crashed with SIGSEGV`."""
    stderr: Text
    """The last lines of its standard error."""
    traceback: Text = ""
    """The traceback of the exception that ended the program, if the host knows it."""
    aborted: bool = False
    """Whether the program ended the whole job with this code."""
    errors: Count = 0
    """Bytes that it had written to standard error; the last ones may still be on their way."""
    choices: Count = 0
    """How far the incarnation's recorded choices go; the last ones may still be on their way."""
    silent: bool = False
    """Whether the process of an MPI program is gone, with exit code 0, though the program has not said so."""


@numbered(43)
@attrs.frozen
class RankBroke:
    """The host stopped the incarnation because neither it nor another one can go on: the whole job fails."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    error: Name
    """The error's class name."""
    text: Text


@numbered(44)
@attrs.frozen
class RankStderr:
    """What a program wrote to standard error; `StderrTaken` answers. A new incarnation's is shown again."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    offset: Count
    """How many bytes this incarnation wrote before these."""
    data: Annotated[bytes, msgspec.Meta(max_length=MAX_STDERR)]
    """Empty if the host only asks what has arrived."""


@numbered(45)
@attrs.frozen
class RankState:
    """The answer to `AskRank`."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    question: Count
    text: Text


@numbered(46)
@attrs.frozen
class RankPreparing:
    """The host still prepares the program of this incarnation. It repeats this until the program starts."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    text: Line
    """What the host does, such as `installing echo`."""


@numbered(47)
@attrs.frozen
class RankChose:
    """The program made a choice, and waits until the coordinator has recorded that: see `ChoiceNoted`."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    what: Line
    """The choice, such as ANY_SOURCE."""


@numbered(48)
@attrs.frozen
class RankTouched:
    """The program opened a file to append to it or to change it: another run of it would do so twice."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    path: Line


@numbered(49)
@attrs.frozen
class AskChoices:
    """The host of a new incarnation needs the rest of what it must choose again: frames CHOICES bring it."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    have: Count
    """How many bytes it has."""


ControlMessage = (
    Capacity | Hello | Accepted | Goodbye | Ping | Pong | KnownPeers | Stock
    | StartRank | Placed | StopRank | EndJob | AskRank | ChoiceNoted | SealChoices | ChoicesStable
    | StderrTaken
    | RankIsUp | RankRefused | RankExited | RankBroke | RankStderr | RankState | RankPreparing | RankChose
    | RankTouched | AskChoices
)  # fmt: skip

ToHost = (
    StartRank | Placed | StopRank | EndJob | AskRank | ChoiceNoted | SealChoices | ChoicesStable | StderrTaken
)
"""What a coordinator sends to a host."""

ToCoordinator = (
    RankIsUp | RankRefused | RankExited | RankBroke | RankStderr | RankState | RankPreparing | RankChose
    | RankTouched | AskChoices
)  # fmt: skip
"""What a host sends to a coordinator."""
