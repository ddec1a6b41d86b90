"""The library as a whole: beginning and end, threads, versions, clocks."""

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

_LEVELS = {
    "single": THREAD_SINGLE,
    "funneled": THREAD_FUNNELED,
    "serialized": THREAD_SERIALIZED,
    "multiple": THREAD_MULTIPLE,
}


class Environment:
    """Where this process is between Init and Finalize."""

    def __init__(self) -> None:
        self.thread_level: int | None = None
        self.main_thread = get_ident()
        self.finalized = False
        self.ours = False
        """Whether importing MPI has initialized it, and so its end is ours too."""
        self.abort_status = 0
        self.booted = False
        """Whether `boot` runs the program, and so calls `leave`."""


_environment = Environment()


def Init() -> None:
    """Initialize MPI, as importing it does if `mpi4py.rc.initialize` is true. ERR_OTHER the second time."""
    Init_thread(THREAD_SINGLE)


def Init_thread(required: int = THREAD_MULTIPLE) -> int:
    """The same, with what threads may do; returns what they may: as much as was asked for."""
    if _environment.thread_level is not None:
        raise MPIException(ERR_OTHER, "MPI is already initialized")
    from .comm.world import attach

    attach(engine())
    _environment.thread_level = min(max(required, THREAD_SINGLE), THREAD_MULTIPLE)
    _environment.main_thread = get_ident()
    return _environment.thread_level


def initialized() -> None:
    """Initialize MPI if nobody has."""
    if _environment.thread_level is None:
        Init_thread()


def begin() -> None:
    """What importing MPI does, as `mpi4py.rc` says."""
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


def booted() -> None:
    """`boot` runs the program, and will call `leave` after all that the program does at its end."""
    _environment.booted = True


def _yes(option: object) -> bool:
    return option in (True, "yes")


def Finalize() -> None:
    """End the use of MPI: attributes of COMM_SELF are deleted. What was sent is still delivered, later."""
    if _environment.thread_level is None:
        raise MPIException(ERR_OTHER, "MPI is not initialized")
    if _environment.finalized:
        raise MPIException(ERR_OTHER, "MPI is finalized")
    from .comm.world import COMM_SELF, detach

    delete_attributes(COMM_SELF, COMM_SELF._h.attributes)
    _environment.finalized = True
    detach()


def leave() -> None:
    """What the end of the program does: `_set_abort_status`, and Finalize as `mpi4py.rc` says."""
    if _environment.thread_level is None or _environment.finalized:
        return
    if _environment.abort_status:
        engine().abort(_environment.abort_status)
    if _environment.ours if rc.finalize is None else _yes(rc.finalize):
        Finalize()


def abort_status() -> int:
    """What was given to `_set_abort_status`, or 0."""
    return _environment.abort_status


def _set_abort_status(status: int) -> None:
    """Abort with this status at the end of the program, if it is not 0: for `python -m mpi4py.run`."""
    _environment.abort_status = status


def Is_initialized() -> bool:
    """Whether MPI has been initialized."""
    return _environment.thread_level is not None


def Is_finalized() -> bool:
    """Whether MPI has been finalized."""
    return _environment.finalized


def Query_thread() -> int:
    """What threads may do: one of THREAD_SINGLE … THREAD_MULTIPLE."""
    if _environment.thread_level is None:
        raise MPIException(ERR_OTHER, "MPI is not initialized")
    return _environment.thread_level


def Is_thread_main() -> bool:
    """Whether the calling thread is the one that initialized MPI."""
    return get_ident() == _environment.main_thread


def Get_version() -> tuple[int, int]:
    """The version of the standard."""
    return VERSION, SUBVERSION


def Get_library_version() -> str:
    """Name and version of this library."""
    return f"{VENDOR} {__version__}, MPI {VERSION}.{SUBVERSION} in Python {sys.version.split()[0]}"


def get_vendor() -> tuple[str, tuple[int, int, int]]:
    """Name and version of this library."""
    major, minor, micro = __version__.split(".")[:3]
    return VENDOR, (int(major), int(minor), int(micro))


def Get_abi_version() -> tuple[int, int]:
    """(-1, -1): a library in Python has no binary interface."""
    return -1, -1


def Get_abi_info() -> Info:
    """An empty info object: a library in Python has no binary interface."""
    return Info.Create()


def Get_abi_fortran_info() -> Info:
    """An empty info object: a library in Python has no binary interface."""
    return Info.Create()


def Get_hw_resource_info() -> Info:
    """What is known about the hardware that this process runs on: nothing, an empty info object."""
    return Info.Create()


def Wtime() -> float:
    """Seconds since some moment in the past, the same during one run of this process."""
    return engine().wtime()


def Wtick() -> float:
    """The resolution of `Wtime`, in seconds."""
    return time.get_clock_info("perf_counter").resolution


def Pcontrol(level: int) -> None:
    """For profilers; does nothing."""
    int(level)
