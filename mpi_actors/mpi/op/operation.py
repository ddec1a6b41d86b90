"""MPI.Op: reduction operations."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from ..constants import ERR_OP
from ..datatypes import parse_recv, parse_send
from ..errors.exception import Exception as MPIException
from ..handle import Handle, constant, forget
from . import kernels
from .elements import element_of
from .plain import Reducer
from .state import PREDEFINED, OpState, UserFunction, create, free
from .user import user_reducer

if TYPE_CHECKING:
    from ..datatypes import Datatype


class Op(Handle):
    """A reduction operation: MPI.SUM and the like, or one made with `Op.Create`.

    A call with two Python objects reduces them.
    """

    __slots__ = ("_by_number",)
    _error = ERR_OP
    _h: OpState | None
    _by_number: bool  # made from a number: its function may belong to other code, so it is not pickled

    def __new__(cls, op: Op | None = None) -> Self:
        self = super().__new__(cls, op)
        self._by_number = op is not None and op._by_number
        return self

    @classmethod
    def _to(cls, state: OpState | None) -> Self:
        self = super()._to(state)
        self._by_number = False
        return self

    def __call__(self, x: Any, y: Any, /) -> Any:
        if self._h is None:
            raise ValueError("a null operation reduces nothing")
        return self._h.objects(x, y)

    def __reduce__(self) -> str | tuple[Any, ...]:
        state = self._h
        if state is None or state.function is None:
            return super().__reduce__()
        if self._by_number:
            raise ValueError("cannot pickle a user-defined reduction operation known by its number only")
        return type(self).Create, (state.function, state.commute)

    @classmethod
    def fromhandle(cls, handle: int) -> Self:
        """Return the operation for a number that `handle` gave.

        Raises MPI.Exception(ERR_ARG) if there is none.
        """
        self = super().fromhandle(handle)
        self._by_number = True
        return self

    # Making and freeing

    @classmethod
    def Create(cls, function: UserFunction, commute: bool = False) -> Self:
        """Create an operation.

        Args:
            function: an associative function. Called as `function(inbuf, inoutbuf, datatype)`, it puts
                `inbuf op inoutbuf` into the second buffer, for all items there. Called by the lower-case
                methods with two Python objects and None, it returns the result.
            commute: whether it is commutative.

        Raises:
            RuntimeError: the program has made as many as it may have at a time (32).
        """
        self = cls.__new__(cls)
        self._h = create(function, bool(commute))
        return self

    def Free(self) -> None:
        """Free the operation. Raises MPI.Exception(ERR_OP) if it is null, predefined or freed."""
        state = self._live()
        if state.function is None:
            raise MPIException(ERR_OP, "the operation is predefined")
        self._destroy()

    def _destroy(self) -> None:
        if self._h is not None and not self._h.freed:
            free(self._h)
            forget(self._h)
        self._h = None

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
        return self._h is None or self._h.function is None

    # Reducing

    def Reduce_local(self, inbuf: Any, inoutbuf: Any) -> None:
        """Put `inbuf op inoutbuf` into the second buffer, item by item.

        Raises:
            ValueError: the buffers differ in datatype or count.
            MPI.Exception: ERR_OP, if the operation is null or not defined for the datatype.
        """
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
        """Return a reducer of `count` items of packed data: `reducer(inbuf, inoutbuf)`.

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

        Only predefined operations allow it: a user's function may look at all items together.
        """
        return self._h is not None and self._h.function is None and self._h.commute

    def _live(self) -> OpState:
        state = self._h
        if state is None or state.freed:
            raise MPIException(
                ERR_OP, "a null operation" if state is None else "the operation has been freed"
            )
        return state


Op._kind = Op
OP_NULL = constant("OP_NULL", Op())


def predefined(name: str) -> Op:
    """Make the constant of a predefined operation."""
    return constant(name, Op._to(PREDEFINED[name]))
