"""A user's own script, as a launcher describes it to a daemon and as the daemon runs it.

The script runs where it lies, in the directory and the environment of its caller.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated

import attrs
import msgspec


def _copied(env: Mapping[str, str]) -> dict[str, str]:
    return dict(env)


@attrs.frozen(kw_only=True)
class ScriptProgram:
    """A Python script or module that speaks MPI. A daemon offers it besides the interpreters of its store."""

    name: str
    """The program's name in jobs."""
    argv: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = attrs.field(
        validator=attrs.validators.min_len(1)
    )
    """The path of a script, or the name of a module if `module`; then arguments. Those of a job follow."""
    module: bool = False
    """`argv` begins with the name of a module, as after `python -m`."""
    cwd: str
    """The working directory of the ranks."""
    env: Mapping[str, str] = attrs.field(converter=_copied)
    """The environment of the ranks; the variables that tell a rank who it is come on top."""
    python: str = sys.executable
    """The Python interpreter that runs the script."""
    umask: int = 0o022
    """Permissions that files made by the script do not get."""

    def command(self) -> tuple[str, ...]:
        """Return what follows the module that boots a rank on the command line."""
        return ("-m", *self.argv) if self.module else self.argv
