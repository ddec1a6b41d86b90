"""A user's own script as a program: it runs where it lies, in its caller's directory and environment."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import MappingProxyType

import attrs


def _frozen_copy(env: Mapping[str, str]) -> Mapping[str, str]:
    return MappingProxyType(dict(env))


@attrs.frozen(kw_only=True, eq=False)
class ScriptProgram:
    """A Python script or module that speaks MPI. A launcher is given such programs; no store has them.

    The arguments of the job come after `argv`.
    """

    name: str
    """The program's name in jobs."""
    argv: tuple[str, ...] = attrs.field(validator=attrs.validators.min_len(1))
    """A script's path, or a module's name if `module`; and arguments."""
    module: bool = False
    """`argv` begins with a module's name, as after `python -m`."""
    cwd: str
    """The working directory."""
    env: Mapping[str, str] = attrs.field(converter=_frozen_copy)
    """The environment; what a rank needs to know is set on top of it."""
    python: str = sys.executable
    """The Python interpreter that runs it."""
    umask: int = 0o022
    """Permissions that the files it makes do not get."""

    def command(self) -> tuple[str, ...]:
        """What follows the module that boots a rank."""
        return ("-m", *self.argv) if self.module else self.argv
