"""Specifications of messages of several blocks."""

from __future__ import annotations

import array
from typing import Any

import pytest

from mpi_actors.mpi.constants import ERR_TYPE, PROC_NULL
from mpi_actors.mpi.datatypes import (
    BOTTOM,
    NAMED,
    Datatype,
    Get_address,
    parse_recv_v,
    parse_recv_w,
    parse_send_v,
    parse_send_w,
)
from mpi_actors.mpi.errors.exception import Exception as MPIException

INT, CHAR = NAMED["INT"], NAMED["CHAR"]
INTS = array.array("i", range(10))


@pytest.mark.parametrize(
    ("spec", "blocks"),
    [
        (INTS, [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9]]),
        ([INTS, INT], [[0, 1, 2, 3], [4, 5, 6], [7, 8, 9]]),
        ([INTS, 2], [[0, 1], [2, 3], [4, 5]]),
        ([INTS, [1, 2, 3]], [[0], [1, 2], [3, 4, 5]]),
        ([INTS, ([1, 2, 3], None)], [[0], [1, 2], [3, 4, 5]]),
        ([INTS, (2, 3)], [[0, 1], [3, 4], [6, 7]]),
        ([INTS, (2, [8, 0, 4]), "i"], [[8, 9], [0, 1], [4, 5]]),
        ([INTS, array.array("i", [1, 0, 2]), INT], [[0], [], [1, 2]]),
        ([INTS, (1, 2, 0), [0, 5, 0], INT], [[0], [5, 6], []]),
        ([None, INT], [[], [], []]),
        ([None, (0, None), INT], [[], [], []]),
        ([BOTTOM, 0, [0, 0, 0], "i"], [[], [], []]),
    ],
)
def test_forms(spec: Any, blocks: list[list[int]]) -> None:
    """Each form gives the items of each block."""
    message = parse_send_v(spec, 3)
    found = [array.array("i", bytes(message.block(number).packed())).tolist() for number in range(3)]
    assert found == blocks
    assert message.nbytes == 4 * sum(map(len, blocks))


BACKWARDS = INT.Create_resized(0, -4).Commit()


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ([INTS, 0, [0], "i", None], ValueError),
        ([INTS, 0, [0], "\0"], KeyError),
        ([INTS, None, [0], Datatype()], ValueError),
        ([bytearray(5), None, [0], "i"], ValueError),
        ([INTS, None, [0], BACKWARDS], ValueError),
        ([INTS, [1, 1]], ValueError),
        ([INTS, [1.5]], TypeError),
        ([INTS, 1.5], TypeError),
        ([[1], 0, 0, "i"], TypeError),
        ([{1: 2}, 0, 0, "i"], TypeError),
        (object, TypeError),
    ],
)
def test_what_is_wrong(spec: Any, error: type[Exception]) -> None:
    """The errors are those that programs for mpi4py know."""
    with pytest.raises(error):
        parse_send_v(spec, 1)


def test_numpy_counts() -> None:
    """Counts may be arrays, scalars and arrays without dimensions, but not floating-point numbers."""
    numpy = pytest.importorskip("numpy")
    for one in (numpy.array([3]), numpy.array([3])[0], numpy.array(3)):
        assert parse_send_v([INTS, one], 1).counts == [3]
    for one in (numpy.array([3.5]), numpy.array([3.5])[0], numpy.array(3.0)):
        with pytest.raises(TypeError):
            parse_send_v([INTS, one], 1)
    assert parse_send_v([INTS, (1, numpy.array([4, 2]))], 2).displs == [4, 2]


def test_receiving() -> None:
    """Read-only memory raises; a specification for PROC_NULL is not looked at."""
    for parse in (parse_recv_v, lambda spec, blocks: parse_recv_w([spec, [CHAR]], blocks)):
        with pytest.raises(BufferError):
            parse(b"abc", 1)
    assert parse_recv_v(object(), 2, rank=PROC_NULL).counts == [0, 0]


def test_own_types() -> None:
    """Blocks may have types of their own, at displacements in bytes."""
    memory = bytearray(range(16))
    message = parse_send_w([memory, [2, 1], [8, 3], [INT, CHAR]], 2)
    assert [bytes(message.block(number).packed()) for number in (0, 1)] == [bytes(range(8, 16)), b"\3"]
    assert message.nbytes == 9
    assert parse_send_w([memory, ([2, 1], [8, 3]), [INT, CHAR]], 2).displs == [8, 3]
    first = parse_recv_w([memory, [CHAR, CHAR]], 2)
    assert (first.counts, first.displs) == ([1, 1], [0, 0])
    there = Datatype.Create_struct([2], [Get_address(memory)], [CHAR]).Commit()
    assert bytes(parse_send_w([BOTTOM, [1], [0], [there]], 1).block(0).packed()) == b"\0\1"


def test_wrong_own_types() -> None:
    """A wrong form is ValueError or TypeError; a type that cannot be used is ERR_TYPE."""
    wrong: list[Any] = [
        [FIVE],
        [FIVE, [0], [0], [CHAR], None],
        [BOTTOM, None, [0], [CHAR]],
        [BOTTOM, [0], None, [CHAR]],
        [FIVE, [0], [0], [CHAR, CHAR]],
        [FIVE, [0, 0], [0], [CHAR]],
    ]
    for spec in wrong:
        with pytest.raises(ValueError, match=r"items|needs"):
            parse_send_w(spec, 1)
    with pytest.raises(TypeError):
        parse_send_w([FIVE, [0], [0], ["c"]], 1)
    for kind in (Datatype(), CHAR.Dup().Create_contiguous(1)):
        with pytest.raises(MPIException) as caught:
            parse_send_w([FIVE, [0], [0], [kind]], 1)
        assert caught.value.error_class == ERR_TYPE


FIVE = bytearray(5)
