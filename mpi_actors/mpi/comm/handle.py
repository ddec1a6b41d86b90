"""CommHandle: what all handles to communicators have in common."""

from __future__ import annotations

from typing import Any, Self

from ..constants import ERR_COMM
from ..errors.exception import Exception as MPIException
from ..handle import Handle, number_of, state_of
from .state import CommState


class CommHandle(Handle):
    """A handle to a communicator. A null handle points to the state NULL, in which no rank is valid.

    MPI 4.1, section 19.3.4 (numbers for handles).
    """

    __slots__ = ()
    _error = ERR_COMM
    _h: CommState

    def __new__(cls, comm: CommHandle | None = None) -> Self:
        self = object.__new__(cls)
        if comm is None:
            self._h = NULL
            return self
        if not isinstance(comm, CommHandle):
            raise TypeError(f"expected a communicator, got {type(comm).__name__}")
        if comm._h is not NULL and not cls._fits(comm._h):
            raise TypeError(f"a communicator of type {comm._h.cls.__name__} cannot be a {cls.__name__}")
        self._h = comm._h
        return self

    @classmethod
    def _fits(cls, state: CommState) -> bool:
        """Whether a handle of this class may point to a communicator."""
        return True

    @classmethod
    def _of(cls, state: CommState) -> Self:
        """Return a new handle of this class. A program's subclass is called as it is without an argument."""
        self = cls.__new__(cls)
        self._h = state
        return self

    def _live(self) -> CommState:
        """Return the state of the communicator.

        Raises:
            MPI.Exception: ERR_COMM, if the handle is null or the communicator has been freed.
        """
        state = self._h
        if not state.count and not state.live:
            raise MPIException(ERR_COMM, state.absence)
        return state

    def _require(self) -> CommState:
        return self._live()

    def __bool__(self) -> bool:
        return self._h is not NULL

    @property
    def handle(self) -> int:
        """A number that stands for the communicator in this process; 0 stands for COMM_NULL."""
        return number_of(self._h) if self._h is not NULL else 0

    @classmethod
    def fromhandle(cls, handle: int) -> Any:
        """Return a handle to the communicator with a number, of the class that it was made as.

        Raises:
            MPI.Exception: ERR_ARG, if no communicator has this number.
        """
        state = state_of(handle)
        if state is None:
            state = NULL
        return state.cls._of(state)

    def toint(self) -> int:
        """The same number as `handle`."""
        return self.handle

    def py2f(self) -> int:
        """The same number as `handle`: Fortran's view of handles."""
        return self.handle

    def free(self) -> None:
        """Free the communicator, unless it is null or predefined. A copy of a constant becomes null."""
        if self._h is NULL or self is self._h.constant:
            return
        if self._h.constant is not None:
            self._h = NULL
        else:
            self._destroy()


NULL = CommState(CommHandle, "MPI_COMM_NULL")
