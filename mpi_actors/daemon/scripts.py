"""Scripts that a launcher has a daemon offer besides interpreters, and what rank 0 of a program reads."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from ..errors import UsageError
from ..programs.spool import Spool
from ..wire.script import ScriptProgram


class Scripts:
    """The scripts of one daemon."""

    def __init__(self) -> None:
        self._programs: dict[str, ScriptProgram] = {}

    @property
    def programs(self) -> Mapping[str, ScriptProgram]:
        """All of them by name; what is added later is there too."""
        return self._programs

    def add(self, script: ScriptProgram) -> None:
        """Offer it from now on.

        Raises:
            UsageError: another one has that name: a rank that is started again would run the wrong one.
        """
        if script.name in self._programs:
            raise UsageError(f"there is a script {script.name!r} already")
        self._programs[script.name] = script


class Inputs:
    """Files that rank 0 of a program reads as its standard input, if it starts here."""

    def __init__(self) -> None:
        self._spools: dict[str, Spool] = {}
        self._readers: dict[str, Callable[[], AsyncIterator[bytes]]] = {}

    @property
    def readers(self) -> Mapping[str, Callable[[], AsyncIterator[bytes]]]:
        """What reads them, from the beginning, by the programs' names; what is added later is there too."""
        return self._readers

    async def feed(self, program: str, path: str, size: int, ended: bool) -> None:
        """A file has grown; returns when more of it is wanted, or it has grown again."""
        spool = self._spools.get(path)
        if spool is None:
            spool = self._spools[path] = Spool(Path(path))
            self._readers[program] = spool.read
        spool.on_file_grow(size, ended)
        await spool.wait_wanted()
