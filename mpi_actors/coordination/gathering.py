"""The gathering: before lost ranks start again, all hosts tell which choices they know. Pure.

A choice of a lost rank may be known only to the hosts of those who depend on it. So each host is asked, and
none is passed over: one that does not answer is given up with its ranks, and then the others are asked again,
because it may have told them something meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from ..ids import PeerId, short_peer

PATIENCE = 10.0
"""Seconds in which a host must answer: longer than it takes to notice that a peer is dead."""


@attrs.define
class Gathering:
    """Which hosts still have to answer. Losses of several ranks at once share one gathering."""

    round: int = 0
    """The number of the last round; each loss begins another one."""
    waiting: set[PeerId] = attrs.field(factory=set)
    """The hosts that have not answered this round."""
    since: float = 0.0
    """The time at which the round began."""

    def begin(self, hosts: Iterable[PeerId], now: float) -> None:
        """Begin another round."""
        self.round += 1
        self.waiting = set(hosts)
        self.since = now

    def on_answer(self, peer: PeerId, round: int) -> bool:
        """Take an answer, or the loss of a peer; return whether the round is complete by that."""
        if round != self.round or peer not in self.waiting:
            return False
        self.waiting.discard(peer)
        return not self.waiting

    def overdue(self, now: float, home: PeerId) -> list[PeerId]:
        """Return the hosts that must be given up. The coordinator's own is never one of them."""
        return sorted(self.waiting - {home}) if now >= self.deadline(home) else []

    def deadline(self, home: PeerId) -> float:
        """Return when `overdue` will name hosts; infinity if never."""
        return self.since + PATIENCE if self.waiting - {home} else float("inf")

    def why(self, now: float) -> str:
        """Return what the lost ranks wait for, for people."""
        peers = ", ".join(map(short_peer, sorted(self.waiting)))
        return f"waits until {peers} has told which choices it knows, for {now - self.since:.1f} s"
