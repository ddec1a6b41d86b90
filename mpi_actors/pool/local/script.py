"""A script or module on this machine, as what the daemons of a local pool are asked to offer."""

from __future__ import annotations

import os
import sys
from collections.abc import Container, Mapping
from pathlib import Path

import attrs

from ...errors import UsageError
from ...wire.messages import MAX_NAME
from ...wire.script import ScriptProgram


def script(
    path: Path | str,
    *,
    cwd: Path | str | None = None,
    env: Mapping[str, str] | None = None,
    python: str | None = None,
) -> ScriptProgram:
    """A Python script that uses mpi4py.

    Args:
        path: where it is, from this process's working directory.
        cwd: the working directory of its ranks; ours by default.
        env: their environment; ours by default.
        python: the Python interpreter that runs them; ours by default.

    Raises:
        UsageError: there is no such file, or no such working directory.
    """
    place = Path(path)
    if not place.is_file():
        there = "that is no file" if place.exists() else "there is no such file"
        raise UsageError(f"cannot run {str(path)!r}: {there}")
    # as Python has it, `sys.argv[0]` is what was typed; but it must lead there from where the ranks run
    named = str(path) if cwd is None else os.path.abspath(place)
    return _made(place.name, (named,), False, cwd, env, python)


def module(
    name: str,
    *,
    cwd: Path | str | None = None,
    env: Mapping[str, str] | None = None,
    python: str | None = None,
) -> ScriptProgram:
    """A Python module that uses mpi4py, to be found as `python -m` finds it. See `script`.

    Raises:
        UsageError: that cannot be a module's name, or there is no such working directory.
    """
    if not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(f"{name!r} cannot be a module's name")
    return _made(name, (name,), True, cwd, env, python)


def under_other_name(script: ScriptProgram, taken: Container[str]) -> ScriptProgram:
    """The same script under a name that is not taken: its own, if that is free."""
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
    # a peer's offer is a list of names that others read, with a limit in bytes and a number after it
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
    """This process's, without setting it meanwhile as os.umask would."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("Umask:"):
            return int(line.split()[1], 8)
    return 0o077
