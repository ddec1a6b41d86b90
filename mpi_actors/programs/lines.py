"""What a program writes to a pipe, as lines or as text of whole lines. Each byte comes out as it was."""

from __future__ import annotations

import os
from typing import Protocol

import trio

from ..wire.splitter import LineSplitter

_READ_SIZE = 64 * 1024
"""Bytes of one read: as many as a pipe holds on Linux."""
MAX_ERROR_LINE = 16 * 1024
"""Bytes after which a line of standard error is passed on in two pieces: people read it, and few lines are
longer."""


class Cutter(Protocol):
    """Cuts what was read into pieces."""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the pieces that `data` completes."""
        ...

    @property
    def pending(self) -> int:
        """Bytes of the piece that is not complete."""
        ...

    def end(self) -> list[bytes]:
        """Return the piece that is not complete, if there is one, as it is."""
        ...


class LineCutter:
    """Cuts into lines, with their ends.

    Args:
        limit: bytes of the longest line.
    """

    def __init__(self, limit: int) -> None:
        self._splitter = LineSplitter(limit)

    def feed(self, data: bytes) -> list[bytes]:
        """See `Cutter.feed`.

        Raises:
            LineTooLong: a line is longer than the limit.
        """
        return [line + b"\n" for line in self._splitter.feed(data)]

    @property
    def pending(self) -> int:
        """See `Cutter.pending`."""
        return self._splitter.pending

    def end(self) -> list[bytes]:
        """See `Cutter.end`: a line without an end."""
        return self._splitter.end()


class TextCutter:
    """Cuts behind the last end of a line that was read: one piece has many lines.

    Args:
        limit: bytes after which a line is cut in two.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._tail = b""

    def feed(self, data: bytes) -> list[bytes]:
        """See `Cutter.feed`."""
        text = self._tail + data
        end = text.rfind(b"\n") + 1
        if len(text) - end > self._limit:
            end = len(text)
        self._tail = text[end:]
        return [text[:end]] if end else []

    @property
    def pending(self) -> int:
        """See `Cutter.pending`."""
        return len(self._tail)

    def end(self) -> list[bytes]:
        """See `Cutter.end`."""
        tail, self._tail = self._tail, b""
        return [tail] if tail else []


class PipeReader:
    """Reads a pipe to its end, in pieces. One task calls `next` in a loop.

    Args:
        stream: the reading end. The caller keeps it, and closes it.
        cutter: makes the pieces.
    """

    def __init__(self, stream: trio.lowlevel.FdStream, cutter: Cutter) -> None:
        self._stream = stream
        self._cutter = cutter
        self._waiting = trio.CancelScope()
        self._settling = False
        self._settled = trio.Event()
        self.ended = False
        """The end of the pipe has been read."""

    async def next(self) -> list[bytes]:
        """Wait for the next pieces. An empty list is the end; `rest` then has a last piece without an end.

        Raises:
            LineTooLong: the cutter says so.
        """
        while not self.ended:
            await trio.lowlevel.checkpoint()
            try:
                data = os.read(self._stream.fileno(), _READ_SIZE)
            except BlockingIOError:
                if self._settling and (rest := self.rest()):
                    return rest
                await self._wait()
                continue
            except (OSError, trio.ClosedResourceError):
                data = b""
            if not data:
                self.ended = True
                break
            if pieces := self._cutter.feed(data):
                return pieces
        self._settled.set()
        return []

    async def settle(self) -> None:
        """Wait until `next` has returned all that the program has written so far, and is called once more.

        Then `next` returns a last piece without an end, too.
        """
        self._settling = True
        self._waiting.cancel()
        await self._settled.wait()

    @property
    def pending(self) -> int:
        """Bytes of the piece whose end has not been read."""
        return self._cutter.pending

    def rest(self) -> list[bytes]:
        """Return the bytes of the piece whose end has not been read; nothing if there are none."""
        return self._cutter.end()

    async def _wait(self) -> None:
        if self._settling:
            # the caller has dealt with all earlier pieces, since it asks for more
            self._settling = False
            self._settled.set()
            self._settled = trio.Event()
        with trio.CancelScope() as self._waiting:
            try:
                await trio.lowlevel.wait_readable(self._stream.fileno())
            except trio.ClosedResourceError:
                self.ended = True
