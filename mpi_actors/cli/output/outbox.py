"""Texts on their way to a person, in order and in bounded memory."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable

import attrs
import trio

from ...actors import Bell
from ...events import BoundedOutbox, EventBus

HOLD_AT = 4 * 1024 * 1024
"""Characters of waiting texts from which the outbox holds the event bus: jobs then take no more of what ranks
write."""
FREE_AT = 256 * 1024
"""Characters of waiting texts down to which it holds the bus: far less, so that jobs do not stop and go."""
_BATCH = 64 * 1024
"""Characters that are written at once: what a pipe takes."""


@attrs.frozen
class OutputPiece:
    """A text with the ends of its lines."""

    text: str
    error: bool
    """Whether it goes to standard error."""


Write = Callable[[list[OutputPiece]], Awaitable[None]]
"""Shows pieces, and returns when they are shown."""


class Outbox:
    """Texts that wait to be shown.

    A person who reads slowly, or has stopped the terminal, does not stop the daemon: the outbox holds the
    event bus meanwhile, so that programs wait with what they write.
    """

    def __init__(self, bus: EventBus) -> None:
        self._waiting: BoundedOutbox[OutputPiece] = BoundedOutbox(bus, hold_at=HOLD_AT, free_at=FREE_AT)
        self._busy = False
        self._changed = Bell()

    def put(self, text: str, *, error: bool = False) -> None:
        """Show a text and an end of line after it."""
        self._waiting.put(OutputPiece(text + "\n", error), len(text) + 1)
        self._changed.ring()

    async def pump(self, write: Write) -> None:
        """Show texts as they come, until cancelled."""
        while True:
            while not self._waiting:
                await self._changed.wait()
            await self._write_some(write, _BATCH)

    async def drained(self) -> None:
        """Wait until all texts are shown."""
        while self._waiting or self._busy:
            await self._changed.wait()

    async def close(self, write: Write, patience: float) -> None:
        """Show what is left within `patience` seconds, even when cancelled; then free the bus."""
        with trio.move_on_after(patience, shield=True):
            if self._waiting:
                await self._write_some(write, math.inf)
        self._waiting.clear()

    async def _write_some(self, write: Write, enough: float) -> None:
        batch = self._waiting.take(enough)
        self._busy = True
        try:
            await write(batch)
        finally:
            self._busy = False
            self._waiting.written()
            self._changed.ring()
