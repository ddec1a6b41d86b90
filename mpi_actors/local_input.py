"""What rank 0 of a script reads: kept in a file that every daemon of a local pool can read."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Callable, Iterable
from pathlib import Path
from typing import Protocol

import trio

from .control_words import Feed
from .errors import MpiActorsError


class Fed(Protocol):
    """A daemon that may host rank 0."""

    async def ask(self, request: Feed) -> None:
        """Ask it.

        Raises:
            MpiActorsError: it has ended, or does not know the script.
        """
        ...


class LocalInput:
    """Writes what `source` gives to a file, tells the daemons of it, and stays only a little ahead of them.

    Whichever daemon hosts rank 0 reads the file, from its beginning for each incarnation.

    Args:
        script: the script's name.
        path: the file, which is made.
        source: what is to be read.
        daemons: those that offer the script and live, now.
    """

    def __init__(
        self,
        script: str,
        path: Path,
        source: AsyncIterable[bytes],
        daemons: Callable[[], Iterable[Fed]],
    ) -> None:
        self._script = script
        self._path = path
        self._source = source
        self._daemons = daemons
        self._size = 0
        self._ended = False
        self._telling = trio.CancelScope()

    async def run(self) -> None:
        """Feed until this is cancelled, which is to be when the job is over.

        Raises:
            OSError: the file cannot be written.
        """
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            async for data in self._source:
                await trio.to_thread.run_sync(_write, file, data)
                self._size += len(data)
                while not await self._tell():
                    pass
            self._ended = True
        finally:
            os.close(file)
        while True:
            await self._tell()

    def daemon_came(self) -> None:
        """One more daemon offers the script: it is told of what there is."""
        self._telling.cancel()

    async def _tell(self) -> bool:
        """Tell the daemons that there are; True when one wants more, False when there are others."""
        wanted = False
        request = Feed(script=self._script, size=self._size, ended=self._ended)
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


def _write(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
