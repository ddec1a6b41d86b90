"""What a program writes to a pipe, by whole lines."""

from __future__ import annotations

import os

import trio

from ..wire.splitter import LineSplitter

_READ = 64 * 1024


class LineReader:
    """Reads lines from a pipe to its end. One task calls `next` in a loop.

    Args:
        stream: the reading end. It stays its owner's.
        limit: bytes of the longest line.
        cut: make two lines of one that is longer; else it is an error.
    """

    def __init__(self, stream: trio.lowlevel.FdStream, limit: int, *, cut: bool = False) -> None:
        self._stream = stream
        self._splitter = LineSplitter(limit + _READ if cut else limit)
        self._cut = limit if cut else None
        self._waiting = trio.CancelScope()
        self._settling = False
        self._settled = trio.Event()
        self._ended = False

    async def next(self) -> list[bytes]:
        """Wait for the next lines; an empty list is the end. What follows the last line's end is in `rest`.

        Raises:
            LineTooLong: a line is longer than the limit.
        """
        while not self._ended:
            await trio.lowlevel.checkpoint()
            try:
                data = os.read(self._stream.fileno(), _READ)
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
        """Wait until all that was written by now has been returned, and the next has been asked for.

        A last line without an end is returned too.
        """
        self._settling = True
        self._waiting.cancel()
        await self._settled.wait()

    @property
    def pending(self) -> int:
        """Bytes that `rest` would return."""
        return self._splitter.pending

    def rest(self) -> list[bytes]:
        """The beginning of a line whose end is yet to be read, if there is any; now it counts as a line."""
        return self._splitter.end()

    async def _wait(self) -> None:
        if self._settling:
            # whoever called has dealt with all lines before
            self._settling = False
            self._settled.set()
            self._settled = trio.Event()
        with trio.CancelScope() as self._waiting:
            try:
                await trio.lowlevel.wait_readable(self._stream.fileno())
            except trio.ClosedResourceError:
                self._ended = True
