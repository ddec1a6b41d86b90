"""Sessions: MPI for a part of a program. Their process sets are the job and each process alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self

from . import errhandler as handlers
from .constants import ERR_ARG, ERR_SESSION
from .errhandler import Errhandler, ErrhandlerState
from .errors.exception import Exception as MPIException
from .group import Group
from .handle import Handle, constant, forget
from .info import INFO_NULL, Info
from .requests.request import Request

if TYPE_CHECKING:
    from .comm.point.buffered import Attached

WORLD = "mpi://WORLD"
SELF = "mpi://SELF"
_PSETS = (WORLD, SELF)


class SessionState:
    """What a session was made with, and the buffer attached to it."""

    __slots__ = ("attached", "errhandler", "info")

    def __init__(self, info: dict[str, str], errhandler: ErrhandlerState) -> None:
        self.info = info
        self.errhandler = errhandler
        self.attached: Attached | None = None

    def place(self) -> Attached:
        """Where its buffer is kept."""
        from .comm.point.buffered import Attached

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
        """Begin a session. MPI itself is initialized, if it is not."""
        from .environment import initialized

        initialized()
        state = handlers.initial_state() if not errhandler else handlers.chosen(errhandler, "Session")
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
        """The error, after the session's error handler has acted."""
        state: SessionState = self._require()
        error = MPIException(code, detail)
        handlers.call(state.errhandler, self, code, str(error))
        return error

    def Get_num_psets(self, info: Info = INFO_NULL) -> int:
        """How many process sets there are."""
        self._require()
        return len(_PSETS)

    def Get_nth_pset(self, n: int, info: Info = INFO_NULL) -> str:
        """The name of a process set, counted from 0; ERR_ARG if there are fewer."""
        self._require()
        if not 0 <= n < len(_PSETS):
            raise self._fail(ERR_ARG, f"process set {n} of {len(_PSETS)}")
        return _PSETS[n]

    def Get_info(self) -> Info:
        """The hints that the session was made with."""
        state: SessionState = self._require()
        return Info.Create(state.info)

    def _members(self, pset_name: str) -> range:
        """The world ranks of a process set; ERR_ARG if there is none of that name."""
        self._require()
        from .engine import engine

        if pset_name == WORLD:
            return range(engine().size)
        if pset_name == SELF:
            return range(engine().rank, engine().rank + 1)
        raise self._fail(ERR_ARG, f"no process set is called {pset_name!r}")

    def Get_pset_info(self, pset_name: str) -> Info:
        """What is known about a process set: `mpi_size`, how many processes it has."""
        return Info.Create({"mpi_size": str(len(self._members(pset_name)))})

    def Create_group(self, pset_name: str) -> Group:
        """The group of a process set."""
        return Group._with(self._members(pset_name))

    def Attach_buffer(self, buf: Any) -> None:
        """Attach memory for buffered sends. None: as much as is needed."""
        from .comm.point.buffered import attach

        attach(self._require().place(), buf)

    def Detach_buffer(self) -> Any:
        """Give the attached memory back."""
        from .comm.point.buffered import detach
        from .engine import engine

        return detach(self._require().place(), engine())

    def Flush_buffer(self) -> None:
        """Wait until what is buffered is sent."""
        from .comm.point.buffered import flush
        from .engine import engine

        flush(self._require().place(), engine())

    def Iflush_buffer(self) -> Request:
        """A request that is complete when what is buffered is sent."""
        from .engine.transfer import done_transfer

        self.Flush_buffer()
        return Request._of(done_transfer())

    @classmethod
    def Create_errhandler(cls, errhandler_fn: Callable[[Session, int], None]) -> Errhandler:
        """An error handler that calls a function with the session and the error code."""
        return handlers.create("Session", errhandler_fn)

    def Get_errhandler(self) -> Errhandler:
        """The error handler."""
        return Errhandler._to(self._require().errhandler)

    def Set_errhandler(self, errhandler: Errhandler) -> None:
        """Have another error handler."""
        self._require().errhandler = handlers.chosen(errhandler, "Session")

    def Call_errhandler(self, errorcode: int) -> None:
        """Let the error handler act on a code."""
        handlers.call(self._require().errhandler, self, errorcode)


Session._kind = Session
SESSION_NULL = constant("SESSION_NULL", Session())
