"""Texts on their way to a person, in order and in bounded memory."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Awaitable, Callable

import attrs
import trio

from ...events import EventBus

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
        self._bus = bus
        self._waiting: deque[OutputPiece] = deque()
        self._size = 0
        self._busy = False
        self._dropped = 0
        self._let_go: Callable[[], None] | None = None
        self._changed = trio.Event()

    def put(self, text: str, *, error: bool = False, droppable: bool = False) -> None:
        """Show a text, whose last line's end is added; a `droppable` one only if there is room."""
        if droppable and self._size >= MANY:
            self._dropped += 1
            return
        self._waiting.append(OutputPiece(text + "\n", error))
        self._size += len(text) + 1
        if self._size >= MANY and self._let_go is None:
            self._let_go = self._bus.hold()
        self._change()

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
        self._size = 0
        self._release()

    async def _write_some(self, write: Write, most: float) -> None:
        batch: list[OutputPiece] = []
        size = 0
        while self._waiting and size < most:
            batch.append(self._waiting.popleft())
            size += len(batch[-1].text)
        self._busy = True
        try:
            await write(batch)
        finally:
            self._busy = False
            self._size -= size
            self._change()
        if self._size <= FEW:
            self._release()

    def _release(self) -> None:
        let_go, self._let_go = self._let_go, None
        dropped, self._dropped = self._dropped, 0
        if dropped:
            self.put(f"{dropped} lines of standard error, shown too slowly, were dropped", error=True)
        if let_go is not None:
            let_go()

    def _change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
