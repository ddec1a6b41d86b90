"""Handles to communicators: what makes two Python objects the same communicator, and what they survive."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from ..constants import ERR_COMM
from ..exception import Exception as MPIException
from .state import CommState, state_of

if TYPE_CHECKING:
    from .communicator import Comm


class CommHandle:
    """A handle: empty (null), or of a communicator that other handles may share. Not hashable."""

    __slots__ = ("__weakref__", "_h")

    _h: CommState

    def __new__(cls, comm: Comm | None = None) -> Self:
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
        """Whether such a handle may stand for this communicator."""
        return True

    @classmethod
    def _of(cls, state: CommState) -> Self:
        """A new handle of this class; a program's subclass makes it as it does without an argument."""
        self = cls.__new__(cls)
        self._h = state
        return self

    def _live(self) -> CommState:
        """The communicator.

        Raises:
            MPI.Exception: ERR_COMM, of a null or freed one.
        """
        state = self._h
        if state.count == 0 and (state.freed or not state.members):
            raise MPIException(ERR_COMM, "the communicator has been freed" if state.freed else "")
        return state

    def __eq__(self, other: object) -> bool:
        return self._h is other._h if isinstance(other, CommHandle) else NotImplemented

    def __ne__(self, other: object) -> bool:
        return self._h is not other._h if isinstance(other, CommHandle) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return self._h is not NULL

    def __reduce__(self) -> str | tuple[Any, ...]:
        state = self._h
        if not state.predefined:
            raise ValueError("only predefined communicators can be pickled")
        name = constants_by_state[state]
        if constants[name] is self:
            return name
        return restore, (type(self), name)

    @property
    def handle(self) -> int:
        """A number that stands for the communicator in this process; 0 is the null one."""
        return self._h.number if self._h is not NULL else 0

    @classmethod
    def fromhandle(cls, handle: int) -> Comm:
        """The communicator that a handle stands for.

        Raises:
            MPI.Exception: ERR_COMM, if there is none.
        """
        if handle == 0:
            return NULL.cls._of(NULL)  # type: ignore[no-any-return]
        state = state_of(handle)
        if state is None:
            raise MPIException(ERR_COMM, f"no communicator has the handle {handle}")
        return state.cls._of(state)  # type: ignore[no-any-return]

    def toint(self) -> int:
        """The handle, as an integer."""
        return self.handle

    @classmethod
    def fromint(cls, arg: int, /) -> Comm:
        """The communicator that an integer from `toint` stands for."""
        return cls.fromhandle(arg)

    def py2f(self) -> int:
        """The handle, as Fortran would have it: the same integer."""
        return self.handle

    @classmethod
    def f2py(cls, arg: int) -> Comm:
        """The communicator that an integer from `py2f` stands for."""
        return cls.fromhandle(arg)


NULL = CommState(CommHandle, "MPI_COMM_NULL")
NULL.predefined = True

constants: dict[str, CommHandle] = {}
"""The objects that the program knows as MPI.COMM_…, by name: `world` fills it."""

constants_by_state: dict[CommState, str] = {}


def constant(name: str, handle: CommHandle) -> None:
    """Make a handle a constant of the interface."""
    constants[name] = handle
    constants_by_state[handle._h] = name
    handle._h.predefined = True


def restore(cls: type[CommHandle], name: str) -> CommHandle:
    """Unpickle a handle to a predefined communicator that is not the constant itself."""
    handle = CommHandle.__new__(cls)
    handle._h = constants[name]._h
    return handle
