"""The representation "external32": big-endian, IEEE 754, the same on all machines (MPI 4.1, section 14.5.2).

Elements have the sizes of the standard's tables, which may differ from those of this machine: there a C
long has four bytes, and a long double is the number of sixteen bytes of IEEE 754.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from typing import Literal

from ..constants import ERR_CONVERSION
from ..errors.exception import Exception as MPIException
from ..handle import name_of
from . import codes
from .definition import Definition

SIZES = {"LONG": 4, "UNSIGNED_LONG": 4, "WCHAR": 2}
"""Bytes in external32 of the basic types whose size differs there."""

EXTENDED = codes.LONG_DOUBLE == 16 and platform.machine() in ("x86_64", "AMD64")
"""Whether a long double here is the 80-bit number of x86 processors."""

EXTENDED_BITS, QUAD_FRACTION = 63, 112
"""Bits of the fraction of an 80-bit number, without the leading bit, and of a 16-byte one."""


def named(basic: Definition) -> str:
    """Return the name of a basic type in the module MPI, even if the program has renamed it."""
    return (basic.constant and name_of(basic.constant)) or ""


def basics(definition: Definition) -> Iterator[tuple[int, Definition]]:
    """Give the basic elements of one item in order: how many equal ones, and their type."""
    if not definition.parts:
        yield 1, definition
        return
    for count, part in definition.parts:
        if not part.parts:
            yield count, part
        elif part.basic is not None and not part.basic.parts:
            yield count * part.elements, part.basic
        else:
            inner = list(basics(part))
            for _ in range(count):
                yield from inner


def external_size(definition: Definition) -> int:
    """Return the bytes of one item in external32."""
    return sum(count * SIZES.get(named(basic), basic.size) for count, basic in basics(definition))


def _sequence(definition: Definition, count: int) -> list[tuple[int, Definition]]:
    """Return the elements of items, in one entry if all are of one basic type."""
    one = list(basics(definition))
    return [(count * one[0][0], one[0][1])] if len(one) == 1 else one * count


def encode(definition: Definition, packed: memoryview | bytearray, count: int) -> bytearray:
    """Return packed items in external32.

    Raises:
        MPI.Exception: ERR_CONVERSION, if a number does not fit there.
    """
    out, place = bytearray(), 0
    for number, basic in _sequence(definition, count):
        end = place + number * basic.size
        out += _encoded(basic, bytes(packed[place:end]))
        place = end
    return out


def decode(definition: Definition, external: memoryview, count: int) -> bytearray:
    """Return packed items from external32."""
    out, place = bytearray(), 0
    for number, basic in _sequence(definition, count):
        end = place + number * SIZES.get(named(basic), basic.size)
        out += _decoded(basic, bytes(external[place:end]))
        place = end
    return out


def _parts(basic: Definition) -> int:
    """Return the bytes that the byte order is about: those of one part of a complex number."""
    return basic.size // 2 if (basic.typestr or "")[:1] == "c" else basic.size


def _is_long_double(basic: Definition) -> bool:
    return "LONG_DOUBLE" in named(basic)


def _encoded(basic: Definition, data: bytes) -> bytes:
    size = SIZES.get(named(basic))
    if size is not None:
        signed = named(basic) == "LONG"
        numbers = _integers(data, basic.size, signed, "little")
        try:
            return b"".join(number.to_bytes(size, "big", signed=signed) for number in numbers)
        except OverflowError:
            raise MPIException(ERR_CONVERSION, f"a {named(basic)} has {size} bytes in external32") from None
    if EXTENDED and _is_long_double(basic):
        data = b"".join(_quad(data[place : place + 16]) for place in range(0, len(data), 16))
    return swapped(data, _parts(basic))


def _decoded(basic: Definition, data: bytes) -> bytes:
    size = SIZES.get(named(basic))
    if size is not None:
        signed = named(basic) == "LONG"
        numbers = _integers(data, size, signed, "big")
        return b"".join(number.to_bytes(basic.size, "little", signed=signed) for number in numbers)
    data = swapped(data, _parts(basic))
    if EXTENDED and _is_long_double(basic):
        data = b"".join(_extended(data[place : place + 16]) for place in range(0, len(data), 16))
    return data


def _integers(data: bytes, size: int, signed: bool, order: Literal["little", "big"]) -> list[int]:
    pieces = [data[place : place + size] for place in range(0, len(data), size)]
    return [int.from_bytes(piece, order, signed=signed) for piece in pieces]


def swapped(data: bytes, size: int) -> bytes:
    """Return data with the bytes of each element, of `size` bytes, in the opposite order."""
    if size == 1:
        return data
    out = bytearray(len(data))
    for k in range(size):
        out[k::size] = data[size - 1 - k :: size]
    return bytes(out)


def _quad(data: bytes) -> bytes:
    """Return the 16-byte number for an 80-bit one, whose leading bit is left out."""
    fraction = int.from_bytes(data[:8], "little") & ((1 << EXTENDED_BITS) - 1)
    head = int.from_bytes(data[8:10], "little")
    return (head << QUAD_FRACTION | fraction << (QUAD_FRACTION - EXTENDED_BITS)).to_bytes(16, "little")


def _extended(data: bytes) -> bytes:
    """Return the 80-bit number for a 16-byte one, rounded toward zero."""
    bits = int.from_bytes(data, "little")
    head = bits >> QUAD_FRACTION
    fraction = (bits & ((1 << QUAD_FRACTION) - 1)) >> (QUAD_FRACTION - EXTENDED_BITS)
    leading = 1 << EXTENDED_BITS if head & 0x7FFF else 0
    return (fraction | leading).to_bytes(8, "little") + head.to_bytes(2, "little") + bytes(6)
