"""What a rank's process is started with: command line, environment and limits, for each sort of program."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ..process.limits import OPEN_FILES, ResourceLimits, clean_environment, interpreter_argv, python_argv
from ..process.spec import ProcessSpec
from ..process.warden import CHANNEL, PAGE
from ..wire.environment import RankEnvironment
from ..wire.script import ScriptProgram
from .arithmetic import pinned
from .program import Order

_PACKAGE = Path(__file__).parent.parent
SHIM = _PACKAGE / "shim"
"""The directory in which ranks find the package `mpi4py`."""
_BOOT = "mpi_actors.mpi.boot"
"""The module that boots a rank that speaks MPI."""


def stdio_spec(order: Order, directory: Path, limits: ResourceLimits) -> ProcessSpec:
    """Describe the process of an interpreter that speaks lines.

    Args:
        order: which rank to start.
        directory: the private copy: it contains `program` and `home`.
        limits: of the process.
    """
    return ProcessSpec(
        argv=interpreter_argv(order.size, order.rank, order.args),
        cwd=str(directory / "program"),
        env=clean_environment(_for_lines(order), home=str(directory / "home"), seed=order.seed),
        limits=limits,
    )


def mpi_spec(order: Order, directory: Path, limits: ResourceLimits) -> ProcessSpec:
    """Describe the process of an interpreter that speaks MPI; see `stdio_spec` for the arguments."""
    pins = pinned({}) if order.replay.replay else {}
    about = {**pins, **_for_mpi(order), "PYTHONPATH": python_path({})}
    return ProcessSpec(
        argv=python_argv("-m", _BOOT, "run.py", *order.args),
        cwd=str(directory / "program"),
        env=clean_environment(about, home=str(directory / "home"), seed=order.seed),
        limits=limits,
    )


def script_spec(order: Order, script: ScriptProgram) -> ProcessSpec:
    """Describe the process of a script: where it lies, with its caller's environment and the daemon's
    limits."""
    given = {"PYTHONUNBUFFERED": "1", **script.env}
    if order.replay.replay:
        given = {"PYTHONHASHSEED": str(order.seed), **pinned(script.env), **given}
    about = {**_for_mpi(order), "PYTHONPATH": python_path(script.env)}
    return ProcessSpec(
        argv=(script.python, "-m", _BOOT, *script.command(), *order.args),
        cwd=script.cwd,
        env=given | about,
        limits=ResourceLimits(open_files=OPEN_FILES, core=None),
        umask=script.umask,
    )


def python_path(env: Mapping[str, str]) -> str:
    """Return PYTHONPATH for a rank that speaks MPI: the shim comes first, then PYTHONPATH of `env`."""
    return os.pathsep.join(filter(None, [str(SHIM), env.get("PYTHONPATH", "")]))


def _for_lines(order: Order) -> dict[str, str]:
    return RankEnvironment(order.job, order.rank, order.size, order.incarnation).write()


def _for_mpi(order: Order) -> dict[str, str]:
    return RankEnvironment(
        order.job,
        order.rank,
        order.size,
        order.incarnation,
        channel=CHANNEL,
        page=None if order.page is None else PAGE,
        seed=order.seed if order.replay.replay else None,
        processor=order.processor,
        replay=order.replay.replay,
        entropy=None if order.replay.real_entropy or not order.replay.replay else order.entropy.hex(),
    ).write()
