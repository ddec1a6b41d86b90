"""Reductions of memory by operation and datatype."""

from __future__ import annotations

import struct
from array import array
from typing import Any

import pytest

from mpi_actors.mpi import op as module
from mpi_actors.mpi.constants import ERR_OP, ERR_TYPE
from mpi_actors.mpi.datatypes import DATATYPE_NULL, NAMED, Datatype
from mpi_actors.mpi.errors.exception import Exception as MPIException
from mpi_actors.mpi.op import BAND, MAX, MAXLOC, MINLOC, NO_OP, OP_NULL, PROD, REPLACE, SUM, Op, kernels
from mpi_actors.mpi.op.elements import FLOATING, INTEGER, Element

DOUBLE, INT, BYTE = NAMED["DOUBLE"], NAMED["INT"], NAMED["BYTE"]

INTEGERS = ["INT", "UNSIGNED_CHAR", "LONG_LONG", "UINT16_T", "INTEGER"]
FLOATS = ["FLOAT", "DOUBLE", "LONG_DOUBLE", "REAL4", "FLOAT16_T"]
OTHERS = {
    "AINT": {"MAX", "MIN", "SUM", "PROD", "BAND", "BOR", "BXOR"},
    "C_BOOL": {"LAND", "LOR", "LXOR"},
    "LOGICAL": {"LAND", "LOR", "LXOR"},
    "BYTE": {"BAND", "BOR", "BXOR"},
    "C_DOUBLE_COMPLEX": {"SUM", "PROD"},
    "FLOAT_INT": {"MAXLOC", "MINLOC"},
    "TWOINT": {"MAXLOC", "MINLOC"},
    "CHAR": set(),
    "WCHAR": set(),
    "PACKED": set(),
}
ARITHMETIC = {"MAX", "MIN", "SUM", "PROD"}
BITWISE = {"BAND", "BOR", "BXOR"}
LOGIC = {"LAND", "LOR", "LXOR"}
TABLE: dict[str, set[str]] = {
    **dict.fromkeys(INTEGERS, ARITHMETIC | BITWISE | LOGIC),
    **dict.fromkeys(FLOATS, ARITHMETIC),
    **OTHERS,
}


@pytest.mark.parametrize("name", TABLE)
def test_what_is_defined(name: str) -> None:
    """The tables of the standard hold; all other pairs raise ERR_OP, for any count."""
    for operation in ARITHMETIC | BITWISE | LOGIC | {"MAXLOC", "MINLOC"}:
        op: Op = getattr(module, operation)
        for count in (0, 1, 50):
            if operation in TABLE[name]:
                op._reducer(NAMED[name], count)
            else:
                with pytest.raises(MPIException) as caught:
                    op._reducer(NAMED[name], count)
                assert caught.value.error_class == ERR_OP


def test_derived_datatypes() -> None:
    """Duplicates work as the original; other derived datatypes work with users' operations only."""
    twin = DOUBLE.Dup()
    twin.Set_name("MPI_INT")
    buf = array("d", [1.5])
    SUM._reducer(twin, 1)(memoryview(array("d", [2.0])).cast("B"), memoryview(buf).cast("B"))
    assert buf[0] == 3.5
    for datatype in (DOUBLE.Create_contiguous(2), Datatype.Create_struct([1, 1], [0, 8], [DOUBLE, INT])):
        with pytest.raises(MPIException) as caught:
            SUM._reducer(datatype, 1)
        assert caught.value.error_class == ERR_OP


def test_null() -> None:
    """A null operation or datatype raises."""
    for op, datatype, error in ((OP_NULL, INT, ERR_OP), (SUM, DATATYPE_NULL, ERR_TYPE)):
        with pytest.raises(MPIException) as caught:
            op._reducer(datatype, 1)
        assert caught.value.error_class == error


@pytest.mark.parametrize("count", [0, 1, 2, 7, 64])
def test_reduce_local(count: int) -> None:
    """Sums of any number of items are right."""
    left, right = array("d", range(count)), array("d", [0.5] * count)
    SUM.Reduce_local(left, right)
    assert right.tolist() == [index + 0.5 for index in range(count)]
    these, those = array("i", range(count)), array("i", [3] * count)
    MAX.Reduce_local([these, INT], [those, INT])
    assert those.tolist() == [max(index, 3) for index in range(count)]


def test_mismatches() -> None:
    """Buffers of different datatypes or counts raise, and are as before."""
    one, two = array("i", [1, 2]), array("i", [3])
    for left, right in (([one, 2, INT], [two, 1, INT]), ([one, 1, INT], [two, 1, BYTE])):
        with pytest.raises(ValueError, match="buffers"):
            SUM.Reduce_local(left, right)
    assert two[0] == 3


def test_replace_and_no_operation() -> None:
    """REPLACE keeps the second buffer; NO_OP copies the first into it."""
    left, right = array("i", [1]), array("i", [2])
    REPLACE.Reduce_local(left, right)
    assert right[0] == 2
    NO_OP.Reduce_local(left, right)
    assert right[0] == 1


def test_pairs_with_padding() -> None:
    """Pairs have gaps in memory, which stay as they are."""
    pair = NAMED["DOUBLE_INT"]
    layout = struct.Struct("di4x")
    left = bytearray(layout.pack(2.0, 7) + layout.pack(1.0, 7))
    right = bytearray(layout.pack(2.0, 3) + layout.pack(0.0, 3))
    MAXLOC.Reduce_local([left, 2, pair], [right, 2, pair])
    assert list(layout.iter_unpack(right)) == [(2.0, 3), (1.0, 7)]
    MINLOC.Reduce_local([bytearray(layout.pack(0.0, 1)), 1, pair], [right, 1, pair])
    assert list(layout.iter_unpack(right)) == [(0.0, 1), (1.0, 7)]


def test_booleans() -> None:
    """The result for true is 1."""
    left, right = bytearray([1, 1, 0, 0]), bytearray([1, 0, 1, 0])
    module.LXOR.Reduce_local([left, NAMED["C_BOOL"]], [right, NAMED["C_BOOL"]])
    assert list(right) == [0, 1, 1, 0]
    left, right = bytearray([255]), bytearray([15])
    BAND.Reduce_local([left, BYTE], [right, BYTE])
    assert list(right) == [15]


def test_wide_logical() -> None:
    """Any value but 0 is true."""
    left, right = array("i", [7, -1, 0]), array("i", [8, 0, 0])
    module.LAND.Reduce_local([left, NAMED["LOGICAL"]], [right, NAMED["LOGICAL"]])
    assert right.tolist() == [1, 0, 0]


def test_users_functions_see_buffers() -> None:
    """The function gets the datatype, and buffers of all items."""
    seen: list[Any] = []

    def function(x: Any, y: Any, datatype: Any) -> None:
        seen.append((len(x), len(y), datatype == INT))
        y[:] = array(
            "i", [a - b for a, b in zip(memoryview(x).cast("i"), memoryview(y).cast("i"), strict=True)]
        )

    mine = Op.Create(function)
    left, right = array("i", [5, 6]), array("i", [1, 1])
    mine.Reduce_local([left, INT], [right, INT])
    assert right.tolist() == [4, 5]
    assert seen == [(8, 8, True)]
    empty = array("i")
    mine.Reduce_local([empty, INT], [empty, INT])
    assert len(seen) == 1
    mine.Free()


def test_users_functions_see_the_layout_of_the_datatype() -> None:
    """The function gets packed data laid out with its gaps; its result is packed again."""
    spaced = INT.Create_resized(0, 8).Commit()

    def function(x: Any, y: Any, datatype: Any) -> None:
        assert datatype == spaced
        a, b = memoryview(x).cast("i"), memoryview(y).cast("i")
        for index in range(0, len(b), 2):
            b[index] += a[index]

    mine = Op.Create(function, commute=True)
    packed = memoryview(bytearray(struct.pack("3i", 1, 2, 3)))
    mine._reducer(spaced, 3)(memoryview(struct.pack("3i", 10, 20, 30)), packed)
    assert struct.unpack("3i", packed) == (11, 22, 33)
    left, right = array("i", [1, -1, 2, -2]), array("i", [5, 77, 6, 88])
    mine.Reduce_local([left, 2, spaced], [right, 2, spaced])
    assert right.tolist() == [6, 77, 8, 88]
    mine.Free()


def test_users_functions_that_raise() -> None:
    """The reduction raises the function's error."""

    def function(x: Any, y: Any, datatype: Any) -> None:
        raise LookupError("of the program")

    mine = Op.Create(function)
    with pytest.raises(LookupError, match="of the program"):
        mine.Reduce_local(array("i", [1]), array("i", [1]))
    mine.Free()


def test_without_numpy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plain Python reduces everything but long double, whose error says why."""
    monkeypatch.setattr(kernels.numpy, "get", lambda: None)
    monkeypatch.setattr(kernels.numpy, "worth", lambda count: None)
    monkeypatch.setattr(kernels, "_single", {})
    left, right = array("d", [1.5] * 100), array("d", [2.0] * 100)
    PROD.Reduce_local(left, right)
    assert right.tolist() == [3.0] * 100
    with pytest.raises(MPIException, match="numpy") as caught:
        kernels.reducer("SUM", Element(FLOATING, "g"), 1)
    assert caught.value.error_class == ERR_OP
    kernels.reducer("SUM", Element(INTEGER, "q"), 1)
