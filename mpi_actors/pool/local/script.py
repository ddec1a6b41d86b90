"""Makes a script or module on this machine into what the daemons of a local pool can offer."""

from __future__ import annotations

import os
import sys
from collections.abc import Container, Mapping
from pathlib import Path

import attrs

from ...errors import UsageError
from ...wire.fields import MAX_NAME
from ...wire.script import ScriptProgram


def script(
    path: Path | str,
    *,
    cwd: Path | str | None = None,
    env: Mapping[str, str] | None = None,
    python: str | None = None,
) -> ScriptProgram:
    """Describe a Python script that uses mpi4py.

    Args:
        path: the file, from this process's working directory.
        cwd: the working directory of its ranks; by default this process's.
        env: the environment of its ranks; by default this process's.
        python: the Python that runs its ranks; by default this process's.

    Raises:
        UsageError: there is no such file or working directory.
    """
    place = Path(path)
    if not place.is_file():
        there = "that is not a file" if place.exists() else "there is no such file"
        raise UsageError(f"cannot run {str(path)!r}: {there}")
    # like Python, keep what was typed as `sys.argv[0]`; but the ranks must find it from their directory
    named = str(path) if cwd is None else os.path.abspath(place)
    return _made(place.name, (named,), False, cwd, env, python)


def module(
    name: str,
    *,
    cwd: Path | str | None = None,
    env: Mapping[str, str] | None = None,
    python: str | None = None,
) -> ScriptProgram:
    """Describe a Python module that uses mpi4py, which ranks find as `python -m` does. See `script`.

    Raises:
        UsageError: `name` cannot be the name of a module, or there is no such working directory.
    """
    if not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(f"{name!r} cannot be a module's name")
    return _made(name, (name,), True, cwd, env, python)


def under_other_name(script: ScriptProgram, taken: Container[str]) -> ScriptProgram:
    """Return the script under its own name or, if that is in `taken`, under its name with a number."""
    name, number = script.name, 1
    while name in taken:
        number += 1
        name = f"{script.name}#{number}"
    return attrs.evolve(script, name=name)


def _made(
    name: str,
    argv: tuple[str, ...],
    module: bool,
    cwd: Path | str | None,
    env: Mapping[str, str] | None,
    python: str | None,
) -> ScriptProgram:
    try:
        where = os.getcwd() if cwd is None else os.path.abspath(cwd)
    except OSError as error:
        raise UsageError(f"the working directory is gone: {error.strerror}") from error
    if not os.path.isdir(where):
        raise UsageError(f"no working directory {where!r}: there is no such directory")
    # other peers read names with a limit in bytes, and `under_other_name` may add a number
    short = name.encode(errors="replace").decode()[: MAX_NAME // 4] or "script"
    return ScriptProgram(
        name=short,
        argv=argv,
        module=module,
        cwd=where,
        env=dict(os.environ if env is None else env),
        python=python or sys.executable,
        umask=_umask(),
    )


def _umask() -> int:
    """Return this process's umask. `os.umask` would change it for a moment, also for other threads."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    return 0o077
