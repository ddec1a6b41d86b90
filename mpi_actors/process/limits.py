"""What a program runs with: resource limits, a clean environment, the Python interpreter."""

from __future__ import annotations

import os
import resource
import shutil
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

KEPT_VARIABLES = ("LD_LIBRARY_PATH",)
"""Variables that programs take over from the daemon: a Python interpreter may need them to start at all."""

_soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
OPEN_FILES = None if _soft == resource.RLIM_INFINITY else _soft
"""The limit of open descriptors that this process was started with: what scripts get. None for no limit."""
_DAEMON_OPEN_FILES = 65_536
"""Descriptors that a daemon asks for: enough for a tunnel between each two of its 256 ranks."""

_CPU_GRACE = 5
"""Seconds of processor time from SIGXCPU to SIGKILL: a program may use them to end in good order."""


def _not_negative(_: object, attribute: attrs.Attribute[Any], value: int | None) -> None:
    if value is not None and value < 0:
        raise ValueError(f"{attribute.name} must not be negative: {value}")


@attrs.frozen(kw_only=True)
class ResourceLimits:
    """Limits of each process of a program. None stands for the daemon's own limit, which none exceeds."""

    memory: int | None = attrs.field(default=None, validator=_not_negative)
    """Address space of a process, in bytes."""
    open_files: int | None = attrs.field(default=1024, validator=_not_negative)
    """Descriptors that a process may have open at a time."""
    cpu_seconds: int | None = attrs.field(default=None, validator=_not_negative)
    """Seconds of processor time. After them the kernel sends SIGXCPU, and five seconds later SIGKILL."""
    file_size: int | None = attrs.field(default=None, validator=_not_negative)
    """The largest file that a process may write, in bytes."""
    core: int | None = attrs.field(default=0, validator=_not_negative)
    """The largest core dump, in bytes."""

    def rlimits(self) -> list[tuple[int, int, int]]:
        """Return the limits as (RLIMIT number, soft, hard), reduced to what this process may set."""
        limits = [
            (resource.RLIMIT_AS, self.memory, 0),
            (resource.RLIMIT_NOFILE, self.open_files, 0),
            (resource.RLIMIT_CPU, self.cpu_seconds, _CPU_GRACE),
            (resource.RLIMIT_FSIZE, self.file_size, 0),
            (resource.RLIMIT_CORE, self.core, 0),
        ]
        return [
            (which, _attainable(which, value), _attainable(which, value + grace))
            for which, value, grace in limits
            if value is not None
        ]


def _attainable(which: int, value: int) -> int:
    _, ceiling = resource.getrlimit(which)
    return value if ceiling == resource.RLIM_INFINITY else min(value, ceiling)


def lift_open_files() -> None:
    """Raise this process's limit of open descriptors: each tunnel between two ranks takes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _DAEMON_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _DAEMON_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def clean_path() -> str:
    """Return the PATH of programs. This process's own Python comes first, so that they see its packages."""
    own = [os.path.dirname(sys.executable)] if sys.executable else []
    return os.pathsep.join([*own, "/usr/local/bin", "/usr/bin", "/bin"])


def clean_environment(
    extra: Mapping[str, str] | None = None, *, home: str, seed: int, tmp: str | None = None
) -> dict[str, str]:
    """Return the environment of a program: the same on every peer, and without the daemon's secrets.

    Args:
        extra: variables added last; they may replace others.
        home: the value of HOME: a directory that the program may write.
        seed: the value of PYTHONHASHSEED, modulo 2**32.
        tmp: the value of TMPDIR; `home` if None.
    """
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    environment.update(
        PATH=clean_path(),
        LANG="C.UTF-8",
        LC_ALL="C.UTF-8",
        TZ="UTC",
        HOME=home,
        TMPDIR=home if tmp is None else tmp,
        PYTHONUNBUFFERED="1",
        PYTHONHASHSEED=str(seed % 2**32),
    )
    environment.update(extra or {})
    return environment


def interpreter_argv(n: int, rank: int, args: Iterable[str], *, program: str = "run.py") -> tuple[str, ...]:
    """Return the command of a rank of an interpreter: `python3 run.py <n> <rank> <args…>`."""
    return python_argv(program, str(n), str(rank), *args)


def python_argv(*args: str) -> tuple[str, ...]:
    """Return the command that runs Python with these arguments."""
    return (shutil.which("python3", path=clean_path()) or sys.executable, *args)
