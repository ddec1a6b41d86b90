"""Scripts that a launcher has a daemon offer besides interpreters, and what their rank 0 reads."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from .control_words import Script
from .errors import UsageError
from .process.script import ScriptProgram
from .process.spool import Spool


class Scripts:
    """The scripts of one daemon."""

    def __init__(self) -> None:
        self._programs: dict[str, ScriptProgram] = {}
        self._spools: dict[str, Spool] = {}

    @property
    def programs(self) -> Mapping[str, ScriptProgram]:
        """All of them by name; what is added later is there too."""
        return self._programs

    def add(self, script: Script) -> None:
        """Offer it from now on.

        Raises:
            UsageError: another one has that name: a rank that is started again would run the wrong one.
        """
        if script.name in self._programs:
            raise UsageError(f"there is a script {script.name!r} already")
        spool = None
        if script.input is not None:
            spool = self._spools[script.name] = Spool(Path(script.input))
        self._programs[script.name] = ScriptProgram(
            name=script.name,
            argv=script.argv,
            module=script.module,
            cwd=script.cwd,
            env=script.env,
            python=script.python,
            umask=script.umask,
            stdin=None if spool is None else spool.read,
        )

    async def feed(self, name: str, size: int, ended: bool) -> None:
        """The input of one has grown; returns when more of it is wanted, or it has grown again.

        Raises:
            UsageError: there is none of that name that reads any.
        """
        spool = self._spools.get(name)
        if spool is None:
            raise UsageError(f"no script {name!r} here reads standard input")
        spool.grown(size, ended)
        await spool.wanted()
