"""Sessions: MPI for a part of a program (MPI 4.1, section 11.3).

There are two process sets: all processes of the job, and this process alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

from . import errhandler as handlers
from .comm.point.buffered import Attached, attach, detach, flush
from .constants import ERR_ARG, ERR_SESSION
from .engine import done_transfer, engine
from .environment import ensure_initialized
from .errhandler import Errhandler, ErrhandlerState
from .errors.exception import Exception as MPIException
from .group import Group
from .handle import Handle, constant, forget
from .info import INFO_NULL, Info
from .requests.request import Request

WORLD = "mpi://WORLD"
"""The name of the process set of the whole job."""
SELF = "mpi://SELF"
"""The name of the process set of this process alone."""
_PSETS = (WORLD, SELF)


class SessionState:
    """The state of a session.

    Attributes:
        info: the hints that the session was made with.
        errhandler: its error handler.
        attached: the buffer attached to it; None before the first call that needs it.
    """

    __slots__ = ("attached", "errhandler", "info")

    def __init__(self, info: dict[str, str], errhandler: ErrhandlerState) -> None:
        self.info = info
        self.errhandler = errhandler
        self.attached: Attached | None = None

    def place(self) -> Attached:
        """Return the object that keeps the attached buffer."""
        if self.attached is None:
            self.attached = Attached()
        return self.attached


class Session(Handle):
    """A handle to a session."""

    __slots__ = ()
    _error = ERR_SESSION
    _h: SessionState | None

    @classmethod
    def Init(cls, info: Info = INFO_NULL, errhandler: Errhandler | None = None) -> Self:
        """Begin a session, and initialize MPI if it is not initialized."""
        ensure_initialized()
        state = handlers.initial_state() if not errhandler else handlers.state_for(errhandler, "Session")
        session = cls.__new__(cls)
        session._h = SessionState(dict(info.items()), state)
        return session

    def Finalize(self) -> None:
        """End the session; this handle becomes null."""
        forget(self._require())
        self._h = None

    def _destroy(self) -> None:
        self.Finalize()

    def _fail(self, code: int, detail: str) -> MPIException:
        """Let the session's error handler act, and return the error to raise."""
        state: SessionState = self._require()
        error = MPIException(code, detail)
        handlers.call(state.errhandler, self, code, str(error))
        return error

    def Get_num_psets(self, info: Info = INFO_NULL) -> int:
        """Return how many process sets there are."""
        self._require()
        return len(_PSETS)

    def Get_nth_pset(self, n: int, info: Info = INFO_NULL) -> str:
        """Return the name of the nth process set, counted from 0. ERR_ARG if there are fewer."""
        self._require()
        if not 0 <= n < len(_PSETS):
            raise self._fail(ERR_ARG, f"process set {n} of {len(_PSETS)}")
        return _PSETS[n]

    def Get_info(self) -> Info:
        """Return the hints that the session was made with."""
        state: SessionState = self._require()
        return Info.Create(state.info)

    def _members(self, pset_name: str) -> range:
        """Return the world ranks of a process set. ERR_ARG if there is none of that name."""
        self._require()
        if pset_name == WORLD:
            return range(engine().size)
        if pset_name == SELF:
            return range(engine().rank, engine().rank + 1)
        raise self._fail(ERR_ARG, f"no process set is called {pset_name!r}")

    def Get_pset_info(self, pset_name: str) -> Info:
        """Return an info object with `mpi_size`, the number of processes of a process set."""
        return Info.Create({"mpi_size": str(len(self._members(pset_name)))})

    def Create_group(self, pset_name: str) -> Group:
        """Return the group of a process set."""
        return Group._with(self._members(pset_name))

    def Attach_buffer(self, buf: Any) -> None:
        """Attach memory for buffered sends. None: the library takes as much as they need."""
        attach(self._require().place(), buf)

    def Detach_buffer(self) -> Any:
        """Wait until what is buffered is sent, then detach the memory and return it."""
        return detach(self._require().place(), engine())

    def Flush_buffer(self) -> None:
        """Wait until what is buffered is sent."""
        flush(self._require().place(), engine())

    def Iflush_buffer(self) -> Request:
        """Wait until what is buffered is sent, and return a completed request."""
        self.Flush_buffer()
        return Request._of(done_transfer())

    @classmethod
    def Create_errhandler(cls, errhandler_fn: Callable[[Session, int], None]) -> Errhandler:
        """Make an error handler that calls a function with the session and the error code."""
        return handlers.create("Session", errhandler_fn)

    def Get_errhandler(self) -> Errhandler:
        """Return the error handler."""
        return Errhandler._to(self._require().errhandler)

    def Set_errhandler(self, errhandler: Errhandler) -> None:
        """Set the error handler."""
        self._require().errhandler = handlers.state_for(errhandler, "Session")

    def Call_errhandler(self, errorcode: int) -> None:
        """Let the error handler act on an error code."""
        handlers.call(self._require().errhandler, self, errorcode)


Session._kind = Session
SESSION_NULL = constant("SESSION_NULL", Session())
