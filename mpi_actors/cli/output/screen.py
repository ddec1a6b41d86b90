"""What a command that runs once says: lines, and below them, on a terminal, how far it is."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator

import trio

from ...content.store.backend import OnProgress, TransferProgress
from ...process.descriptors import write_all
from ..text.progress import Speed, render
from .outbox import OutputPiece
from .streams import STDERR, write_pieces

_TICK = 0.1
"""Seconds between two looks at how far it is."""
_LAST_WORDS = 0.5
"""Seconds that may pass with writing what is left when a command was stopped."""
_USUAL_WIDTH = 80
_ECHO = "^C"
"""What a terminal may show behind a bar, and is removed with it."""


class Screen:
    """Shows lines in order, and at most one bar, which is on standard error and never stays there.

    Args:
        bar: whether bars are wanted; there is none where standard error is no terminal.
    """

    def __init__(self, *, bar: bool = True) -> None:
        self._may_draw = bar and os.isatty(STDERR)
        self._line: Callable[[], str] | None = None
        self._paper = _Paper()
        self._due = False
        self._busy = False
        self._changed = trio.Event()

    def say(self, text: str) -> None:
        """Show a text, whose last line's end is added."""
        self._put(OutputPiece(text + "\n", error=False))

    def complain(self, text: str) -> None:
        """Show a text on standard error, whose last line's end is added."""
        self._put(OutputPiece(text + "\n", error=True))

    @contextlib.contextmanager
    def progress(self, verb: str) -> Iterator[OnProgress | None]:
        """Inside, there is a bar, if there may be one, and what this gives is to be told how far it is."""
        if not self._may_draw:
            yield None
            return
        now: TransferProgress | None = None
        speed = Speed(trio.current_time())

        def told(progress: TransferProgress) -> None:
            nonlocal now
            now = progress

        def line() -> str:
            # the last column stays free, too: some terminals go on to the next line
            width = max(1, _width() - len(_ECHO) - 1)
            if now is None:
                return f"{verb} …"[:width]
            return render(verb, now, speed.tell(trio.current_time(), now.done), width)

        self._line = line
        self._show()
        try:
            yield told
        finally:
            self._line = None
            self._show()

    async def pump(self) -> None:
        """Show what comes, until cancelled.

        Raises:
            OSError: it cannot be written any more.
        """
        while True:
            if not self._due:
                with trio.move_on_after(math.inf if self._line is None else _TICK):
                    await self._changed.wait()
            await self._write()

    async def drained(self) -> None:
        """Wait until all is shown, and no bar any more that is not wanted."""
        while self._due or self._busy:
            await self._changed.wait()

    async def close(self) -> None:
        """Show what is left and remove the bar, if that can be and is not long, even when cancelled."""
        self._line = None
        with trio.move_on_after(_LAST_WORDS, shield=True), contextlib.suppress(OSError):
            await self._write()

    def _put(self, piece: OutputPiece) -> None:
        self._paper.put(piece)
        self._show()

    def _show(self) -> None:
        self._due = True
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def _write(self) -> None:
        bar = "" if self._line is None else self._line()
        self._due, self._busy = False, True
        try:
            await trio.to_thread.run_sync(self._paper.write, bar, abandon_on_cancel=True)
        finally:
            self._busy = False
            self._wake()


class _Paper:
    """What was written, and is to be. Threads write, one of which may have been left behind."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[OutputPiece] = deque()
        self._drawn = ""

    def put(self, piece: OutputPiece) -> None:
        self._waiting.append(piece)

    def write(self, bar: str) -> None:
        # spaces, and not an escape sequence, which not every terminal knows
        with self._lock:
            pieces = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if pieces:
                self._erase()
                write_pieces(pieces)
            if not bar:
                self._erase()
            elif (line := bar.ljust(len(self._drawn))) != self._drawn:
                write_all(STDERR, f"\r{line}".encode())
                self._drawn = line

    def _erase(self) -> None:
        if self._drawn:
            write_all(STDERR, f"\r{' ' * (len(self._drawn) + len(_ECHO))}\r".encode())
            self._drawn = ""


def _width() -> int:
    try:
        return os.get_terminal_size(STDERR).columns or _USUAL_WIDTH
    except OSError:
        return _USUAL_WIDTH
