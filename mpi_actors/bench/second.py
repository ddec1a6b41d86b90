"""The second process of a benchmark, as the first one sees it."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import partial

import trio

from ..errors import MpiActorsError


class SecondProcess:
    """A process that prints lines, and ends when its standard input does. Made by `start`."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._buffer = b""

    async def line(self) -> str:
        """Return the next line that the process prints.

        Raises:
            MpiActorsError: the process ended first.
        """
        assert self._process.stdout is not None, "`start` asked for a pipe"
        while b"\n" not in self._buffer:
            piece = await self._process.stdout.receive_some()
            if not piece:
                raise MpiActorsError("the benchmark's second process ended too early")
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        return line.decode().strip()

    async def end(self) -> None:
        """Close the standard input of the process."""
        assert self._process.stdin is not None, "`start` asked for a pipe"
        await self._process.stdin.aclose()


async def start(nursery: trio.Nursery, command: Sequence[str]) -> SecondProcess:
    """Run a command; the nursery waits for its end."""
    run = partial(trio.run_process, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    return SecondProcess(await nursery.start(run))
