"""Ranks whose programs have ended, until their last reports are here, or can no longer be expected."""

from __future__ import annotations

import math
from collections.abc import Callable

import attrs

from ..ids import Rank
from ..replay.incoming import Incoming
from ..wire.messages import RankExited


@attrs.define
class PendingEnds:
    """Told by hosts, and not yet decided about."""

    incoming: Callable[[Rank], Incoming]
    """What has come from a rank on its lane to the coordinator."""
    patience: float
    """Seconds without a report of a rank that failed, after which no more are expected."""
    _told: dict[Rank, tuple[RankExited, float]] = attrs.field(factory=dict)

    def told(self, exited: RankExited, now: float) -> None:
        """A host says that a program has ended."""
        self._told[exited.rank] = (exited, now + self.patience)

    def reported(self, rank: Rank, now: float) -> None:
        """A report of that rank has come."""
        if rank in self._told:
            self._told[rank] = (self._told[rank][0], now + self.patience)

    def next_deadline(self) -> float:
        """When `settled` is to be called at the latest; infinity if never."""
        return min(map(self._hope_ends, self._told), default=math.inf)

    def settled(self, now: float, is_current: Callable[[RankExited], bool]) -> list[RankExited]:
        """Those whose last reports are here, or are no longer expected: it is told of each once."""
        found = []
        for rank, (exited, _) in tuple(self._told.items()):
            incoming = self.incoming(rank)
            have = incoming.expected - incoming.queued
            current = is_current(exited)
            if current and (exited.killed or have >= exited.reports or now >= self._hope_ends(rank)):
                found.append(exited)
            elif current:
                continue
            del self._told[rank]
        return found

    def _hope_ends(self, rank: Rank) -> float:
        exited, deadline = self._told[rank]
        failed = exited.code != 0 or exited.aborted
        return deadline if failed and not self.incoming(rank).queued else math.inf
