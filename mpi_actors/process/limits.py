"""What a program gets to run with: resource limits, a clean environment, an interpreter."""

from __future__ import annotations

import os
import resource
import shutil
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import attrs

KEPT_VARIABLES = ("LD_LIBRARY_PATH",)
"""Taken over from our own environment: an interpreter may need it to start at all."""

_soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
OPEN_FILES = None if _soft == resource.RLIM_INFINITY else _soft
"""How many descriptors this process could have when it started: what scripts get. None for no limit."""
_MOST_OPEN_FILES = 65_536

_CPU_GRACE = 5  # seconds from SIGXCPU to SIGKILL


def _not_negative(_: object, attribute: attrs.Attribute[Any], value: int | None) -> None:
    if value is not None and value < 0:
        raise ValueError(f"{attribute.name} must not be negative: {value}")


@attrs.frozen(kw_only=True)
class ResourceLimits:
    """Limits of each process of a program; None means the daemon's own. None can exceed the daemon's."""

    memory: int | None = attrs.field(default=None, validator=_not_negative)
    """Address space, in bytes."""
    open_files: int | None = attrs.field(default=1024, validator=_not_negative)
    """Descriptors open at a time."""
    cpu_seconds: int | None = attrs.field(default=None, validator=_not_negative)
    """Processor time; past it comes SIGXCPU, five seconds later SIGKILL."""
    file_size: int | None = attrs.field(default=None, validator=_not_negative)
    """The largest file it may write, in bytes."""
    core: int | None = attrs.field(default=0, validator=_not_negative)
    """The largest core dump, in bytes."""

    def rlimits(self) -> list[tuple[int, int, int]]:
        """What is limited, as (RLIMIT number, soft, hard), and cut down to what this process may have."""
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
    """Let this process have more descriptors, as far as it may: each tunnel between two ranks takes one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def clean_path() -> str:
    """The PATH of programs: our own interpreter's directory first, so that they see the same packages."""
    own = [os.path.dirname(sys.executable)] if sys.executable else []
    return os.pathsep.join([*own, "/usr/local/bin", "/usr/bin", "/bin"])


def clean_environment(
    extra: Mapping[str, str] | None = None, *, home: str, seed: int, tmp: str | None = None
) -> dict[str, str]:
    """The environment of a program: the same on every peer, and nothing of ours that could be a secret.

    Args:
        extra: added last, so it may replace any other.
        home: HOME, a directory that the program may write.
        seed: PYTHONHASHSEED, taken modulo 2**32.
        tmp: TMPDIR; `home` if None.
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
    """The command of a rank of an interpreter: `python3 run.py <n> <rank> <args…>`."""
    return python_argv(program, str(n), str(rank), *args)


def python_argv(*args: str) -> tuple[str, ...]:
    """The command that runs a Python program with these arguments."""
    return (shutil.which("python3", path=clean_path()) or sys.executable, *args)
