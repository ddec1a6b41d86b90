"""What all handle classes share: Info, Group, Comm, Datatype, Op, Request …

A handle is a small object that points to a state, which holds everything else, or to nothing (a null handle).
Copies share the state; `==` compares the identity of states; predefined objects are pickled by their names.
The attribute `_h` of a handle is its state.
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


_names: dict[int, str] = {}  # of constant handles, by id(handle), since these are never collected
_predefined: dict[int, Handle] = {}  # the constant handles of predefined states, by id(state)
_numbers: dict[int, int] = {}  # of the states that have numbers, by id(state)
_states: dict[int, Any] = {}  # these states, by their numbers
_next_number = 1  # the number of the next such state; 0 stands for null


class Handle:
    """Base of handle classes.

    Each class names its `_kind`, the class whose instances its constructor copies, and its `_error`, the
    error class for null handles. `_null` is the constant null handle of the kind.

    MPI 4.1, section 19.3.4 (numbers for handles).
    """

    __slots__ = ("__weakref__", "_h")

    _kind: ClassVar[type[Handle]]
    _error: ClassVar[int] = ERR_ARG
    _null: ClassVar[Handle]
    _h: Any

    def __new__(cls, handle: Any = None, /, **named: Any) -> Self:
        """Make a null handle, or another handle to the state of `handle`, as in `Info(h)` or `Info(info=h)`.

        Raises:
            TypeError: the argument is not a handle of this kind, or has another name.
        """
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
        """Make a handle to a state, without the constructor of a subclass."""
        self = object.__new__(cls)
        self._h = state
        return self

    @classmethod
    def _of(cls, state: Any) -> Self:
        """Make a handle to a state. Classes that make the state from something else override this."""
        return cls._to(state)

    __hash__ = None  # type: ignore[assignment]  # what a handle points to may change

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
        """Return the state. A null handle raises the error class of its kind."""
        if self._h is None:
            raise MPIException(self._error, f"null {self._kind.__name__}")
        return self._h

    def _is_predefined(self) -> bool:
        """Return whether the library has made this handle or its state."""
        return id(self) in _names or id(self._h) in _predefined

    def _destroy(self) -> None:
        """Free a state that the program made. By default this calls the method `Free` of the class."""
        getattr(self, "Free")()  # noqa: B009  # not all kinds have one

    def free(self) -> None:
        """Call `Free` if the handle is not null. A predefined object stays; a copy of one becomes null."""
        if self._h is None or id(self) in _names:
            return
        if id(self._h) in _predefined:
            self._h = None
        else:
            self._destroy()

    @property
    def handle(self) -> int:
        """A number for the state, 0 for null. In this process `fromhandle` finds the state by it."""
        return number_of(self._h)

    @classmethod
    def fromhandle(cls, handle: int) -> Self:
        """Make a handle to the state with a number that `handle` gave. ERR_ARG if there is none."""
        return cls._to(state_of(handle))

    def toint(self) -> int:
        """Return the same number as `handle`."""
        return number_of(self._h)

    @classmethod
    def fromint(cls, arg: int, /) -> Self:
        """Make a handle to the state with a number that `toint` gave."""
        return cls.fromhandle(arg)

    def py2f(self) -> int:
        """Return the same number as `handle`, which is Fortran's view of handles."""
        return number_of(self._h)

    @classmethod
    def f2py(cls, arg: int) -> Self:
        """Make a handle to the state with a number that `py2f` gave."""
        return cls.fromhandle(arg)


H = TypeVar("H", bound=Handle)


def constant(name: str, handle: H) -> H:
    """Make a handle the constant that programs know as `MPI.<name>`, and pickles know by that name; return
    it."""
    _names[id(handle)] = name
    if handle._h is None:
        handle._kind._null = handle
    else:
        _predefined[id(handle._h)] = handle
    return handle


def name_of(handle: Handle) -> str | None:
    """Return the name of a constant handle, such as "INFO_NULL"; None for other handles."""
    return _names.get(id(handle))


def number_of(state: object) -> int:
    """Return the number of a state. A state that has a number stays in memory until `forget`."""
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
    """Return the state with a number, None for 0. ERR_ARG if there is none."""
    if number == 0:
        return None
    try:
        return _states[number]
    except KeyError:
        raise MPIException(ERR_ARG, f"there is no handle {number}") from None


def forget(state: object) -> None:
    """Drop the number of a state that has been freed."""
    number = _numbers.pop(id(state), None)
    if number is not None:
        del _states[number]
