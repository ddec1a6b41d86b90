"""What all handle classes share: Info, Group, Comm, Datatype, Op, Request …

A handle is a small object that points to a state, or to nothing (a null handle). Copies share the
state; `==` asks for the same state; what is predefined is pickled by its name. `cls._h` of a handle class
is the state, which holds everything else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from .constants import ERR_ARG
from .errors.exception import Exception as MPIException

if TYPE_CHECKING:
    from typing import Protocol

    class HasErrhandler(Protocol):
        """What requests and matched messages know of the communicator that they belong to.

        Attributes:
            errhandler: the `ErrhandlerState` that acts when the operation fails; None for the initial one.
            cls: the class of handles to the communicator.
            index: world rank -> rank that a status shows as the source.
        """

        errhandler: Any
        cls: type[Any]
        index: dict[int, int]


_names: dict[int, str] = {}  # of constant handles, by id(handle); they are never collected
_predefined: dict[int, Handle] = {}  # the constant of a predefined state, by id(state)
_numbers: dict[int, int] = {}  # of states that somebody asked the number of, by id(state)
_states: dict[int, Any] = {}
_next_number = 1


class Handle:
    """Base of handle classes. Each names its `_kind` (whose instances it can copy) and its `_error`."""

    __slots__ = ("__weakref__", "_h")

    _kind: ClassVar[type[Handle]]
    _error: ClassVar[int] = ERR_ARG
    _null: ClassVar[Handle]
    _h: Any

    def __new__(cls, handle: Any = None, /, **named: Any) -> Self:
        """A null handle, or another one to the state of `handle`; it may be named: `Info(info=…)`."""
        self = object.__new__(cls)
        if named:
            handle = named.pop(cls._kind.__name__.lower(), None)
            if named:
                raise TypeError(f"{cls.__name__}() has no argument {', '.join(named)}")
        if handle is None:
            self._h = None
        elif isinstance(handle, cls._kind):
            self._h = handle._h
        else:
            raise TypeError(f"expected {cls._kind.__name__}, got {type(handle).__name__}")
        return self

    @classmethod
    def _to(cls, state: Any) -> Self:
        """The handle to a state, without the constructor of a subclass."""
        self = object.__new__(cls)
        self._h = state
        return self

    @classmethod
    def _of(cls, state: Any) -> Self:
        """The same; classes whose states are made from something else have another one."""
        return cls._to(state)

    __hash__ = None  # type: ignore[assignment]  # two handles may become one, and null

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, self._kind):
            return NotImplemented
        return self._h is other._h

    def __bool__(self) -> bool:
        return self._h is not None

    def __reduce__(self) -> str | tuple[Any, ...]:
        name = _names.get(id(self))
        if name is not None:
            return name
        constant = self._null if self._h is None else _predefined.get(id(self._h))
        if constant is None:
            raise ValueError(f"cannot pickle a {type(self).__name__} that is not predefined")
        return type(self), (constant,)

    def _require(self) -> Any:
        """The state; a null handle raises the error class of its kind."""
        if self._h is None:
            raise MPIException(self._error, f"null {self._kind.__name__}")
        return self._h

    def _is_predefined(self) -> bool:
        """Whether this is, or points to, what the library has made."""
        return id(self) in _names or id(self._h) in _predefined

    def _destroy(self) -> None:
        """Free what a state made by the program holds. By default the method `Free` of the class."""
        getattr(self, "Free")()  # noqa: B009  # not all kinds have one

    def free(self) -> None:
        """Call `Free` if not null. Does nothing to predefined objects; a copy of one becomes null."""
        if self._h is None or id(self) in _names:
            return
        if id(self._h) in _predefined:
            self._h = None
        else:
            self._destroy()

    @property
    def handle(self) -> int:
        """A number that stands for the state; 0 for null. `fromhandle` finds it again in this process."""
        return number_of(self._h)

    @classmethod
    def fromhandle(cls, handle: int) -> Self:
        """The handle for a number that `handle` gave; ERR_ARG when there is none."""
        return cls._to(state_of(handle))

    def toint(self) -> int:
        """The same number as `handle`."""
        return number_of(self._h)

    @classmethod
    def fromint(cls, arg: int, /) -> Self:
        """The handle for a number that `toint` gave."""
        return cls.fromhandle(arg)

    def py2f(self) -> int:
        """The same number as `handle`: Fortran's view of handles."""
        return number_of(self._h)

    @classmethod
    def f2py(cls, arg: int) -> Self:
        """The handle for a number that `py2f` gave."""
        return cls.fromhandle(arg)


H = TypeVar("H", bound=Handle)


def constant(name: str, handle: H) -> H:
    """Make a handle the constant that programs know as `MPI.<name>`, and pickles too."""
    _names[id(handle)] = name
    if handle._h is None:
        handle._kind._null = handle
    else:
        _predefined[id(handle._h)] = handle
    return handle


def name_of(handle: Handle) -> str | None:
    """The name of a constant handle, e.g. "INFO_NULL"."""
    return _names.get(id(handle))


def number_of(state: object) -> int:
    """The number of a state; states that have one live until `forget`."""
    global _next_number
    if state is None:
        return 0
    number = _numbers.get(id(state))
    if number is None:
        number = _numbers[id(state)] = _next_number
        _states[number] = state
        _next_number += 1
    return number


def state_of(number: int) -> Any:
    """The state with that number, None for 0; ERR_ARG if there is none."""
    if number == 0:
        return None
    try:
        return _states[number]
    except KeyError:
        raise MPIException(ERR_ARG, f"there is no handle {number}") from None


def forget(state: object) -> None:
    """A state has been freed: its number is void."""
    number = _numbers.pop(id(state), None)
    if number is not None:
        del _states[number]
