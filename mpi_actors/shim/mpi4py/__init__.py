"""The package that programs for mpi4py import, in a process that is a rank of a job.

`MPI` is `mpi_actors.MPI`. The other parts of mpi4py that are in Python (`futures`, `util`, `run`, `bench` …)
come from an installed mpi4py, if there is one later on `sys.path`. The installed package itself is never
imported.
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
    """Return the folder of an installed mpi4py, if there is one."""
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
    """Return the folder of header files. These only say that a library in Python has no C interface."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)), "include")


def get_config() -> dict[str, str]:
    """Return how MPI was built. The result is empty, since nothing was built."""
    return {}


def profile(name: str | bytes | os.PathLike[Any], *, path: Any = None) -> None:
    """Load a profiler's library, as mpi4py does. There are no calls in C that the profiler could see.

    Args:
        name: of the library, with or without `lib` and `.so`.
        path: the folders to look in; by default the current one.

    Raises:
        ValueError: there is no such library.

    Warns:
        UserWarning: the file is not a library.
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
