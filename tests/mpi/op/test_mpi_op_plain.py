"""Kernels in plain Python, against the results of C for numbers of their bits."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpi_actors.mpi.op import plain

INTEGERS = "bhiqBHIQ"
BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "SUM": lambda x, y: x + y,
    "PROD": lambda x, y: x * y,
    "MAX": max,
    "MIN": min,
    "LAND": lambda x, y: x != 0 and y != 0,
    "LOR": lambda x, y: x != 0 or y != 0,
    "LXOR": lambda x, y: (x != 0) != (y != 0),
    "BAND": lambda x, y: x & y,
    "BOR": lambda x, y: x | y,
    "BXOR": lambda x, y: x ^ y,
}
some = settings(max_examples=60, deadline=None)


def reduced(reducer: plain.Reducer, inbuf: bytes, inoutbuf: bytes) -> bytes:
    """The second buffer after a reduction; the first is read-only."""
    out = bytearray(inoutbuf)
    reducer(memoryview(inbuf), memoryview(out))
    return bytes(out)


def as_c(value: int, code: str) -> int:
    """An integer that does not fit, as C stores it."""
    bits = 8 * struct.calcsize(code)
    value = int(value) % (1 << bits)
    return value - (1 << bits) if code.islower() and value >> (bits - 1) else value


@some
@given(st.data(), st.sampled_from(INTEGERS), st.sampled_from(sorted(BINARY)), st.integers(1, 5))
def test_integers(data: st.DataObject, code: str, operation: str, count: int) -> None:
    """Integers wrap around."""
    size = struct.calcsize(code)
    left, right = (data.draw(st.binary(min_size=size * count, max_size=size * count)) for _ in "lr")
    layout = f"{count}{code}"
    expected = [
        as_c(BINARY[operation](x, y), code)
        for x, y in zip(struct.unpack(layout, left), struct.unpack(layout, right), strict=True)
    ]
    result = reduced(plain.numbers(operation, code, count), left, right)
    assert list(struct.unpack(layout, result)) == expected


def test_wrapping_around() -> None:
    """The least and greatest integers wrap around as worked out by hand."""
    assert reduced(plain.numbers("SUM", "b", 1), b"\x7f", b"\x01") == b"\x80"
    assert reduced(plain.numbers("PROD", "B", 2), b"\x10\xff", b"\x10\xff") == b"\x00\x01"
    assert reduced(plain.numbers("SUM", "q", 1), b"\xff" * 8, b"\xff" * 8) == b"\xfe" + b"\xff" * 7


numbers = {"e": st.floats(width=16), "f": st.floats(width=32), "d": st.floats()}


@some
@given(st.data(), st.sampled_from("efd"), st.sampled_from(["SUM", "PROD"]), st.integers(1, 5))
def test_floating_point(data: st.DataObject, code: str, operation: str, count: int) -> None:
    """Each result is the exact one, rounded once; too great results are infinite."""
    items = st.lists(numbers[code], min_size=count, max_size=count)
    left, right = data.draw(items), data.draw(items)
    layout = f"{count}{code}"
    result = reduced(
        plain.numbers(operation, code, count), struct.pack(layout, *left), struct.pack(layout, *right)
    )
    for x, y, z in zip(left, right, struct.unpack(layout, result), strict=True):
        exact = BINARY[operation](x, y)
        try:
            (exact,) = struct.unpack(code, struct.pack(code, exact))
        except OverflowError:
            exact = math.copysign(math.inf, exact)
        assert z == exact or (math.isnan(z) and math.isnan(exact))


@pytest.mark.parametrize("code", ["e", "f", "d"])
@pytest.mark.parametrize("operation", ["MAX", "MIN"])
def test_what_is_no_number_wins(code: str, operation: str) -> None:
    """Not-a-number wins on either side, as in numpy."""
    nan, one = struct.pack(code, math.nan), struct.pack(code, 1.0)
    for left, right in ((nan, one), (one, nan)):
        result = reduced(plain.numbers(operation, code, 1), left, right)
        assert math.isnan(struct.unpack(code, result)[0])


@some
@given(st.lists(st.complex_numbers(), min_size=1, max_size=4), st.data())
def test_complex_products(left: list[complex], data: st.DataObject) -> None:
    """Each product and sum of parts is rounded by itself."""
    right = data.draw(st.lists(st.complex_numbers(), min_size=len(left), max_size=len(left)))
    layout = f"{2 * len(left)}d"

    def packed(values: list[complex]) -> bytes:
        return struct.pack(layout, *(part for value in values for part in (value.real, value.imag)))

    result = struct.unpack(layout, reduced(plain.complex_products("d"), packed(left), packed(right)))
    expected = [
        part
        for x, y in zip(left, right, strict=True)
        for part in (x.real * y.real - x.imag * y.imag, x.real * y.imag + x.imag * y.real)
    ]
    assert [repr(abs(part)) for part in result] == [repr(abs(part)) for part in expected]


@pytest.mark.parametrize("code", ["e", "f", "d"])
def test_complex_products_by_hand(code: str) -> None:
    """(1 + 2i) (3 + 4i) = -5 + 10i, of parts of each size."""
    layout = f"2{code}"
    result = reduced(plain.complex_products(code), struct.pack(layout, 1, 2), struct.pack(layout, 3, 4))
    assert struct.unpack(layout, result) == (-5, 10)


pairs = st.lists(
    st.tuples(st.integers(-3, 3), st.integers(0, 3), st.integers(-3, 3), st.integers(0, 3)),
    min_size=1,
    max_size=6,
)


@some
@given(pairs, st.sampled_from("hiqfd"))
def test_locations(items: list[tuple[int, int, int, int]], code: str) -> None:
    """The best value stays with its index, of equal values with the lesser; packed pairs have no padding."""
    layout = struct.Struct(f"={code}i")
    left = b"".join(layout.pack(value, index) for value, index, _, _ in items)
    right = b"".join(layout.pack(value, index) for _, _, value, index in items)
    for operation, sign in (("MAXLOC", -1), ("MINLOC", 1)):
        expected = [min((a, i), (b, j), key=lambda pair: (sign * pair[0], pair[1])) for a, i, b, j in items]
        assert list(layout.iter_unpack(reduced(plain.locations(operation, code), left, right))) == expected
