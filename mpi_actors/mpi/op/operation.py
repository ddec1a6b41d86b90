"""MPI.Op: reduction operations."""

from __future__ import annotations

import copyreg
from typing import TYPE_CHECKING, Any, Self

from ..constants import ERR_OP
from ..exception import Exception as MPIException
from . import kernels
from .elements import element_of
from .plain import Reducer
from .state import NULL, OpState, UserFunction, create, free, state_of
from .user import user_reducer

if TYPE_CHECKING:
    from ..datatypes import Datatype


class Op:
    """A reduction operation: MPI.SUM, … or one made with `Op.Create`.

    A handle: `Op(op)` is another handle to the same operation, and compares equal. Not hashable. Calling it
    with two Python objects reduces them.
    """

    __slots__ = ("__weakref__", "_constant", "_mine", "_s")

    _s: OpState
    _constant: bool
    _mine: bool  # it came from Create, not from a number: only then its function may be pickled

    def __new__(cls, op: Op | None = None) -> Self:
        self = object.__new__(cls)
        self._constant = False
        if op is None:
            self._s, self._mine = NULL, True
        elif isinstance(op, Op):
            self._s, self._mine = op._s, op._mine
        else:
            raise TypeError(f"expected an Op, got {type(op).__name__}")
        return self

    def __eq__(self, other: object, /) -> bool:
        return self._s is other._s if isinstance(other, Op) else NotImplemented

    def __ne__(self, other: object, /) -> bool:
        return self._s is not other._s if isinstance(other, Op) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __bool__(self) -> bool:
        return self._s is not NULL

    def __call__(self, x: Any, y: Any, /) -> Any:
        function = self._s.objects
        if function is None:
            raise ValueError("a null operation reduces nothing")
        return function(x, y)

    def __reduce__(self) -> str | tuple[Any, ...]:
        state = self._s
        if state.function is not None:
            if not self._mine or state.freed:
                raise ValueError("cannot pickle a user-defined reduction operation known by its number only")
            return type(self).Create, (state.function, state.commute)
        if self._constant:
            return state.name
        return copyreg.__newobj__, (type(self), constants[state.name])  # type: ignore[attr-defined]

    # Making and freeing

    @classmethod
    def Create(cls, function: UserFunction, commute: bool = False) -> Self:
        """Create an operation.

        Args:
            function: called as `function(inbuf, inoutbuf, datatype)`, it changes the second buffer to the
                result of `inbuf op inoutbuf`, of as many items as there are; called with two Python objects
                and None by the lower-case methods, it returns the result. It must be associative.
            commute: whether it is commutative.

        Raises:
            RuntimeError: there are 32 already.
        """
        self = cls.__new__(cls)
        self._s = create(function, bool(commute))
        return self

    def Free(self) -> None:
        """Free the operation. Raises MPI.Exception(ERR_OP) if it is null, predefined or freed."""
        state = self._s
        if state.function is None or state.freed:
            raise MPIException(ERR_OP, "only operations from Op.Create can be freed, once")
        free(state)
        self._s = NULL

    def free(self) -> None:
        """Call `Free` if there is something to free; a handle that is not a constant becomes null."""
        if self._constant:
            return
        if self._s.function is not None and not self._s.freed:
            free(self._s)
        self._s = NULL

    # Questions

    def Is_commutative(self) -> bool:
        """Whether the operation is commutative."""
        return self._live().commute

    @property
    def is_commutative(self) -> bool:
        """Whether the operation is commutative."""
        return self._live().commute

    @property
    def is_predefined(self) -> bool:
        """Whether the operation is one of MPI's, or null."""
        return self._s.function is None

    # Handles as numbers

    @property
    def handle(self) -> int:
        """A number that stands for the operation in this process; 0 is the null one."""
        return self._s.number

    @classmethod
    def fromhandle(cls, handle: int) -> Op:
        """The operation that a handle stands for. Raises MPI.Exception(ERR_OP) if there is none."""
        state = state_of(handle)
        if state is None:
            raise MPIException(ERR_OP, f"no operation has the handle {handle}")
        self = Op()
        self._s, self._mine = state, False
        return self

    def toint(self) -> int:
        """The handle, as an integer."""
        return self._s.number

    @classmethod
    def fromint(cls, arg: int, /) -> Op:
        """The operation that an integer from `toint` stands for."""
        return cls.fromhandle(arg)

    def py2f(self) -> int:
        """The handle, as Fortran would have it: the same integer."""
        return self._s.number

    @classmethod
    def f2py(cls, arg: int) -> Op:
        """The operation that an integer from `py2f` stands for."""
        return cls.fromhandle(arg)

    # Reducing

    def Reduce_local(self, inbuf: Any, inoutbuf: Any) -> None:
        """Make the second buffer hold `inbuf op inoutbuf`, item by item.

        Raises:
            ValueError: the buffers are not of the same datatype and count.
            MPI.Exception: ERR_OP, if the operation is null or not defined for the datatype.
        """
        from ..datatypes import parse_recv, parse_send

        target, source = parse_recv(inoutbuf), parse_send(inbuf)
        if source.datatype != target.datatype:
            raise ValueError("the datatypes of the two buffers differ")
        if source.count != target.count:
            raise ValueError(f"the buffers have {source.count} and {target.count} items")
        reducer = self._reducer(target.datatype, target.count)
        into, finish = target.target()
        if finish is None:
            reducer(memoryview(source.packed()), into)
            return
        into[:] = target.packed()
        reducer(memoryview(source.packed()), into)
        finish(len(into))

    def _reducer(self, datatype: Datatype, count: int) -> Reducer:
        """What reduces `count` items of packed data: `reducer(inbuf, inoutbuf)`.

        Raises:
            MPI.Exception: ERR_OP, if the operation is null or freed, or not defined for the datatype.
        """
        state = self._live()
        if state.function is not None:
            return user_reducer(state.function, datatype, count)
        return kernels.reducer(state.name, element_of(datatype), count)

    @property
    def _divisible(self) -> bool:
        """Whether parts of the data may be reduced apart from each other, and in any order of ranks.

        Of predefined ones only: users' functions may look at all items together.
        """
        return self._s.function is None and self._s.commute

    def _live(self) -> OpState:
        state = self._s
        if state is NULL or state.freed:
            raise MPIException(ERR_OP, "the operation has been freed" if state.freed else "it is null")
        return state


constants: dict[str, Op] = {}
"""The handles that programs know as MPI.SUM, …, by name: `predefined` fills it."""
