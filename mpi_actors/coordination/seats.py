"""One rank's seat, as the coordinator sees it, and the actions that a coordinator can decide. Pure."""

from __future__ import annotations

import enum
from collections import deque

import attrs

from ..config import JobLimits
from ..ids import Incarnation, PeerId, Rank
from ..wire.fields import HostKind


class Phase(enum.Enum):
    """What happens at a seat. The value is the text for people."""

    VACANT = "waiting for a host"
    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"


@attrs.define
class Seat:
    """The place of one rank, as the coordinator sees it."""

    rank: Rank
    phase: Phase = Phase.VACANT
    incarnation: Incarnation = -1
    peer: PeerId | None = None
    since: float = 0.0
    """The time at which the seat came into this phase."""
    seeking: float = 0.0
    """The time at which the last incarnation that ran was lost, or at which the job began."""
    heard: float = 0.0
    """The time of the last news from the host that starts the incarnation."""
    preparing: str = ""
    """What that host does before it can start the incarnation, in the host's words; "" if nothing."""
    preparing_since: float = 0.0
    """The time at which that host began to prepare."""
    prepared: float = 0.0
    """Seconds that hosts have prepared since an incarnation ran last. Preparing does not count as waiting for
    a host."""
    processor: str = ""
    """The host name that the first running incarnation reported; the program may have sent it on."""
    kind: HostKind | None = None
    """The kind of the host of the first running incarnation."""
    moved: str = ""
    """How the kind of the present host differs from it; empty if it does not."""
    gathering: bool = False
    """Whether the rank waits for what the hosts know of its choices, before it may start again."""
    choice: str = ""
    """The call of this incarnation whose outcome was not the program's own, such as ANY_SOURCE; or ""."""
    again: bool = False
    """Whether an incarnation that ran was lost: the next one needs the messages of all other ranks again."""
    left: bool = False
    """Whether the process of this incarnation left without a word: the messages that it sent are gone."""
    tried: set[PeerId] = attrs.field(factory=set)
    """Peers that have lost or refused this rank."""
    refused: dict[PeerId, str] = attrs.field(factory=dict)
    """Peers that have refused this rank and are not asked again, with their reasons."""
    failures: deque[float] = attrs.field(factory=deque)
    """The times at which the program failed by itself, as far as they still count."""
    losses: deque[float] = attrs.field(factory=deque)
    """The times at which the process was killed, as far as they still count."""

    # --- its phases ---------------------------------------------------------------------------------------

    def start(self, peer: PeerId, now: float) -> None:
        """Begin a new incarnation, which `peer` is to start."""
        self.incarnation += 1
        self.choice = ""
        self.left = False
        self.phase, self.peer, self.since, self.heard = Phase.STARTING, peer, now, now

    def prepare(self, text: str, now: float) -> bool:
        """Give the host more time, since it prepares the start; return whether that is news."""
        begins = not self.preparing
        if begins:
            self.preparing_since = now
        self.heard, self.preparing = now, text or "preparing"
        return begins

    def run(self, now: float) -> None:
        """Note that the incarnation runs."""
        self.phase, self.since = Phase.RUNNING, now
        self.preparing, self.prepared = "", 0.0

    def vacate(self, now: float) -> None:
        """End the incarnation: the rank has no host now."""
        if self.phase is not Phase.STARTING:
            # a rank that peers refuse again and again does not get new time to wait after each refusal
            self.seeking = now
        elif self.preparing:
            self.prepared += now - self.preparing_since
        self.phase, self.peer, self.since, self.preparing = Phase.VACANT, None, now, ""

    # --- deadlines ----------------------------------------------------------------------------------------

    def start_deadline(self, patience: float, limits: JobLimits) -> float:
        """Return the time at which a host that has not started the incarnation is given up.

        Args:
            patience: seconds without news after which the host is given up.
            limits: of the job; `prepare` is the longest preparation.
        """
        soon = self.heard + patience
        return min(soon, self.preparing_since + limits.prepare) if self.preparing else soon

    def host_deadline(self, limits: JobLimits) -> float:
        """Return the time at which the job is given up if the rank has no host by then."""
        # the sum is limited: hosts that prepare one after the other must not delay the end for ever
        return self.seeking + limits.wait_for_host + min(self.prepared, limits.prepare)

    def why_not_started(self, now: float) -> str:
        """Return the reason for giving the host up, when `start_deadline` has come."""
        text = "did not start it in time"
        if self.preparing:
            text += f": {now - self.preparing_since:.0f} s of {self.preparing}"
        return text


# --- actions ----------------------------------------------------------------------------------------------


@attrs.frozen
class PlaceRank:
    """Have `peer` start this incarnation."""

    rank: Rank
    incarnation: Incarnation
    peer: PeerId


@attrs.frozen
class Announce:
    """Tell every host of the job that this incarnation runs at `peer`."""

    rank: Rank
    incarnation: Incarnation
    peer: PeerId


@attrs.frozen
class Fence:
    """This incarnation is over: have `peer` stop it if it still runs, and show that it was lost."""

    rank: Rank
    incarnation: Incarnation
    peer: PeerId
    reason: str


@attrs.frozen
class Seal:
    """Take nothing more of these lost incarnations, and have each of `hosts` tell which choices it knows."""

    round: int
    lost: tuple[tuple[Rank, Incarnation], ...]
    hosts: tuple[PeerId, ...]


@attrs.frozen
class Drop:
    """Have a host that is given up, but may live, forget the job."""

    peer: PeerId


@attrs.frozen
class End:
    """The job is over."""

    ok: bool
    exit_code: int
    reason: str
    rank: Rank | None = None
    """The rank whose failure ended the job, if there is one."""
    traceback: str = ""
    """The traceback of that rank's program, when it is known."""


@attrs.frozen
class Preparing:
    """Show that the host has begun to prepare the program of this incarnation."""

    rank: Rank
    incarnation: Incarnation
    peer: PeerId


@attrs.frozen
class ChoiceRecorded:
    """Tell `peer` that the coordinator has recorded a choice of this incarnation."""

    rank: Rank
    incarnation: Incarnation
    peer: PeerId


@attrs.frozen
class Moved:
    """Show that no host was left that is of the kind on which the rank ran before."""

    rank: Rank
    difference: str
    """What the new host has other than the first one."""


Action = PlaceRank | Announce | Fence | Seal | Drop | End | Preparing | ChoiceRecorded | Moved
"""What a coordinator can decide to do."""
