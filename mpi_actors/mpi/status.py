"""Status: what is known about a message that has been received or probed (MPI 4.1, section 3.2.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

from .constants import (
    ANY_SOURCE,
    ANY_TAG,
    ERR_ARG,
    ERR_COUNT,
    F_ERROR,
    F_SOURCE,
    F_STATUS_SIZE,
    F_TAG,
    SUCCESS,
)
from .datatypes import counting
from .errors.exception import Exception as MPIException

if TYPE_CHECKING:
    from .datatypes import Datatype

_F_COUNT = 3  # the index of the count in `tomemory`: two ints, the lower half first
_F_CANCELLED = 5  # the index of the flag in `tomemory`


class Status:
    """Source, tag, error, count (in bytes) and cancelled of a message. Two are equal if all five are.

    The memory that `tomemory` gives and the fields are the same thing: once a program has asked for the
    memory, each access to a field reads it first, and each change writes it.
    """

    __slots__ = ("__weakref__", "_cancelled", "_count", "_error", "_memory", "_source", "_tag")

    _memory: memoryview | None

    def __new__(cls, status: Status | None = None) -> Self:
        """Make an empty status, or a copy of one.

        Raises:
            TypeError: the argument is not a status.
        """
        self = object.__new__(cls)
        self._memory = None
        if status is None:
            self._source = ANY_SOURCE
            self._tag = ANY_TAG
            self._error = SUCCESS
            self._count = 0
            self._cancelled = False
        elif isinstance(status, Status):
            self._set(*status._fields())
        else:
            raise TypeError(f"expected Status, got {type(status).__name__}")
        return self

    def _set(self, source: int, tag: int, error: int, nbytes: int, cancelled: bool) -> None:
        """Set all fields. `source` is a rank in the communicator."""
        self._source = source
        self._tag = tag
        self._error = error
        self._count = nbytes
        self._cancelled = cancelled
        if self._memory is not None:
            self._show()

    def _clear(self) -> None:
        """Become what the standard calls an empty status."""
        self._set(ANY_SOURCE, ANY_TAG, SUCCESS, 0, False)

    def _fields(self) -> tuple[int, int, int, int, bool]:
        if self._memory is not None:
            self._look()
        return self._source, self._tag, self._error, self._count, self._cancelled

    def _look(self) -> None:
        """Take over what the program has written to the memory that `tomemory` gave."""
        memory = self._memory
        if memory is None:
            return
        self._source = memory[F_SOURCE]
        self._tag = memory[F_TAG]
        self._error = memory[F_ERROR]
        self._count = (memory[_F_COUNT] & 0xFFFFFFFF) | memory[_F_COUNT + 1] << 32
        self._cancelled = memory[_F_CANCELLED] != 0

    def _show(self) -> memoryview:
        """Write the fields to the memory that `tomemory` gives, and return that."""
        memory = self._memory
        if memory is None:
            memory = self._memory = memoryview(bytearray(4 * F_STATUS_SIZE)).cast("i")
        low = self._count & 0xFFFFFFFF
        memory[F_SOURCE] = self._source
        memory[F_TAG] = self._tag
        memory[F_ERROR] = self._error
        memory[_F_COUNT] = low - (1 << 32) if low >> 31 else low
        memory[_F_COUNT + 1] = self._count >> 32
        memory[_F_CANCELLED] = self._cancelled
        return memory

    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        return self._fields() == other._fields() if isinstance(other, Status) else NotImplemented

    def __reduce__(self) -> tuple[Any, tuple[Any, ...], dict[str, int]]:
        return type(self), (), self.__getstate__()

    def __getstate__(self) -> dict[str, int]:
        return dict(zip(("source", "tag", "error", "count", "cancelled"), self._fields(), strict=True))

    def __setstate__(self, state: dict[str, int]) -> None:
        self._set(state["source"], state["tag"], state["error"], state["count"], bool(state["cancelled"]))

    def Get_source(self) -> int:
        """Return the rank of the sender."""
        return self._fields()[0]

    def Set_source(self, source: int) -> None:
        """Set the rank of the sender."""
        self._change(source=source)

    def Get_tag(self) -> int:
        """Return the tag of the message."""
        return self._fields()[1]

    def Set_tag(self, tag: int) -> None:
        """Set the tag."""
        self._change(tag=tag)

    def Get_error(self) -> int:
        """Return the error code, where one call has completed several operations."""
        return self._fields()[2]

    def Set_error(self, error: int) -> None:
        """Set the error code."""
        self._change(error=error)

    def Is_cancelled(self) -> bool:
        """Return whether the operation was cancelled."""
        return self._fields()[4]

    def Set_cancelled(self, flag: bool) -> None:
        """Set whether the operation was cancelled."""
        self._change(cancelled=bool(flag))

    def _change(self, **fields: int) -> None:
        self.__setstate__(self.__getstate__() | {name: int(value) for name, value in fields.items()})

    def Get_count(self, datatype: Datatype | None = None) -> int:
        """Return how many items of a datatype (default: bytes) came; UNDEFINED if that is not a whole
        number."""
        nbytes = self._fields()[3]
        if datatype is None:
            return nbytes
        return counting.count(datatype, nbytes)

    def Get_elements(self, datatype: Datatype) -> int:
        """Return how many elements of predefined datatypes came; those of an incomplete item count too."""
        return counting.elements(datatype, self._fields()[3])

    def Set_elements(self, datatype: Datatype, count: int) -> None:
        """Set the count to that of `count` elements of a datatype. ERR_COUNT if it is negative."""
        if count < 0:
            raise MPIException(ERR_COUNT, f"{count} elements")
        self._change(count=counting.bytes_of(datatype, count))

    @property
    def source(self) -> int:
        """The rank of the sender."""
        return self._fields()[0]

    @source.setter
    def source(self, value: int) -> None:
        self._change(source=value)

    @property
    def tag(self) -> int:
        """The tag of the message."""
        return self._fields()[1]

    @tag.setter
    def tag(self, value: int) -> None:
        self._change(tag=value)

    @property
    def error(self) -> int:
        """The error code."""
        return self._fields()[2]

    @error.setter
    def error(self, value: int) -> None:
        self._change(error=value)

    @property
    def count(self) -> int:
        """How many bytes came."""
        return self._fields()[3]

    @count.setter
    def count(self, value: int) -> None:
        self._change(count=value)

    @property
    def cancelled(self) -> bool:
        """Whether the operation was cancelled."""
        return self._fields()[4]

    @cancelled.setter
    def cancelled(self, value: bool) -> None:
        self._change(cancelled=bool(value))

    def tomemory(self) -> memoryview:
        """Return the fields as C ints, in the order of F_SOURCE, F_TAG and F_ERROR. Writing changes the
        status."""
        return self._show() if self._memory is None else self._memory

    def py2f(self) -> list[int]:
        """Return the fields as a list of F_STATUS_SIZE integers."""
        self._look()
        return self._show().tolist()

    @classmethod
    def f2py(cls, arg: Sequence[int]) -> Self:
        """Return the status that such a list describes. ERR_ARG if it has another length."""
        if len(arg) != F_STATUS_SIZE:
            raise MPIException(ERR_ARG, f"{len(arg)} integers, where a status has {F_STATUS_SIZE}")
        status = cls()
        memory = status.tomemory()
        for place, value in enumerate(arg):
            memory[place] = value
        return status
