"""What a program writes to a pipe, as whole lines."""

from __future__ import annotations

import os

import trio

from ..wire.splitter import LineSplitter

_READ_SIZE = 64 * 1024
"""Bytes of one read: as many as a pipe holds on Linux."""


class LineReader:
    """Reads lines from a pipe to its end. One task calls `next` in a loop.

    Args:
        stream: the reading end. The caller keeps it, and closes it.
        limit: bytes of the longest line.
        cut: whether a longer line becomes two lines; otherwise it is an error.
    """

    def __init__(self, stream: trio.lowlevel.FdStream, limit: int, *, cut: bool = False) -> None:
        self._stream = stream
        self._splitter = LineSplitter(limit + _READ_SIZE if cut else limit)
        self._cut = limit if cut else None
        self._waiting = trio.CancelScope()
        self._settling = False
        self._settled = trio.Event()
        self._ended = False

    async def next(self) -> list[bytes]:
        """Wait for the next lines. An empty list is the end; `rest` then has a last line that has no end.

        Raises:
            LineTooLong: a line is longer than the limit.
        """
        while not self._ended:
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
                self._ended = True
                break
            lines = self._splitter.feed(data)
            if self._cut is not None and self._splitter.pending > self._cut:
                lines += self.rest()
            if lines:
                return lines
        self._settled.set()
        return []

    async def settle(self) -> None:
        """Wait until `next` has returned all that the program has written so far, and is called once more.

        Then `next` returns a last line without an end, too.
        """
        self._settling = True
        self._waiting.cancel()
        await self._settled.wait()

    @property
    def pending(self) -> int:
        """Bytes of the line whose end has not been read."""
        return self._splitter.pending

    def rest(self) -> list[bytes]:
        """Return, as a line, the bytes of the line whose end has not been read; nothing if there are none."""
        return self._splitter.end()

    async def _wait(self) -> None:
        if self._settling:
            # the caller has dealt with all earlier lines, since it asks for more
            self._settling = False
            self._settled.set()
            self._settled = trio.Event()
        with trio.CancelScope() as self._waiting:
            try:
                await trio.lowlevel.wait_readable(self._stream.fileno())
            except trio.ClosedResourceError:
                self._ended = True
