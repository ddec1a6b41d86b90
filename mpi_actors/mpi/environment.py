"""The library as a whole: beginning and end, threads, versions, clocks (MPI 4.1, chapters 9 and 11).

`boot` imports this module before the program, which may still set options in `mpi4py.rc`. So communicators
are imported only when MPI is initialized.
"""

from __future__ import annotations

import atexit
import sys
import time
from _thread import get_ident

from .._version import __version__
from .attributes import delete_attributes
from .constants import (
    ERR_OTHER,
    SUBVERSION,
    THREAD_FUNNELED,
    THREAD_MULTIPLE,
    THREAD_SERIALIZED,
    THREAD_SINGLE,
    VERSION,
)
from .engine import engine
from .errors.exception import Exception as MPIException
from .info import Info, describe_process
from .rc import rc

VENDOR = "mpi_actors"
"""The name of this library."""

_LEVELS = {
    "single": THREAD_SINGLE,
    "funneled": THREAD_FUNNELED,
    "serialized": THREAD_SERIALIZED,
    "multiple": THREAD_MULTIPLE,
}


class Environment:
    """Where this process is between Init and Finalize.

    Attributes:
        thread_level: what threads may do; None before Init.
        main_thread: the identifier of the thread that initialized MPI.
        finalized: whether MPI has been finalized.
        ours: whether importing MPI initialized it, so that the end of the program finalizes it.
        abort_status: what the program gave to `_set_abort_status`.
        booted: whether `boot` runs the program, and so calls `leave`.
    """

    def __init__(self) -> None:
        self.thread_level: int | None = None
        self.main_thread = get_ident()
        self.finalized = False
        self.ours = False
        self.abort_status = 0
        self.booted = False


_environment = Environment()


def Init() -> None:
    """Initialize MPI. ERR_OTHER if it is initialized: importing it does that if `mpi4py.rc.initialize` is
    true."""
    Init_thread(THREAD_SINGLE)


def Init_thread(required: int = THREAD_MULTIPLE) -> int:
    """Initialize MPI, and return what threads may do: as much as is required. ERR_OTHER as for `Init`."""
    if _environment.thread_level is not None:
        raise MPIException(ERR_OTHER, "MPI is already initialized")
    from .comm.world import attach

    attach(engine())
    _environment.thread_level = min(max(required, THREAD_SINGLE), THREAD_MULTIPLE)
    _environment.main_thread = get_ident()
    return _environment.thread_level


def ensure_initialized() -> None:
    """Initialize MPI if it is not initialized."""
    if _environment.thread_level is None:
        Init_thread()


def begin() -> None:
    """Do what importing MPI does, as `mpi4py.rc` says."""
    describe_process()
    if not _environment.booted:
        atexit.register(leave)
    level = _LEVELS.get(rc.thread_level)
    if level is None:
        from warnings import warn

        warn(f"mpi4py.rc.thread_level: unexpected value {rc.thread_level!r}", RuntimeWarning, stacklevel=2)
        level = THREAD_MULTIPLE
    if _yes(rc.initialize) and _environment.thread_level is None:
        _environment.ours = True
        Init_thread(level if _yes(rc.threads) else THREAD_SINGLE)


def on_boot() -> None:
    """Note that `boot` runs the program, and calls `leave` after all that the program does at its end."""
    _environment.booted = True


def _yes(option: object) -> bool:
    return option in (True, "yes")


def Finalize() -> None:
    """End the use of MPI, and delete the attributes of COMM_SELF. Messages that were sent are still
    delivered.

    ERR_OTHER if MPI is not initialized, or finalized already.
    """
    if _environment.thread_level is None:
        raise MPIException(ERR_OTHER, "MPI is not initialized")
    if _environment.finalized:
        raise MPIException(ERR_OTHER, "MPI is finalized")
    from .comm.world import COMM_SELF, detach

    delete_attributes(COMM_SELF, COMM_SELF._h.attributes)
    _environment.finalized = True
    detach()


def leave() -> None:
    """Do what the end of the program does: abort as `_set_abort_status` says, finalize as `mpi4py.rc`
    says."""
    if _environment.thread_level is None or _environment.finalized:
        return
    if _environment.abort_status:
        engine().abort(_environment.abort_status)
    if _environment.ours if rc.finalize is None else _yes(rc.finalize):
        Finalize()


def abort_status() -> int:
    """Return what the program gave to `_set_abort_status`, or 0."""
    return _environment.abort_status


def _set_abort_status(status: int) -> None:
    """Abort with this status at the end of the program if it is not 0. `python -m mpi4py.run` calls this."""
    _environment.abort_status = status


def Is_initialized() -> bool:
    """Return whether MPI has been initialized."""
    return _environment.thread_level is not None


def Is_finalized() -> bool:
    """Return whether MPI has been finalized."""
    return _environment.finalized


def Query_thread() -> int:
    """Return what threads may do, one of THREAD_SINGLE … THREAD_MULTIPLE. ERR_OTHER before Init."""
    if _environment.thread_level is None:
        raise MPIException(ERR_OTHER, "MPI is not initialized")
    return _environment.thread_level


def Is_thread_main() -> bool:
    """Return whether the calling thread is the one that initialized MPI."""
    return get_ident() == _environment.main_thread


def Get_version() -> tuple[int, int]:
    """Return the version of the standard."""
    return VERSION, SUBVERSION


def Get_library_version() -> str:
    """Return name and version of this library as a text for people."""
    return f"{VENDOR} {__version__}, MPI {VERSION}.{SUBVERSION} in Python {sys.version.split()[0]}"


def get_vendor() -> tuple[str, tuple[int, int, int]]:
    """Return name and version of this library as mpi4py does."""
    major, minor, micro = __version__.split(".")[:3]
    return VENDOR, (int(major), int(minor), int(micro))


def Get_abi_version() -> tuple[int, int]:
    """Return (-1, -1): a library in Python has no binary interface."""
    return -1, -1


def Get_abi_info() -> Info:
    """Return an empty info object: a library in Python has no binary interface."""
    return Info.Create()


def Get_abi_fortran_info() -> Info:
    """Return an empty info object: a library in Python has no binary interface."""
    return Info.Create()


def Get_hw_resource_info() -> Info:
    """Return an empty info object: the library knows nothing about the hardware of this process."""
    return Info.Create()


def Wtime() -> float:
    """Return the seconds since a moment in the past, which stays the same while this process runs."""
    return time.perf_counter()


def Wtick() -> float:
    """Return the resolution of `Wtime`, in seconds."""
    return time.get_clock_info("perf_counter").resolution


def Pcontrol(level: int) -> None:
    """Do nothing: there is no profiler that this could control."""
    int(level)
