"""Standard input of a program that may be started again: a file that another process writes.

The writer tells how far it is. Each incarnation reads the file from its beginning. The writer stays only a
little ahead of the furthest reader.
"""

from __future__ import annotations

import functools
import os
from collections.abc import AsyncIterator
from pathlib import Path

import trio

from ..actors import Bell

AHEAD = 1024 * 1024
"""Bytes that the writer may be ahead of the furthest reader: enough that a reader need not wait for the
writer, and little enough that the disk need not hold input that nobody reads."""

_READ_SIZE = 64 * 1024
"""Bytes of one read: as many as a pipe to the program holds on Linux."""


class Spool:
    """The reading side.

    Args:
        path: the file. Each reader opens it when there is something to read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._size = 0
        self._ended = False
        self._taken = 0
        self._changed = Bell()

    def on_file_grow(self, size: int, ended: bool) -> None:
        """Note that the file has `size` bytes now; with `ended` the writer adds no more."""
        self._size = max(self._size, size)
        self._ended |= ended
        self._changed.ring()

    async def wait_wanted(self) -> None:
        """Wait until the writer should write more, has ended, or has called `on_file_grow` again."""
        size = self._size
        while not self._ended and self._size == size and self._taken + AHEAD < size:
            await self._changed.wait()

    async def read(self) -> AsyncIterator[bytes]:
        """Yield the file from its beginning to the end that the writer tells.

        Raises:
            OSError: the file cannot be read.
        """
        if not await self._more(0):
            return
        # descriptors and pread, not a Python file: no buffer may hide what the writer adds meanwhile
        file = await trio.to_thread.run_sync(os.open, self._path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            position = 0
            while await self._more(position):
                most = min(_READ_SIZE, self._size - position)
                data = await trio.to_thread.run_sync(functools.partial(os.pread, file, most, position))
                if not data:
                    return  # somebody has cut the file short
                yield data
                position += len(data)
                if position > self._taken:
                    self._taken = position
                    self._changed.ring()
        finally:
            os.close(file)

    async def _more(self, position: int) -> bool:
        """Wait for bytes after `position`. Return False at the end of the file."""
        while self._size <= position and not self._ended:
            await self._changed.wait()
        return self._size > position
