"""One rank's seat, as the coordinator sees it, and what a coordinator can decide to do. Pure."""

from __future__ import annotations

import enum
from collections import deque

import attrs

from ..config import JobLimits
from ..ids import Incarnation, PeerId, Rank


class Phase(enum.Enum):
    """What goes on at a seat."""

    VACANT = "waiting for a host"
    STARTING = "starting"
    RUNNING = "running"
    ENDED = "ended"


@attrs.define
class SeatRecord:
    """One rank, as the coordinator sees it."""

    rank: Rank
    phase: Phase = Phase.VACANT
    incarnation: Incarnation = -1
    peer: PeerId | None = None
    since: float = 0.0
    """When it came into this phase."""
    seeking: float = 0.0
    """Since when it has had no incarnation that ran."""
    heard: float = 0.0
    """When the host of an incarnation that starts was last heard of it."""
    preparing: str = ""
    """What that host does before it can start it, in its own words; "" if nothing."""
    preparing_since: float = 0.0
    prepared: float = 0.0
    """Seconds that hosts have prepared since an incarnation ran last: that is no waiting for a host."""
    processor: str = ""
    """What its first incarnation that ran was told its host is called: it may have sent that."""
    choice: str = ""
    """What its incarnation used whose outcome was not the program's own, such as ANY_SOURCE; or ""."""
    tried: set[PeerId] = attrs.field(factory=set)
    refused: dict[PeerId, str] = attrs.field(factory=dict)
    failures: deque[float] = attrs.field(factory=deque)
    losses: deque[float] = attrs.field(factory=deque)

    # --- what happens to it -------------------------------------------------------------------------------

    def starts(self, peer: PeerId, now: float) -> None:
        """A new incarnation is to start there."""
        self.incarnation += 1
        self.choice = ""
        self.phase, self.peer, self.since, self.heard = Phase.STARTING, peer, now, now

    def prepares(self, text: str, now: float) -> bool:
        """Its host is at work on the start: it gets more time. True if that is the first news of it."""
        begins = not self.preparing
        if begins:
            self.preparing_since = now
        self.heard, self.preparing = now, text or "preparing"
        return begins

    def runs(self, now: float) -> None:
        """Its incarnation has started."""
        self.phase, self.since = Phase.RUNNING, now
        self.preparing, self.prepared = "", 0.0

    def leaves(self, now: float) -> None:
        """Its incarnation is over, and it has no host."""
        if self.phase is not Phase.STARTING:
            # one that is refused again and again does not get new time to wait each time
            self.seeking = now
        elif self.preparing:
            self.prepared += now - self.preparing_since
        self.phase, self.peer, self.since, self.preparing = Phase.VACANT, None, now, ""

    # --- deadlines ----------------------------------------------------------------------------------------

    def starts_until(self, patience: float, limits: JobLimits) -> float:
        """When a host that has not started the incarnation by then is passed over.

        Args:
            patience: seconds without news.
        """
        soon = self.heard + patience
        return min(soon, self.preparing_since + limits.prepare) if self.preparing else soon

    def waits_until(self, limits: JobLimits) -> float:
        """When the job is given up if the seat has no host by then."""
        # hosts that prepare for ever, one after the other, do not keep it waiting for ever
        return self.seeking + limits.wait_for_host + min(self.prepared, limits.prepare)

    def why_not_started(self, now: float) -> str:
        """What its host did not do, when `starts_until` has come."""
        text = "did not start it in time"
        if self.preparing:
            text += f": {now - self.preparing_since:.0f} s of {self.preparing}"
        return text


# --- actions ----------------------------------------------------------------------------------------------


@attrs.frozen
class PlaceRank:
    """Start this incarnation there."""

    rank: Rank
    incarnation: Incarnation
    peer: PeerId


@attrs.frozen
class Announce:
    """Tell everybody that this incarnation sits there."""

    rank: Rank
    incarnation: Incarnation
    peer: PeerId


@attrs.frozen
class Fence:
    """This incarnation is over: stop it if it still runs, and say that it was lost."""

    rank: Rank
    incarnation: Incarnation
    peer: PeerId
    reason: str


@attrs.frozen
class End:
    """The job is over."""

    ok: bool
    exit_code: int
    reason: str
    rank: Rank | None = None
    """The rank that failed and so ended it, if one did."""
    traceback: str = ""
    """Of that rank's program, when it is known."""


@attrs.frozen
class Preparing:
    """The host has begun to make the program ready before it starts this incarnation."""

    rank: Rank
    incarnation: Incarnation
    peer: PeerId


@attrs.frozen
class ChoiceRecorded:
    """It is recorded that this incarnation made a choice: its host is to know."""

    rank: Rank
    incarnation: Incarnation
    peer: PeerId


Action = PlaceRank | Announce | Fence | End | Preparing | ChoiceRecorded
