"""Scripts that a launcher has a daemon offer besides interpreters, and the standard input of rank 0."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

from ..errors import UsageError
from ..programs.spool import Spool
from ..wire.script import ScriptProgram


class Scripts:
    """The scripts that one daemon offers, by name."""

    def __init__(self) -> None:
        self._programs: dict[str, ScriptProgram] = {}

    @property
    def programs(self) -> Mapping[str, ScriptProgram]:
        """All scripts by name; the mapping shows scripts that are added later, too."""
        return self._programs

    def add(self, script: ScriptProgram) -> None:
        """Offer a script from now on.

        Raises:
            UsageError: another script has that name; a rank that is started again could run the wrong one.
        """
        if script.name in self._programs:
            raise UsageError(f"there is a script {script.name!r} already")
        self._programs[script.name] = script


class Inputs:
    """The files that rank 0 of a program reads as its standard input, if rank 0 starts on this peer."""

    def __init__(self) -> None:
        self._spools: dict[str, Spool] = {}
        self._readers: dict[str, Callable[[], AsyncIterator[bytes]]] = {}

    @property
    def readers(self) -> Mapping[str, Callable[[], AsyncIterator[bytes]]]:
        """Functions that read a program's input from its beginning, by the program's name; later ones appear,
        too."""
        return self._readers

    async def feed(self, program: str, path: str, size: int, ended: bool) -> None:
        """Take the news that the file at `path` has grown, and wait until more is wanted, or it has grown
        again.

        Args:
            program: the name of the program whose rank 0 reads the file.
            path: the file, which a launcher writes.
            size: the file's bytes now.
            ended: whether the file is complete.
        """
        spool = self._spools.get(path)
        if spool is None:
            spool = self._spools[path] = Spool(Path(path))
            self._readers[program] = spool.read
        spool.on_file_grow(size, ended)
        await spool.wait_wanted()
