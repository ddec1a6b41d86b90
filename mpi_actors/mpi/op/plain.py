"""Reductions in plain Python, a number at a time: for few items, and where numpy is not installed.

Integers wrap around as in C. Floating-point results equal those of the numpy kernels bit for bit: a double
holds more than twice the digits of a float or a half, so that rounding its sum or product once more changes
nothing (Figueroa, SIGNUM Newsletter 30(3), 1995).
"""

from __future__ import annotations

import operator
import struct
from collections.abc import Callable
from math import copysign, inf
from typing import Any

Reducer = Callable[[memoryview, memoryview], None]
"""`reducer(a, b)` puts `a op b` into b; both are contiguous, and a is of the lower ranks."""

Binary = Callable[[Any, Any], Any]


def _maximum(x: Any, y: Any) -> Any:
    return x if x > y or x != x else y  # not-a-number wins


def _minimum(x: Any, y: Any) -> Any:
    return x if x < y or x != x else y


BINARY: dict[str, Binary] = {
    "SUM": operator.add,
    "PROD": operator.mul,
    "MAX": _maximum,
    "MIN": _minimum,
    "LAND": lambda x, y: bool(x and y),
    "LOR": lambda x, y: bool(x or y),
    "LXOR": lambda x, y: bool(x) is not bool(y),
    "BAND": operator.and_,
    "BOR": operator.or_,
    "BXOR": operator.xor,
}
"""The operations on two numbers."""
ON_BYTES = ("BAND", "BOR", "BXOR")
"""Operations whose result does not depend on where items begin."""


def wrapping(function: Binary, code: str) -> Binary:
    """Return an integer function that gives the result of C: modulo 2 to the number of bits."""
    bits = 8 * struct.calcsize(code)
    mask = (1 << bits) - 1
    if code.isupper():
        return lambda x, y: function(x, y) & mask
    half = 1 << (bits - 1)
    return lambda x, y: ((function(x, y) + half) & mask) - half


def numbers(operation: str, code: Any, count: int) -> Reducer:
    """Return a reducer of `count` integers or floating-point numbers (but not long double)."""
    if operation in ON_BYTES and count > 1:
        return on_bytes(BINARY[operation])
    function = BINARY[operation]
    if operation in ("SUM", "PROD") and code not in "efd":
        function = wrapping(function, code)
    if code == "e":
        return halves(function)

    if count == 1:
        return single(function, code)

    def many(inbuf: memoryview, inoutbuf: memoryview) -> None:
        out = inoutbuf.cast(code)
        for index, pair in enumerate(zip(inbuf.cast(code), out, strict=True)):
            out[index] = function(*pair)

    return many


def single(function: Binary, code: Any) -> Reducer:
    """Return a reducer of one number."""

    def one(inbuf: memoryview, inoutbuf: memoryview) -> None:
        out = inoutbuf.cast(code)
        out[0] = function(inbuf.cast(code)[0], out[0])

    return one


def on_bytes(function: Binary) -> Reducer:
    """Return a reducer that takes all bytes as one long integer."""

    def reduce(inbuf: memoryview, inoutbuf: memoryview) -> None:
        result = function(int.from_bytes(inbuf, "little"), int.from_bytes(inoutbuf, "little"))
        inoutbuf[:] = result.to_bytes(len(inoutbuf), "little")

    return reduce


def halves(function: Binary) -> Reducer:
    """Return a reducer of 16-bit floating-point numbers, which Python 3.11's memory views do not read."""
    read = struct.Struct("e").iter_unpack
    write = struct.Struct("e").pack_into

    def reduce(inbuf: memoryview, inoutbuf: memoryview) -> None:
        for index, ((x,), (y,)) in enumerate(zip(read(inbuf), read(bytes(inoutbuf)), strict=True)):
            result = function(x, y)
            try:
                write(inoutbuf, 2 * index, result)
            except OverflowError:
                write(inoutbuf, 2 * index, copysign(inf, result))

    return reduce


def complex_products(code: str) -> Reducer:
    """Return a reducer that multiplies complex numbers. It rounds each step to the type of the parts."""
    functions = (operator.mul, operator.add, operator.sub)
    multiply, add, subtract = (
        halves(function) if code == "e" else single(function, code) for function in functions
    )
    size = struct.calcsize(code)

    def part(view: memoryview, index: int) -> memoryview:
        return view[index * size : (index + 1) * size]

    def reduce(inbuf: memoryview, inoutbuf: memoryview) -> None:
        for index in range(0, len(inbuf) // size, 2):
            a, b = part(inbuf, index), part(inbuf, index + 1)
            c, d = part(inoutbuf, index), part(inoutbuf, index + 1)
            ac, bd, ad, bc = (memoryview(bytearray(x)) for x in (c, d, d, c))
            multiply(a, ac)
            multiply(b, bd)
            multiply(a, ad)
            multiply(b, bc)
            subtract(ac, bd)
            add(ad, bc)
            c[:], d[:] = bd, bc

    return reduce


def locations(operation: str, code: str) -> Reducer:
    """Return a reducer for MAXLOC or MINLOC; of equal values it keeps the one with the lesser index."""
    layout = struct.Struct(f"={code}i")
    better = operator.gt if operation == "MAXLOC" else operator.lt
    read, write, size = layout.iter_unpack, layout.pack_into, layout.size

    def reduce(inbuf: memoryview, inoutbuf: memoryview) -> None:
        pairs = zip(read(inbuf), read(bytes(inoutbuf)), strict=True)
        for number, ((value, index), (other, where)) in enumerate(pairs):
            if better(value, other) or (not better(other, value) and index < where):
                write(inoutbuf, number * size, value, index)

    return reduce
