"""Explicit packing: `Pack`, `Unpack` and the like, methods of `Datatype` (MPI 4.1, section 5.2)."""

from __future__ import annotations

from operator import index
from typing import Any

from ..constants import ERR_ARG, ERR_COMM, ERR_COUNT, ERR_TRUNCATE, ERR_TYPE
from ..errors.exception import Exception as MPIException
from ..handle import Handle
from . import packing
from .acquire import acquire
from .definition import Definition

EXTERNAL32 = "external32"
"""The only data representation that the standard defines for packing."""


class Packers(Handle):
    """Base of `Datatype`: copies between the bytes of items and contiguous bytes.

    There are as many items as fit into `inbuf` (when packing) or `outbuf` (when unpacking).
    """

    __slots__ = ()

    def _pack(self, view: memoryview, count: int, offset: int = 0) -> memoryview | bytearray:
        """Return the bytes of `count` items, the first at `offset`, without a copy if they are contiguous."""
        return packing.pack(self._h.layout, view, count, offset)

    def _unpack(self, packed: Any, view: memoryview, count: int, offset: int = 0) -> None:
        """Put contiguous bytes into their places in `count` items; fewer bytes fill the first items."""
        packing.unpack(self._h.layout, packed, view, count, offset)

    def _usable(self, comm: Any) -> Definition:
        definition: Definition = self._require()
        if not definition.ready:
            raise MPIException(ERR_TYPE, "the datatype is not committed")
        if comm is not None and not comm:
            raise MPIException(ERR_COMM, "null communicator")
        return definition

    def Pack(self, inbuf: Any, outbuf: Any, position: int, comm: Any) -> int:
        """Pack items into `outbuf`, from byte `position` on. Returns the position after them.

        Raises:
            MPI.Exception: ERR_TRUNCATE, if they do not fit.
        """
        definition = self._usable(comm)
        source = acquire(inbuf, False, False).view
        return _put(packing.pack(definition.layout, source, _fitting(definition, source)), outbuf, position)

    def Unpack(self, inbuf: Any, position: int, outbuf: Any, comm: Any) -> int:
        """Unpack items from `inbuf`, from byte `position` on. Returns the position after them.

        Raises:
            MPI.Exception: ERR_TRUNCATE, if there are not enough bytes.
        """
        definition = self._usable(comm)
        target = acquire(outbuf, True, False).view
        count = _fitting(definition, target)
        packed, position = _take(inbuf, position, count * definition.size)
        packing.unpack(definition.layout, packed, target, count)
        return position

    def Pack_size(self, count: int, comm: Any) -> int:
        """Return how many bytes `Pack` needs for `count` items."""
        count = index(count)
        if count < 0:
            raise MPIException(ERR_COUNT, f"{count} items")
        return self._usable(comm).size * count

    def Pack_external(self, datarep: str, inbuf: Any, outbuf: Any, position: int) -> int:
        """Pack items as `Pack` does, in the representation "external32", which is the same on all
        machines.
        """
        from .external32 import encode

        definition = self._external(datarep)
        source = acquire(inbuf, False, False).view
        count = _fitting(definition, source)
        packed = packing.pack(definition.layout, source, count)
        return _put(encode(definition, packed, count), outbuf, position)

    def Unpack_external(self, datarep: str, inbuf: Any, position: int, outbuf: Any) -> int:
        """Unpack items as `Unpack` does, from the representation "external32"."""
        from .external32 import decode, external_size

        definition = self._external(datarep)
        target = acquire(outbuf, True, False).view
        count = _fitting(definition, target)
        packed, position = _take(inbuf, position, count * external_size(definition))
        packing.unpack(definition.layout, decode(definition, packed, count), target, count)
        return position

    def Pack_external_size(self, datarep: str, count: int) -> int:
        """Return how many bytes `Pack_external` needs for `count` items."""
        from .external32 import external_size

        return external_size(self._external(datarep)) * index(count)

    def _external(self, datarep: str) -> Definition:
        if datarep != EXTERNAL32:
            raise MPIException(ERR_ARG, f"the data representation is {EXTERNAL32!r}, not {datarep!r}")
        return self._usable(None)


def _fitting(definition: Definition, view: memoryview) -> int:
    if definition.extent <= 0:
        raise MPIException(ERR_TYPE, f"the number of items of extent {definition.extent} is not known")
    return len(view) // definition.extent


def _put(packed: memoryview | bytearray, outbuf: Any, position: int) -> int:
    target = acquire(outbuf, True, False).view
    position = index(position)
    end = position + len(packed)
    if position < 0 or end > len(target):
        raise MPIException(ERR_TRUNCATE, f"{len(packed)} bytes at {position} of a buffer of {len(target)}")
    target[position:end] = packed
    return end


def _take(inbuf: Any, position: int, nbytes: int) -> tuple[memoryview, int]:
    source = acquire(inbuf, False, False).view
    position = index(position)
    end = position + nbytes
    if position < 0 or end > len(source):
        raise MPIException(ERR_TRUNCATE, f"{nbytes} bytes from {position} of a buffer of {len(source)}")
    return source[position:end], end
