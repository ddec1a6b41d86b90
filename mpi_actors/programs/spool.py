"""Standard input of a program that may be started again: a file that another process writes, and tells of.

Each incarnation reads it from its beginning. The writer stays only a little ahead of the furthest reader.
"""

from __future__ import annotations

import functools
import os
from collections.abc import AsyncIterator
from pathlib import Path

import trio

AHEAD = 1024 * 1024
"""Bytes that the writer may be ahead of the furthest reader before `wanted` makes it wait."""

_READ = 64 * 1024


class Spool:
    """The reading side.

    Args:
        path: the file. It is opened by the first reader, and may be removed once the last one has ended.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        self._ended = False
        self._taken = 0
        self._changed = trio.Event()

    def grown(self, size: int, ended: bool) -> None:
        """The file has so many bytes now, and if `ended` gets no more."""
        self._size = max(self._size, size)
        self._ended |= ended
        self._change()

    async def wanted(self) -> None:
        """Wait until more is wanted, none is needed any more, or `grown` has been called again."""
        size = self._size
        while not self._ended and self._size == size and self._taken + AHEAD < size:
            await self._changed.wait()

    async def read(self) -> AsyncIterator[bytes]:
        """All of it, from the beginning to the end that the writer tells.

        Raises:
            OSError: the file cannot be read.
        """
        if not await self._more(0):
            return
        # no flags for Python's text or buffers: bytes as they are, and another writer in between
        file = await trio.to_thread.run_sync(os.open, self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            position = 0
            while await self._more(position):
                most = min(_READ, self._size - position)
                data = await trio.to_thread.run_sync(functools.partial(os.pread, file, most, position))
                if not data:
                    return  # it was cut short: there is no more
                yield data
                position += len(data)
                if position > self._taken:
                    self._taken = position
                    self._change()
        finally:
            os.close(file)

    async def _more(self, position: int) -> bool:
        """Wait for bytes after `position`; False at the end."""
        while self._size <= position and not self._ended:
            await self._changed.wait()
        return self._size > position

    def _change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
