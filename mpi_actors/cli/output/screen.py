"""What a command that runs once shows: lines, and on a terminal a progress bar below them."""

from __future__ import annotations

import contextlib
import math
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator

import trio

from ...actors import Bell
from ...content.store.backend import OnProgress, TransferProgress
from ...process.descriptors import write_all
from ..text.progress import Speed, render
from .outbox import OutputPiece
from .streams import STDERR, write_pieces

_REDRAW_INTERVAL = 0.1
"""Seconds between two drawings of the bar: it moves smoothly and takes little time."""
_LAST_WORDS = 0.5
"""Seconds that a stopped command may take to write what is left."""
_USUAL_WIDTH = 80
"""Columns of a terminal that does not tell its width: the most common width."""
_ECHO = "^C"
"""What a terminal may show behind the bar when a person presses Ctrl-C; it is removed with the bar."""


class Screen:
    """Shows lines in order, and at most one bar. The bar is on standard error and is removed in the end.

    Args:
        bar: whether to show bars. If standard error is not a terminal, there are none in any case.
    """

    def __init__(self, *, bar: bool = True) -> None:
        self._may_draw = bar and os.isatty(STDERR)
        self._line: Callable[[], str] | None = None
        self._paper = _Paper()
        self._due = False
        self._busy = False
        self._changed = Bell()

    def say(self, text: str) -> None:
        """Show a text and an end of line after it, on standard output."""
        self._put(OutputPiece(text + "\n", error=False))

    def complain(self, text: str) -> None:
        """Show a text and an end of line after it, on standard error."""
        self._put(OutputPiece(text + "\n", error=True))

    @contextlib.contextmanager
    def progress(self, verb: str) -> Iterator[OnProgress | None]:
        """Inside, show a bar. Yield the callable that takes the progress; None if there is no bar."""
        if not self._may_draw:
            yield None
            return
        now: TransferProgress | None = None
        speed = Speed(trio.current_time())

        def on_progress(progress: TransferProgress) -> None:
            nonlocal now
            now = progress

        def line() -> str:
            # keep the last column free, too: some terminals then go to the next line
            width = max(1, _width() - len(_ECHO) - 1)
            if now is None:
                return f"{verb} …"[:width]
            return render(verb, now, speed.tell(trio.current_time(), now.done), width)

        self._line = line
        self._show()
        try:
            yield on_progress
        finally:
            self._line = None
            self._show()

    async def pump(self) -> None:
        """Show lines and the bar as they change, until cancelled.

        Raises:
            OSError: the output cannot be written any more.
        """
        while True:
            if not self._due:
                with trio.move_on_after(math.inf if self._line is None else _REDRAW_INTERVAL):
                    await self._changed.wait()
            await self._write()

    async def drained(self) -> None:
        """Wait until all lines are shown, and an ended bar is removed."""
        while self._due or self._busy:
            await self._changed.wait()

    async def close(self) -> None:
        """Show what is left and remove the bar, even when cancelled; give up after half a second."""
        self._line = None
        with trio.move_on_after(_LAST_WORDS, shield=True), contextlib.suppress(OSError):
            await self._write()

    def _put(self, piece: OutputPiece) -> None:
        self._paper.put(piece)
        self._show()

    def _show(self) -> None:
        self._due = True
        self._changed.ring()

    async def _write(self) -> None:
        bar = "" if self._line is None else self._line()
        self._due, self._busy = False, True
        try:
            await trio.to_thread.run_sync(self._paper.write, bar, abandon_on_cancel=True)
        finally:
            self._busy = False
            self._changed.ring()


class _Paper:
    """What was written, and what waits. Threads write here; a cancelled command may leave one behind."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[OutputPiece] = deque()
        self._drawn = ""

    def put(self, piece: OutputPiece) -> None:
        self._waiting.append(piece)

    def write(self, bar: str) -> None:
        # erase with spaces: not every terminal knows an escape sequence for that
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
