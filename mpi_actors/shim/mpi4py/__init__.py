"""The package that programs for mpi4py import, in a process that is a rank of a job.

`MPI` is `mpi_actors.MPI`. What else mpi4py has in Python (`futures`, `util`, `run`, `bench` …) is taken
from an installed mpi4py, if there is one further down `sys.path`; it is never itself imported.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from typing import Any

from mpi_actors.mpi.rc import Rc as Rc
from mpi_actors.mpi.rc import rc as rc

__version__ = "4.1.2"
"""The version of mpi4py whose interface this is."""

__all__ = ["MPI"]  # a module of the package

sys.modules[f"{__name__}.rc"] = rc  # type: ignore[assignment]  # so that `import mpi4py.rc` works


def _installed() -> str | None:
    """The folder of an installed mpi4py."""
    here = os.path.dirname(os.path.abspath(__file__))
    for entry in sys.path:
        folder = os.path.join(os.path.abspath(entry or os.curdir), "mpi4py")
        if os.path.isfile(os.path.join(folder, "__init__.py")) and not os.path.samefile(folder, here):
            return folder
    return None


_real = _installed()
if _real is not None:
    __path__.append(_real)


def get_include() -> str:
    """The folder of header files. These only say that a library in Python has no C interface."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "include")


def get_config() -> dict[str, str]:
    """How MPI was built: nothing was."""
    return {}


def profile(name: str | bytes | os.PathLike[Any], *, path: Any = None) -> None:
    """Load a profiler's library, as mpi4py does; there are no calls in C that it could see.

    Raises:
        ValueError: it is not found in `path` (the current folder).
    Warns:
        UserWarning: it is no library.
    """
    import ctypes
    from warnings import warn

    filename = _library(os.fsdecode(name), _folders(path))
    if filename is None:
        raise ValueError(f"there is no profiler {os.fsdecode(name)!r}")
    try:
        ctypes.CDLL(filename, ctypes.RTLD_GLOBAL)
    except OSError as error:
        warn(str(error), UserWarning, stacklevel=2)


def _folders(path: Any) -> list[str]:
    if path is None:
        return [""]
    if isinstance(path, str | bytes):
        return os.fsdecode(path).split(os.pathsep)
    folders: Iterable[Any] = [path] if isinstance(path, os.PathLike) else path
    return [os.fsdecode(folder) for folder in folders]


def _library(name: str, folders: list[str]) -> str | None:
    for folder in folders:
        for file in (name, f"lib{name}.so"):
            filename = os.path.join(folder, file)
            if os.path.isfile(filename):
                return os.path.realpath(filename)
    return None
