"""MPI.BOTTOM, MPI.IN_PLACE and MPI.BUFFER_AUTOMATIC: arguments that stand in the place of a buffer."""

from __future__ import annotations

import sys
from typing import ClassVar, Self

from .protocol import export_nothing_at


class Sentinel:
    """Base of the three. Each has one instance, which equals the integer that is its address."""

    __slots__ = ("__weakref__",)

    _name: ClassVar[str]
    _address: ClassVar[int]
    _only: ClassVar[Sentinel | None] = None

    def __new__(cls) -> Self:
        """Return the only instance of the class."""
        if cls._only is None:
            cls._only = object.__new__(cls)
        assert isinstance(cls._only, cls)
        return cls._only

    def __int__(self) -> int:
        return self._address

    def __bool__(self) -> bool:
        return self._address != 0

    def __hash__(self) -> int:
        return hash(self._address)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, int):
            return self._address == other
        return self is other if isinstance(other, Sentinel) else NotImplemented

    def __repr__(self) -> str:
        return self._name

    def __reduce__(self) -> str:
        return self._name

    def __buffer__(self, flags: int, /) -> memoryview:
        """Return a view of no bytes, in Python 3.12 and later; see `protocol` for earlier ones."""
        return memoryview(bytearray())


class BottomType(Sentinel):
    """The type of `BOTTOM`, the address zero, from which displacements of a datatype are addresses."""

    __slots__ = ()
    _name = "BOTTOM"
    _address = 0

    def __index__(self) -> int:
        return self._address


class InPlaceType(Sentinel):
    """The type of `IN_PLACE`: the receive buffer has what the rank sends."""

    __slots__ = ()
    _name = "IN_PLACE"
    _address = 1


class BufferAutomaticType(Sentinel):
    """The type of `BUFFER_AUTOMATIC`: buffered sends take as much memory as they need."""

    __slots__ = ()
    _name = "BUFFER_AUTOMATIC"
    _address = 2


BOTTOM = BottomType()
IN_PLACE = InPlaceType()
BUFFER_AUTOMATIC = BufferAutomaticType()

_exported = False


def export_sentinels() -> None:
    """Let memoryview accept the three, as in mpi4py. This imports ctypes, so do it only when needed."""
    global _exported
    if not _exported:
        _exported = True
        for cls in (BottomType, InPlaceType, BufferAutomaticType):
            export_nothing_at(cls, cls._address)


if "ctypes" in sys.modules:
    export_sentinels()
