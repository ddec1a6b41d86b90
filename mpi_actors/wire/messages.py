"""Every control message between two daemons, in one place.

Each is a frozen class with a number of its own on the wire (never reused). Limits on sizes are part of the
types: the codec checks them before anybody sees the message.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

import attrs
import msgspec

from ..errors import UsageError
from ..ids import MAX_RANKS

Number = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**62)]
MAX_NAME = 255
Name = Annotated[str, msgspec.Meta(max_length=MAX_NAME)]
RankNumber = Annotated[int, msgspec.Meta(ge=0, le=MAX_RANKS - 1)]
Line = Annotated[str, msgspec.Meta(max_length=4_096)]
MAX_TEXT = 65_536
Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]
JobName = Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{16}\Z")]
MAX_ADDRESS, MAX_ADDRESSES = 512, 32
Address = Annotated[str, msgspec.Meta(max_length=MAX_ADDRESS)]
Addresses = Annotated[tuple[Address, ...], msgspec.Meta(max_length=MAX_ADDRESSES)]
Seconds = Annotated[float, msgspec.Meta(ge=0)]

MAX_ARGUMENTS = 1024 * 1024
"""Bytes of a job's arguments in all."""


def check_arguments(args: Sequence[str]) -> None:
    """Refuse at once what no other peer would take: it would cost us the link.

    Raises:
        UsageError: there are too many arguments, or they are too long, or no Unicode text.
    """
    try:
        size = sum(len(text.encode()) + 8 for text in args)
    except UnicodeEncodeError as error:
        raise UsageError(f"an argument is no Unicode text: {error}") from None
    if len(args) > MAX_TEXT or max(map(len, args), default=0) > MAX_TEXT or size > MAX_ARGUMENTS:
        raise UsageError(
            f"there may be {MAX_TEXT} arguments, of {MAX_TEXT} characters each and {MAX_ARGUMENTS} bytes in "
            "all: let the program send itself what is longer"
        )


T = TypeVar("T", bound=type)

REGISTRY: dict[int, type] = {}
"""Message classes by their number on the wire."""


def _numbered(number: int) -> Callable[[T], T]:
    def register(cls: T) -> T:
        if number in REGISTRY:
            raise ValueError(f"{cls.__name__} and {REGISTRY[number].__name__} both claim number {number}")
        REGISTRY[number] = cls
        return cls

    return register


# --- peers ------------------------------------------------------------------------------------------------


@_numbered(1)
@attrs.frozen
class Capacity:
    """What a peer offers now; sent again when it changes."""

    interpreters: Annotated[tuple[Name, ...], msgspec.Meta(max_length=10_000)] = ()
    slots: Number = 0
    running: Number = 0
    full: bool = False
    """True when it takes no more ranks at all."""


@_numbered(2)
@attrs.frozen
class Hello:
    """The first message on a link, both ways."""

    pool: Name
    instance: Name
    """Made anew at each start of a daemon: tells a restarted peer from a second connection."""
    agent: Name
    """The program and its version, for people."""
    addresses: Addresses
    capacity: Capacity


@_numbered(3)
@attrs.frozen
class Accepted:
    """The peer with the smaller id has chosen this link; it counts from now on, on both sides."""


@_numbered(4)
@attrs.frozen
class Goodbye:
    """The sender closes this link on purpose. An end without it is a failure."""

    reason: Line
    retry: bool = True
    """False when to dial again would be in vain (another pool, say)."""


@_numbered(5)
@attrs.frozen
class Ping:
    """A heartbeat."""

    nonce: Count


@_numbered(6)
@attrs.frozen
class Pong:
    """The answer to a heartbeat; its round-trip time is the link's latency."""

    nonce: Count


@attrs.frozen
class PeerAddress:
    """Where a peer can be dialled."""

    peer: Name
    addresses: Addresses


@_numbered(7)
@attrs.frozen
class KnownPeers:
    """Peers that the sender is connected to, for the receiver to dial too."""

    peers: Annotated[tuple[PeerAddress, ...], msgspec.Meta(max_length=1_024)]


MAX_STOCK = 4096
"""Names in one list of a `Stock`."""

Names = Annotated[tuple[Name, ...], msgspec.Meta(max_length=MAX_STOCK)]


@_numbered(8)
@attrs.frozen
class Stock:
    """What a peer could install, and what content others can have from it; sent again when it changes."""

    installable: Names = ()
    """Interpreters that it has not installed, and would install for a job."""
    holds: Names = ()
    """Identifiers, as text, of the content that it has entirely and serves."""
    addresses: Addresses = ()
    """Where else that can be had: of the sender's IPFS daemon, say."""


# --- coordinator to host ----------------------------------------------------------------------------------


@attrs.frozen
class Placement:
    """Who sits where: rank `rank` is incarnation `incarnation`, on `peer`."""

    rank: RankNumber
    incarnation: Number
    peer: Name


@_numbered(20)
@attrs.frozen
class StartRank:
    """Start an incarnation of a rank; the sender is the job's coordinator from now on."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    size: Annotated[int, msgspec.Meta(ge=1, le=MAX_RANKS)]
    program: Name
    args: Annotated[tuple[Text, ...], msgspec.Meta(max_length=MAX_TEXT)]
    placements: Annotated[tuple[Placement, ...], msgspec.Meta(max_length=MAX_RANKS)]
    """Where the other ranks sit that have a seat by now."""
    processor: Line = ""
    """The name of the host of the first incarnation that ran, for later ones to say as theirs."""


@_numbered(21)
@attrs.frozen
class Placed:
    """A rank has a new incarnation, or a first one. Older ones are fenced from now on."""

    job: JobName
    placement: Placement


@_numbered(22)
@attrs.frozen
class StopRank:
    """Kill this incarnation: another takes over."""

    job: JobName
    rank: RankNumber
    incarnation: Number


@_numbered(23)
@attrs.frozen
class EndJob:
    """The job is over: kill what is left of it here and forget it."""

    job: JobName


@_numbered(24)
@attrs.frozen
class AskRank:
    """What is this rank doing? (`why JOB`)"""

    job: JobName
    rank: RankNumber
    question: Count


@_numbered(25)
@attrs.frozen
class ChoiceNoted:
    """The coordinator has recorded that this incarnation made a choice."""

    job: JobName
    rank: RankNumber
    incarnation: Number


# --- host to coordinator ----------------------------------------------------------------------------------


@_numbered(40)
@attrs.frozen
class RankIsUp:
    """The incarnation's process runs."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    pid: Number
    daemon_pid: Number
    mpi: bool = False
    """The program uses MPI, so that a failure of its own ends the job unless that says otherwise."""
    processor: Line = ""
    """What the program is told its host is called."""


@_numbered(41)
@attrs.frozen
class RankRefused:
    """This peer cannot start that rank."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    reason: Text


@_numbered(42)
@attrs.frozen
class RankExited:
    """The incarnation's process has ended by itself, or was killed by somebody."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    killed: bool
    """True: killed from outside, a loss. False: the program ended or crashed by itself."""
    code: Annotated[int, msgspec.Meta(ge=0, le=255)]
    """As a shell would give it: 128 + signal when it ended by a signal."""
    reports: Count
    """Log lines and the like that it had sent the coordinator; the last may still be on their way."""
    description: Line
    """Such as `exit code 3` or `crashed with SIGSEGV`."""
    stderr: Text
    """The last lines of its standard error."""
    traceback: Text = ""
    """Of the exception that ended the program, when that is known."""
    aborted: bool = False
    """The program ended the whole job with this code."""


@_numbered(43)
@attrs.frozen
class RankBroke:
    """The incarnation was stopped by its host because it cannot go on; the whole job fails."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    error: Name
    """The error's class name."""
    text: Text


@_numbered(44)
@attrs.frozen
class RankStderr:
    """What a program wrote to standard error. Not numbered: shown as it comes, by every incarnation."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    text: Text


@_numbered(45)
@attrs.frozen
class RankState:
    """The answer to AskRank."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    question: Count
    text: Text


@_numbered(46)
@attrs.frozen
class RankPreparing:
    """The incarnation cannot start yet; said again and again while the host makes its program ready."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    text: Line
    """What is done meanwhile, such as `installing echo`."""


@_numbered(47)
@attrs.frozen
class RankChose:
    """The program made a choice that was not its own, and waits until that is recorded (`ChoiceNoted`)."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    what: Line
    """Such as ANY_SOURCE."""


ControlMessage = (
    Capacity | Hello | Accepted | Goodbye | Ping | Pong | KnownPeers | Stock
    | StartRank | Placed | StopRank | EndJob | AskRank | ChoiceNoted
    | RankIsUp | RankRefused | RankExited | RankBroke | RankStderr | RankState | RankPreparing | RankChose
)  # fmt: skip

ToHost = StartRank | Placed | StopRank | EndJob | AskRank | ChoiceNoted
"""What a coordinator sends to a host."""

ToCoordinator = (
    RankIsUp | RankRefused | RankExited | RankBroke | RankStderr | RankState | RankPreparing | RankChose
)
"""What a host sends to a coordinator."""
