"""Texts on their way to a person, in order and in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import attrs
import trio

from ...actors import Bell
from ...events import BoundedOutbox, EventBus

MANY = 4 * 1024 * 1024
"""Characters of waiting texts from which jobs take no more log lines."""
FEW = 256 * 1024
"""Characters of waiting texts down to which that lasts."""
_BATCH = 64 * 1024


@attrs.frozen
class OutputPiece:
    """One text, with its lines' ends."""

    text: str
    error: bool
    """It goes to standard error."""


Write = Callable[[list[OutputPiece]], Awaitable[None]]
"""Shows pieces, and returns when that is done."""


class Outbox:
    """What waits to be shown.

    A person who reads slowly, or has stopped the terminal, does not stop the daemon: ranks then wait with
    their log lines at their hosts; what programs write to standard error is dropped and counted.
    """

    def __init__(self, bus: EventBus) -> None:
        self._waiting: BoundedOutbox[OutputPiece] = BoundedOutbox(
            bus, hold_at=MANY, free_at=FEW, on_dropped=self._on_dropped
        )
        self._busy = False
        self._changed = Bell()

    def put(self, text: str, *, error: bool = False, droppable: bool = False) -> None:
        """Show a text, whose last line's end is added; a `droppable` one only if there is room."""
        self._waiting.put(OutputPiece(text + "\n", error), len(text) + 1, droppable=droppable)
        self._changed.ring()

    async def pump(self, write: Write) -> None:
        """Show what comes, until cancelled."""
        while True:
            while not self._waiting:
                await self._changed.wait()
            await self._write_some(write, _BATCH)

    async def drained(self) -> None:
        """Wait until all is shown."""
        while self._waiting or self._busy:
            await self._changed.wait()

    async def close(self, write: Write, patience: float) -> None:
        """Show what is left, within `patience` seconds and whatever is cancelled; no more holding."""
        with trio.move_on_after(patience, shield=True):
            if self._waiting:
                await self._write_some(write, math.inf)
        self._waiting.clear()

    async def _write_some(self, write: Write, most: float) -> None:
        batch = self._waiting.take(most)
        self._busy = True
        try:
            await write(batch)
        finally:
            self._busy = False
            self._waiting.written()
            self._changed.ring()

    def _on_dropped(self, count: int) -> None:
        self.put(f"{count} lines of standard error, shown too slowly, were dropped", error=True)
