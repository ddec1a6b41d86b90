"""Ranks whose programs have ended, until their last reports are here or can no longer be expected."""

from __future__ import annotations

import math
from collections.abc import Callable

import attrs

from ..ids import Rank
from ..replay.incoming import Incoming
from ..wire.messages import RankExited


@attrs.define
class PendingEnds:
    """Ends of ranks that hosts have reported, and about which the coordinator has not yet decided.

    A host's message that a program has ended may overtake the program's last reports, which travel on a lane.
    The coordinator decides when it has both.
    """

    incoming: Callable[[Rank], Incoming]
    """Returns the receiving half of a rank's lane to the coordinator."""
    patience: float
    """Seconds without a report of a failed rank after which no more reports are expected."""
    _pending: dict[Rank, tuple[RankExited, float]] = attrs.field(factory=dict)
    """Each end, and the time at which the coordinator stops waiting for the rank's reports."""

    def on_rank_exited(self, exited: RankExited, now: float) -> None:
        """Keep the news that a program has ended."""
        self._pending[exited.rank] = (exited, now + self.patience)

    def on_report(self, rank: Rank, now: float) -> None:
        """A report of that rank has come: wait again for the next one."""
        if rank in self._pending:
            self._pending[rank] = (self._pending[rank][0], now + self.patience)

    def next_deadline(self) -> float:
        """Return when `take_complete` must be called at the latest; infinity if never."""
        return min(map(self._waits_until, self._pending), default=math.inf)

    def take_complete(self, now: float, is_current: Callable[[RankExited], bool]) -> list[RankExited]:
        """Return, once each, the ends whose last reports are here or are no longer expected.

        Args:
            now: the time.
            is_current: whether an end is of the rank's newest incarnation; others are dropped.
        """
        found = []
        for rank, (exited, _) in tuple(self._pending.items()):
            incoming = self.incoming(rank)
            have = incoming.expected - incoming.queued
            current = is_current(exited)
            if current and (exited.killed or have >= exited.reports or now >= self._waits_until(rank)):
                found.append(exited)
            elif current:
                continue
            del self._pending[rank]
        return found

    def _waits_until(self, rank: Rank) -> float:
        exited, deadline = self._pending[rank]
        failed = exited.code != 0 or exited.aborted
        return deadline if failed and not self.incoming(rank).queued else math.inf
