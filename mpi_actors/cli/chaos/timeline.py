"""The faults of one run and what followed from them, in the order of time. Pure."""

from __future__ import annotations

import attrs

from ...events import Event, Log, RankLost, RankStarted
from ...ids import Rank


@attrs.frozen
class Entry:
    """Something that happened, for people."""

    at: float
    """Seconds since the job began."""
    kind: str
    """`fault`, `end` of a fault, `lost`, `replaced`, `resumed`."""
    text: str
    after: float | None = None
    """Seconds since the fault before; None for a fault."""


@attrs.define
class _Loss:
    """Ranks that are lost at the same time, from the first loss until all run again."""

    fault_at: float
    noticed_at: float
    lost: set[Rank]
    replaced_at: float | None = None


class Timeline:
    """Collects what happens in one run.

    Args:
        began: when the job began, in seconds since 1970; so are all times that are given.
    """

    def __init__(self, began: float) -> None:
        self.entries: list[Entry] = []
        self.noticed: list[float] = []
        """Seconds from a fault to the notice of a loss …"""
        self.replaced: list[float] = []
        """… to the start of the last replacement …"""
        self.resumed: list[float] = []
        """… and to the next new line."""
        self._began = began
        self._fault_at = began
        self._loss: _Loss | None = None

    def on_fault(self, text: str, time: float, *, ends: bool = False) -> None:
        """A fault was carried out, or (`ends`) taken back."""
        self.entries.append(Entry(time - self._began, "end" if ends else "fault", text))
        if not ends:
            self._fault_at = time

    def on_event(self, event: Event, time: float) -> None:
        """An event of the job has come."""
        match event:
            case RankLost(rank=rank):
                self._on_lost(rank, time)
            case RankStarted(rank=rank, incarnation=number) if number > 0:
                self._on_started(rank, time)
            case Log() if self._loss is not None and self._loss.replaced_at is not None:
                since = time - self._loss.fault_at
                self.resumed.append(since)
                self._add(time, "resumed", "the next new line", since)
                self._loss = None

    def _on_lost(self, rank: Rank, time: float) -> None:
        loss = self._loss
        if loss is None or loss.replaced_at is not None:
            loss = self._loss = _Loss(self._fault_at, time, set())
            self.noticed.append(time - loss.fault_at)
        loss.lost.add(rank)
        self._add(time, "lost", f"rank {rank} is lost", time - loss.fault_at)

    def _on_started(self, rank: Rank, time: float) -> None:
        loss = self._loss
        if loss is None or rank not in loss.lost:
            return
        loss.lost.discard(rank)
        since = time - loss.fault_at
        self._add(time, "replaced", f"rank {rank} runs again", since)
        if not loss.lost:
            loss.replaced_at = time
            self.replaced.append(since)

    def _add(self, time: float, kind: str, text: str, after: float) -> None:
        self.entries.append(Entry(time - self._began, kind, text, after))
