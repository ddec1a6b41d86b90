"""Pack and Unpack, also in the representation external32, and counts of received items and elements."""

from __future__ import annotations

import array
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from type_models import Made, datatypes

from mpi_actors.mpi.constants import ERR_ARG, ERR_COMM, ERR_CONVERSION, ERR_TRUNCATE, ERR_TYPE, UNDEFINED
from mpi_actors.mpi.datatypes import NAMED, Datatype, bytes_of, count, elements
from mpi_actors.mpi.errors.exception import Exception as MPIException

INT, DOUBLE = NAMED["INT"], NAMED["DOUBLE"]
EXT32 = "external32"


def fails(error_class: int, call: Any, *args: Any) -> None:
    """A call raises MPI.Exception of this class."""
    with pytest.raises(MPIException) as caught:
        call(*args)
    assert caught.value.error_class == error_class


def test_pack_and_unpack() -> None:
    """Items are packed one after the other into a buffer, and unpacked."""
    numbers, reals, packed = array.array("i", [1, 2, 3]), array.array("d", [0.5, 1.5]), bytearray(64)
    place = DOUBLE.Pack(reals, packed, INT.Pack(numbers, packed, 4, None), None)
    assert place == 4 + INT.Pack_size(3, None) + DOUBLE.Pack_size(2, None)
    assert packed[4:16] == numbers.tobytes()
    back, real = array.array("i", [0, 0, 0]), array.array("d", [0, 0])
    assert DOUBLE.Unpack(packed, INT.Unpack(packed, 4, back, None), real, None) == place
    assert (back, real) == (numbers, reals)


def test_what_does_not_fit() -> None:
    """A buffer that is too small is ERR_TRUNCATE; other wrong arguments have their classes."""
    numbers = array.array("i", [1, 2, 3])
    fails(ERR_TRUNCATE, INT.Pack, numbers, bytearray(11), 0, None)
    fails(ERR_TRUNCATE, INT.Pack, numbers, bytearray(16), -1, None)
    fails(ERR_TRUNCATE, INT.Unpack, bytes(11), 0, numbers, None)
    fails(ERR_COMM, INT.Pack_size, 1, Datatype())  # any null handle
    fails(ERR_TYPE, INT.Create_contiguous(2).Pack_size, 1, None)
    fails(ERR_ARG, INT.Pack_external_size, "internal", 1)
    with pytest.raises(BufferError):
        INT.Pack(numbers, bytes(16), 0, None)


def test_external32_is_big_endian() -> None:
    """Elements have the standard's sizes: a long has four bytes, and must fit into them."""
    mixed = Datatype.Create_struct([1, 1], [0, 8], [INT, DOUBLE]).Commit()
    out = bytearray(12)
    assert mixed.Pack_external(EXT32, struct.pack("@id", 258, 1.5), out, 0) == 12
    assert bytes(out) == struct.pack(">id", 258, 1.5)
    long = NAMED["LONG"]
    assert long.Pack_external_size(EXT32, 3) == 12
    long.Pack_external(EXT32, array.array("l", [-2, 3, 4]), out, 0)
    assert struct.unpack(">3i", out) == (-2, 3, 4)
    fails(ERR_CONVERSION, long.Pack_external, EXT32, array.array("l", [1 << 40]), out, 0)
    pair = NAMED["C_DOUBLE_COMPLEX"]
    out = bytearray(16)
    pair.Pack_external(EXT32, struct.pack("@dd", 1.5, -2.5), out, 0)
    assert struct.unpack(">dd", out) == (1.5, -2.5)


def test_long_doubles_are_quadruple_precision() -> None:
    """Sign, exponent and fraction of the 16-byte numbers are those that numpy computes."""
    numpy = pytest.importorskip("numpy")
    values = numpy.array([0, 1, -1.5, 2**100, 2.0**-1000, numpy.inf, -numpy.inf, numpy.nan], "g")
    out = bytearray(16 * len(values))
    NAMED["LONG_DOUBLE"].Pack_external(EXT32, values, out, 0)
    assert out[16:32] == bytes([0x3F, 0xFF]) + bytes(14)
    assert out[32:48] == bytes([0xBF, 0xFF, 0x80]) + bytes(13)
    back = numpy.zeros(len(values), "g")
    NAMED["LONG_DOUBLE"].Unpack_external(EXT32, out, 0, back)
    numpy.testing.assert_array_equal(back, values)


OTHER_SIZES = ("LONG", "SIGNED_LONG", "UNSIGNED_LONG", "LONG_INT", "WCHAR")
PORTABLE = [name for name in NAMED if name not in OTHER_SIZES and "LONG_DOUBLE" not in name]


@given(name=st.sampled_from(PORTABLE), data=st.data())
@settings(max_examples=60, deadline=None)
def test_external32_and_back(name: str, data: st.DataObject) -> None:
    """Any bytes of a type that has the same size in both come back."""
    datatype = NAMED[name]
    size = datatype.extent
    memory = bytes(data.draw(st.lists(st.integers(0, 255), min_size=2 * size, max_size=2 * size)))
    out = bytearray(datatype.Pack_external_size(EXT32, 2))
    datatype.Pack_external(EXT32, memory, out, 0)
    back = bytearray(memory)
    datatype.Unpack_external(EXT32, out, 0, back)
    assert back == memory


def model_elements(made: Made, nbytes: int) -> int:
    """Count the elements in the first bytes of items, one by one."""
    sizes = basic_sizes(made.datatype)
    total = 0
    while nbytes > 0:
        for size in sizes:
            nbytes -= size
            total += 1
            if nbytes <= 0:
                break
    return total if nbytes == 0 else UNDEFINED


def basic_sizes(datatype: Datatype) -> list[int]:
    """Return the sizes of an item's basic elements, by decoding the datatype."""
    if datatype.is_named:
        return [datatype.size]
    old, kind, params = datatype.decode()
    if kind == "STRUCT":
        pairs = zip(params["blocklengths"], params["datatypes"], strict=True)
        return [size for length, part in pairs for size in length * basic_sizes(part)]
    inner = basic_sizes(old)
    return inner * (datatype.size // old.size) if old.size else []


@given(made=datatypes, received=st.integers(0, 100))
@settings(max_examples=150, deadline=None)
def test_elements_of_a_partial_item(made: Made, received: int) -> None:
    """`elements` counts as one by one; `count` counts complete items."""
    datatype = made.datatype
    if datatype.size == 0:
        assert (count(datatype, 0), elements(datatype, 0)) == (0, 0)
        assert count(datatype, 8) == UNDEFINED
        return
    expected = model_elements(made, received)
    assert elements(datatype, received) == expected
    whole, rest = divmod(received, datatype.size)
    assert count(datatype, received) == (UNDEFINED if rest else whole)
    if expected != UNDEFINED:
        assert bytes_of(datatype, expected) == received


def test_pairs_are_two_elements() -> None:
    """A value without its index is one element."""
    assert elements(NAMED["DOUBLE_INT"], 12) == 2
    assert elements(NAMED["DOUBLE_INT"], 8) == 1
    assert elements(NAMED["DOUBLE_INT"], 20) == 3
    assert elements(NAMED["DOUBLE_INT"], 4) == UNDEFINED
    fails(ERR_TYPE, count, Datatype(), 4)
