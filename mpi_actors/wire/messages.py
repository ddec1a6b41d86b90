"""Every control message between two daemons, in one place. Sans-I/O.

Each is a frozen class with a number of its own on the wire, which is never used again. Limits on sizes are
part of the types: the codec checks them before anybody sees the message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, TypeVar

import attrs
import msgspec

from ..config import ReplayOptions
from ..ids import MAX_RANKS
from .fields import (
    MAX_STDERR,
    MAX_TEXT,
    Addresses,
    Count,
    HostKind,
    JobName,
    Line,
    Name,
    Number,
    RankNumber,
    Secret,
    Text,
)

_T = TypeVar("_T", bound=type)

REGISTRY: dict[int, type] = {}
"""Message classes by their number on the wire."""


def _numbered(number: int) -> Callable[[_T], _T]:
    def register(cls: _T) -> _T:
        if number in REGISTRY:
            raise ValueError(f"{cls.__name__} and {REGISTRY[number].__name__} both claim number {number}")
        REGISTRY[number] = cls
        return cls

    return register


# --- peers ------------------------------------------------------------------------------------------------


@_numbered(1)
@attrs.frozen
class Capacity:
    """What a peer offers now. It sends this again when that changes."""

    interpreters: Annotated[tuple[Name, ...], msgspec.Meta(max_length=10_000)] = ()
    slots: Number = 0
    running: Number = 0
    full: bool = False
    """Whether the peer takes no more ranks at all."""
    kind: HostKind = attrs.field(factory=HostKind)


@_numbered(2)
@attrs.frozen
class Hello:
    """The first message on a link, both ways."""

    pool: Name
    instance: Name
    """A name that the daemon makes at each start: it tells a restarted peer from a second connection."""
    agent: Name
    """The program and its version, for people."""
    addresses: Addresses
    capacity: Capacity


@_numbered(3)
@attrs.frozen
class Accepted:
    """The peer with the smaller id has chosen this link: both sides use it from now on."""


@_numbered(4)
@attrs.frozen
class Goodbye:
    """The sender closes this link on purpose. A link that ends without a goodbye has failed."""

    reason: Line
    retry: bool = True
    """Whether dialling again may help; it does not where the sender is in another pool, for instance."""


@_numbered(5)
@attrs.frozen
class Ping:
    """A heartbeat."""

    nonce: Count


@_numbered(6)
@attrs.frozen
class Pong:
    """The answer to a heartbeat. The time between the two is the link's latency."""

    nonce: Count


@attrs.frozen
class PeerAddress:
    """Where a peer can be dialled."""

    peer: Name
    addresses: Addresses


@_numbered(7)
@attrs.frozen
class KnownPeers:
    """Peers that the sender is connected to, so that the receiver can dial them too."""

    peers: Annotated[tuple[PeerAddress, ...], msgspec.Meta(max_length=1_024)]


MAX_STOCK = 4096
"""Names in one list of a `Stock`: a full list of identifiers fits into one control message."""

Names = Annotated[tuple[Name, ...], msgspec.Meta(max_length=MAX_STOCK)]


@_numbered(8)
@attrs.frozen
class Stock:
    """What a peer could install, and what content it serves. It sends this again when that changes."""

    installable: Names = ()
    """Interpreters that the peer has not installed, and would install for a job."""
    holds: Names = ()
    """Identifiers, as text, of the content that the peer has whole and serves."""
    addresses: Addresses = ()
    """Addresses that serve this content too, such as those of the sender's IPFS daemon."""


# --- coordinator to host ----------------------------------------------------------------------------------


@attrs.frozen
class Placement:
    """Which incarnation of a rank is the present one, and which peer hosts it."""

    rank: RankNumber
    incarnation: Number
    peer: Name


@_numbered(20)
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


@_numbered(21)
@attrs.frozen
class Placed:
    """A rank has a new incarnation, or its first one. Older incarnations are fenced from now on."""

    job: JobName
    placement: Placement


@_numbered(22)
@attrs.frozen
class StopRank:
    """Kill this incarnation: another one takes over."""

    job: JobName
    rank: RankNumber
    incarnation: Number


@_numbered(23)
@attrs.frozen
class EndJob:
    """The job is over: kill its ranks here, and forget the job."""

    job: JobName


@_numbered(24)
@attrs.frozen
class AskRank:
    """Ask what a rank is doing, for `why JOB`."""

    job: JobName
    rank: RankNumber
    question: Count


@_numbered(25)
@attrs.frozen
class ChoiceNoted:
    """The coordinator has recorded that this incarnation made a choice; the program may go on."""

    job: JobName
    rank: RankNumber
    incarnation: Number


@_numbered(29)
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


@_numbered(40)
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


@_numbered(41)
@attrs.frozen
class RankRefused:
    """The host cannot start this incarnation."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    reason: Text


@_numbered(42)
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


@_numbered(43)
@attrs.frozen
class RankBroke:
    """The host stopped the incarnation because neither it nor another one can go on: the whole job fails."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    error: Name
    """The error's class name."""
    text: Text


@_numbered(44)
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


@_numbered(45)
@attrs.frozen
class RankState:
    """The answer to `AskRank`."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    question: Count
    text: Text


@_numbered(46)
@attrs.frozen
class RankPreparing:
    """The host still prepares the program of this incarnation. It repeats this until the program starts."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    text: Line
    """What the host does, such as `installing echo`."""


@_numbered(47)
@attrs.frozen
class RankChose:
    """The program made a choice, and waits until the coordinator has recorded that: see `ChoiceNoted`."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    what: Line
    """The choice, such as ANY_SOURCE."""


@_numbered(48)
@attrs.frozen
class RankTouched:
    """The program opened a file to append to it or to change it: another run of it would do so twice."""

    job: JobName
    rank: RankNumber
    incarnation: Number
    path: Line


ControlMessage = (
    Capacity | Hello | Accepted | Goodbye | Ping | Pong | KnownPeers | Stock
    | StartRank | Placed | StopRank | EndJob | AskRank | ChoiceNoted | StderrTaken
    | RankIsUp | RankRefused | RankExited | RankBroke | RankStderr | RankState | RankPreparing | RankChose
    | RankTouched
)  # fmt: skip

ToHost = StartRank | Placed | StopRank | EndJob | AskRank | ChoiceNoted | StderrTaken
"""What a coordinator sends to a host."""

ToCoordinator = (
    RankIsUp | RankRefused | RankExited | RankBroke | RankStderr | RankState | RankPreparing | RankChose
    | RankTouched
)  # fmt: skip
"""What a host sends to a coordinator."""
