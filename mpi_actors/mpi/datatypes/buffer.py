"""`MPI.buffer`: contiguous bytes in memory, of an object or at an address."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Self, SupportsIndex, final

from .acquire import HOST_DEVICES, acquire
from .exports import exporter, let_go
from .memory import address_of, view_at
from .protocol import export_second_slot
from .sentinels import Sentinel, export_sentinels

_NOTHING = object()
_is_exported = False


def _export() -> None:
    global _is_exported
    _is_exported = True
    export_second_slot(buffer)
    export_sentinels()


@final
class buffer:
    """Bytes in memory: of an object that exports them, new ones, or those at an address. A sequence of
    integers.

    Pass it to memoryview or numpy.frombuffer to see the memory as elements of another type.
    """

    # the second slot in alphabetical order holds what is exported, see `protocol`
    __slots__ = ("__weakref__", "_device", "_exported", "_object", "_view")

    _device: int
    _exported: object
    _object: Any
    _view: memoryview

    def __new__(cls, buf: Any = _NOTHING, /) -> Self:
        """The memory of an object with the buffer protocol, DLPack or the CUDA array interface.

        Without an argument the buffer has no bytes.

        Raises:
            TypeError: the object is not a buffer.
            BufferError: its memory is not contiguous.
        """
        if buf is _NOTHING:
            return cls._of(view_at(0, 0), None)
        view, _, device = acquire(buf, False, False)
        return cls._of(view, buf, device)

    @classmethod
    def _of(cls, view: memoryview, obj: Any, device: int = 0) -> Self:
        """Return a buffer of a view of bytes. `obj` becomes the attribute of that name."""
        if not _is_exported:
            _export()
        self = object.__new__(cls)
        self._exported = exporter(view)
        self._object = obj
        self._view = view
        self._device = device
        return self

    def __buffer__(self, flags: int, /) -> memoryview:
        """Return what memoryview gets, in Python 3.12 and later; see `protocol` for earlier ones."""
        return memoryview(self._view)

    def __del__(self, let_go: Callable[[object], None] = let_go) -> None:
        let_go(self._exported)

    @staticmethod
    def allocate(nbytes: int, clear: bool = False) -> buffer:
        """Return new memory, which is zero whether `clear` asks for it or not.

        Raises:
            ValueError: the size is negative.
        """
        nbytes = operator.index(nbytes)
        if nbytes < 0:
            raise ValueError("memory of a negative size")
        memory = bytearray(nbytes)
        return buffer._of(memoryview(memory), memory)

    @staticmethod
    def frombuffer(obj: Any, readonly: bool = False) -> buffer:
        """Return the memory of an object. `readonly`: the object may be read-only, and the buffer is.

        Raises:
            TypeError: the object is not a buffer.
            BufferError: its memory is not contiguous, or read-only although `readonly` is false.
        """
        view, _, device = acquire(obj, not readonly, False)
        return buffer._of(view.toreadonly() if readonly else view, obj, device)

    @staticmethod
    def fromaddress(address: int, nbytes: int, readonly: bool = False) -> buffer:
        """Return the memory at an address. Nothing checks that there is memory, or keeps its owner alive.

        Raises:
            ValueError: the size is negative, or the address is 0 and the size is not.
        """
        nbytes = operator.index(nbytes)
        if nbytes < 0:
            raise ValueError("memory of a negative size")
        if nbytes > 0 and address == 0:
            raise ValueError("there is no memory at the address 0")
        return buffer._of(view_at(address, nbytes, readonly), None)

    @property
    def address(self) -> int:
        """The address of the first byte."""
        return address_of(self._view)

    @property
    def obj(self) -> Any:
        """The object that owns the memory; None if the buffer was made from an address."""
        return self._object

    @property
    def nbytes(self) -> int:
        """How many bytes the buffer has."""
        return len(self._view)

    @property
    def readonly(self) -> bool:
        """Whether the bytes cannot be changed through this object."""
        return self._view.readonly

    @property
    def format(self) -> str:
        """The format of the elements: "B"."""
        return "B"

    @property
    def itemsize(self) -> int:
        """The bytes of each element: 1."""
        return 1

    def cast(self, format: str, shape: Sequence[int] | None = None) -> memoryview:
        """Return a view of the memory as elements of another format, in an array of a shape; see
        memoryview.
        """
        view: Any = self._reachable()
        cast: memoryview = view.cast(format) if shape is None else view.cast(format, tuple(shape))
        return cast

    def tobytes(self, order: str | None = None) -> bytes:
        """Return a copy of the bytes. `order` has no effect; memoryview has it, too."""
        return self._reachable().tobytes()

    def toreadonly(self) -> buffer:
        """Return a read-only buffer of the same memory."""
        obj = self if self._object is None else self._object
        return buffer._of(self._view.toreadonly(), obj, self._device)

    def release(self) -> None:
        """Let go of the memory: afterwards the buffer has no bytes."""
        let_go(self._exported)
        self._view = view_at(0, 0)
        self._exported = exporter(self._view)
        self._object = None
        self._device = 0

    def _reachable(self) -> memoryview:
        """Return the view; raise BufferError if the memory is that of a device."""
        if self._device not in HOST_DEVICES:
            raise BufferError("the memory is not the host's")
        return self._view

    def __len__(self) -> int:
        return len(self._view)

    def __getitem__(self, item: SupportsIndex | slice) -> Any:
        view = self._reachable()
        if isinstance(item, slice):
            return buffer._of(view[_plain(item)], self)
        return view[_index(item)]

    def __setitem__(self, item: SupportsIndex | slice, value: Any) -> None:
        view = self._reachable()
        if view.readonly:
            raise TypeError("the buffer is read-only")
        if not isinstance(item, slice):
            view[_index(item)] = operator.index(value) & 0xFF
            return
        part = view[_plain(item)]
        if hasattr(value, "__index__") and not isinstance(value, Sentinel):
            part[:] = bytes((operator.index(value) & 0xFF,)) * len(part)
            return
        given = acquire(value, False, False).view
        if len(given) != len(part):
            raise ValueError(f"{len(given)} bytes for a slice of {len(part)}")
        part[:] = given

    def __delitem__(self, item: object) -> None:
        raise NotImplementedError("memory cannot be cut out of a buffer")


def _plain(item: slice) -> slice:
    if item.step not in (None, 1):
        raise IndexError("slices of buffers have no step")
    return item


def _index(item: SupportsIndex) -> int:
    if not hasattr(item, "__index__"):
        raise TypeError(f"an index is an integer or a slice, not {type(item).__name__}")
    return operator.index(item)


def Alloc_mem(size: int, info: object = None) -> buffer:
    """Return new memory of `size` bytes. `info` has no effect."""
    return buffer.allocate(size)


def Free_mem(mem: buffer) -> None:
    """Let go of memory that `Alloc_mem` returned.

    Raises:
        TypeError: it is not a buffer.
    """
    if not isinstance(mem, buffer):
        raise TypeError(f"expected buffer, got {type(mem).__name__}")
    mem.release()


def Get_address(location: Any) -> int:
    """Return the address of the first byte of a buffer; 0 for BOTTOM and None."""
    if location is None:
        return 0
    if isinstance(location, Sentinel):
        return int(location)
    return address_of(acquire(location, False, False).view)


def Aint_add(base: int, disp: int) -> int:
    """Return the address that is `disp` bytes after `base`."""
    return operator.index(base) + operator.index(disp)


def Aint_diff(addr1: int, addr2: int) -> int:
    """Return how many bytes the first address is after the second."""
    return operator.index(addr1) - operator.index(addr2)
