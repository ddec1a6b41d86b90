"""The standard input of rank 0 of an MPI program, in a file that all daemons of a local pool can read."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import trio

from ...errors import MpiActorsError
from ...process.descriptors import write_all
from ...wire.control import Feed


class Fed(Protocol):
    """A daemon that may host rank 0, as the input needs it."""

    async def ask(self, request: Feed) -> None:
        """Send a request, and wait for the answer.

        Raises:
            MpiActorsError: the daemon has ended.
        """
        ...


class LocalInput:
    """Writes what `source` gives to a file, and tells the daemons how long the file is.

    The daemon that hosts rank 0 reads the file, from its beginning for each incarnation. The writer stays
    only a little ahead of it.

    Args:
        program: the name of the program.
        path: the file. It must not exist.
        source: gives the input.
        daemons: returns the daemons that live now.
    """

    def __init__(
        self,
        program: str,
        path: Path,
        source: AsyncIterable[bytes],
        daemons: Callable[[], Iterable[Fed]],
    ) -> None:
        self._program = program
        self.path = path
        """The file."""
        self._source = source
        self._daemons = daemons
        self._size = 0
        self._ended = False
        self._telling = trio.CancelScope()

    async def announce(self) -> None:
        """Tell the daemons that there is an input, before rank 0 starts at one of them."""
        request = self._request()
        for daemon in self._daemons():
            with suppress(MpiActorsError):
                await daemon.ask(request)

    async def run(self) -> None:
        """Feed the daemons until cancelled. The caller cancels this when the job has ended.

        Raises:
            OSError: the file cannot be written.
        """
        file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            async for data in self._source:
                await trio.to_thread.run_sync(write_all, file, data)
                self._size += len(data)
                while not await self._tell():
                    pass
            self._ended = True
        finally:
            os.close(file)
        while True:
            await self._tell()

    def on_daemon_up(self) -> None:
        """Tell all daemons of the input again: there is a new one."""
        self._telling.cancel()

    def _request(self) -> Feed:
        return Feed(program=self._program, path=str(self.path), size=self._size, ended=self._ended)

    async def _tell(self) -> bool:
        """Tell the daemons the size; return True when one wants more, False when a daemon is new."""
        wanted = False
        request = self._request()
        async with trio.open_nursery() as nursery:
            self._telling = nursery.cancel_scope

            async def ask(daemon: Fed) -> None:
                nonlocal wanted
                try:
                    await daemon.ask(request)
                except MpiActorsError:
                    return
                if not self._ended:
                    wanted = True
                    nursery.cancel_scope.cancel()

            for daemon in self._daemons():
                nursery.start_soon(ask, daemon)
            nursery.start_soon(trio.sleep_forever)
        return wanted
