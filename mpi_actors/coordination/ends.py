"""Ranks whose programs have ended, until their last reports are here or can no longer be expected."""

from __future__ import annotations

import math
from collections.abc import Callable

import attrs

from ..ids import Incarnation, Rank
from ..replay.incoming import Incoming
from ..replay.stderr import StderrReceiver
from ..wire.messages import RankExited


@attrs.define
class PendingEnds:
    """Ends of ranks that hosts have reported, and about which the coordinator has not yet decided.

    A host's message that a program has ended may overtake the program's last reports, which travel on a lane,
    what it wrote to standard error, and the choices that it recorded, without which it could not run again.
    The coordinator decides when it has all.
    """

    incoming: Callable[[Rank], Incoming]
    """Returns the receiving half of a rank's lane to the coordinator."""
    stderr: Callable[[Rank, Incarnation], StderrReceiver]
    """Returns how much of an incarnation's standard error has come."""
    position: Callable[[Rank], int]
    """Returns how much of a rank's recorded choices the coordinator has."""
    patience: float
    """Seconds without a word of a failed rank after which no more is expected."""
    _pending: dict[Rank, tuple[RankExited, float]] = attrs.field(factory=dict)
    """Each end, and the time at which the coordinator stops waiting for the rank's reports."""

    def on_rank_exited(self, exited: RankExited, now: float) -> None:
        """Keep the news that a program has ended."""
        self._pending[exited.rank] = (exited, now + self.patience)

    def on_report(self, rank: Rank, now: float) -> None:
        """A report of that rank has come, or some standard error: wait again for the next."""
        if rank in self._pending:
            self._pending[rank] = (self._pending[rank][0], now + self.patience)

    @property
    def waiting(self) -> bool:
        """Whether there is an end that is not decided."""
        return bool(self._pending)

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
            current = is_current(exited)
            if current and self.position(rank) < exited.choices:
                continue  # they come as long as the host lives; its end is decided by its loss
            if current and (exited.killed or self._is_complete(exited) or now >= self._waits_until(rank)):
                found.append(exited)
            elif current:
                continue
            del self._pending[rank]
        return found

    def _waits_until(self, rank: Rank) -> float:
        exited, deadline = self._pending[rank]
        if self.position(rank) < exited.choices:
            return math.inf
        failed = exited.code != 0 or exited.aborted
        queued = self.incoming(rank).queued or self.stderr(rank, exited.incarnation).waiting
        return deadline if failed and not queued else math.inf

    def _is_complete(self, exited: RankExited) -> bool:
        incoming = self.incoming(exited.rank)
        errors = self.stderr(exited.rank, exited.incarnation)
        have = min(incoming.expected - incoming.queued, incoming.confirmed)
        return have >= exited.reports and errors.taken >= exited.errors
