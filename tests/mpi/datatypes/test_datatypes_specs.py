"""Specifications of messages in all their forms, and the errors of wrong ones."""

from __future__ import annotations

import array
from typing import Any

import pytest

from mpi_actors.mpi.constants import ERR_BUFFER, ERR_TYPE, PROC_NULL
from mpi_actors.mpi.datatypes import (
    BOTTOM,
    IN_PLACE,
    NAMED,
    BufferMessage,
    Datatype,
    Get_address,
    buffer,
    fast_target,
    fast_view,
    parse_recv,
    parse_send,
)
from mpi_actors.mpi.errors.exception import Exception as MPIException

INT, BYTE, CHAR = NAMED["INT"], NAMED["BYTE"], NAMED["CHAR"]
INTS = array.array("i", range(10))


def what(message: BufferMessage) -> tuple[list[int], int, str]:
    """The integers of a message, its count, and the name of its type."""
    return array.array("i", bytes(message.packed())).tolist(), message.count, message.datatype.Get_name()


@pytest.mark.parametrize(
    ("spec", "numbers"),
    [
        (INTS, range(10)),
        ([INTS], None),
        ([INTS, INT], range(10)),
        ((INTS, "i"), range(10)),
        ([INTS, "i4"], range(10)),
        ([INTS, None], range(10)),
        ([INTS, 4], range(4)),
        ([INTS, (4, None)], range(4)),
        ([INTS, (None, 4)], range(4, 10)),
        ([INTS, (3, 4)], range(4, 7)),
        ([INTS, [3, 4]], range(4, 7)),
        ([INTS, 4, INT], range(4)),
        ([INTS, None, "i"], range(10)),
        ([INTS, (3, 4), INT], range(4, 7)),
        ([INTS, 3, 4, INT], range(4, 7)),
        ([INTS, 3, None, INT], range(3)),
        ([INTS, None, 4, INT], range(4, 10)),
        ([memoryview(INTS), INT], range(10)),
        ([INTS.tobytes(), INT], range(10)),
        ([buffer(INTS), 2, INT], range(2)),
        ([None, INT], []),
        ([None, 0, INT], []),
        ([BOTTOM, 0, "i"], []),
        ([BOTTOM, "i"], []),
    ],
)
def test_forms(spec: Any, numbers: Any) -> None:
    """Each form gives the items of the buffer that it describes."""
    if numbers is None:
        with pytest.raises(ValueError, match="2 to 4 items"):
            parse_send(spec)
        return
    message = parse_send(spec)
    found, count, name = what(message)
    assert found == list(numbers)
    assert count == len(numbers)
    assert name in ("MPI_INT", "MPI_INT32_T")
    assert message.nbytes == 4 * count


FIVE = bytearray(5)
BACKWARDS = INT.Create_resized(0, -4).Commit()


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ([FIVE, 0, 0, "i", None], ValueError),
        ([FIVE, 0, "\0"], KeyError),
        ([FIVE, -1, "i"], ValueError),
        ([FIVE, 0, -1, "i"], ValueError),
        ([FIVE, 0, 2, "i"], ValueError),
        ([None, 1, 0, "i"], ValueError),
        ([FIVE, None, 0, "i"], ValueError),
        ([FIVE, 0, 1, Datatype()], ValueError),
        ([FIVE, None, 0, Datatype()], ValueError),
        ([FIVE, None, BACKWARDS], ValueError),
        ([FIVE, 0, 1, BACKWARDS], ValueError),
        ([[1, 2], 4, 0, "i"], TypeError),
        ([{1: 2}, 4, 0, "i"], TypeError),
        ([FIVE, 1.5, "i"], TypeError),
        (object, TypeError),
        (bytearray, TypeError),
        (None, TypeError),
        (7, TypeError),
        (memoryview(bytes(8))[::2], BufferError),
        (memoryview(bytes(16)).cast("@i")[::2], BufferError),
    ],
)
def test_what_is_wrong(spec: Any, error: type[Exception]) -> None:
    """The errors are those that programs for mpi4py know."""
    assert fast_view(spec) is None
    with pytest.raises(error):
        parse_send(spec)


def test_mpi_errors() -> None:
    """Null and uncommitted types are ERR_TYPE; too little memory and IN_PLACE are ERR_BUFFER."""
    for spec, error_class in (
        ([FIVE, 0, Datatype()], ERR_TYPE),
        ([FIVE, 1, INT.Create_contiguous(1)], ERR_TYPE),
        (IN_PLACE, ERR_BUFFER),
    ):
        with pytest.raises(MPIException) as caught:
            parse_send(spec)
        assert caught.value.error_class == error_class
    for use in (BufferMessage.packed, BufferMessage.target):
        with pytest.raises(MPIException) as caught:
            use(parse_send([FIVE, 2, INT]))
        assert caught.value.error_class == ERR_BUFFER


def test_blocks() -> None:
    """Without a count, the message has the items of one block."""
    message = parse_send([INTS, INT], blocks=5)
    assert message.count == 2
    assert what(message.block(3))[0] == [6, 7]
    assert what(parse_send([INTS, 3, INT], blocks=2).block(1))[0] == [3, 4, 5]
    with pytest.raises(ValueError, match="into 3 equal blocks"):
        parse_send([INTS, INT], blocks=3)


def test_nothing_for_proc_null() -> None:
    """A specification for PROC_NULL is not looked at."""
    assert parse_send(object(), rank=PROC_NULL).nbytes == 0
    assert len(parse_recv(object(), rank=PROC_NULL).target()[0]) == 0


def test_receiving() -> None:
    """The target is the memory itself, or the received bytes are unpacked into the memory afterwards."""
    memory = bytearray(16)
    view, after = parse_recv([memory, (2, 1), INT]).target()
    assert after is None
    view[:] = b"abcdefgh"
    assert bytes(memory) == b"\0\0\0\0abcdefgh\0\0\0\0"
    every_other = BYTE.Create_vector(4, 1, 2).Commit()
    memory = bytearray(b"........")
    view, after = parse_recv([memory, 1, every_other]).target()
    assert after is not None
    view[:3] = b"xyz"
    after(3)
    assert memory == b"x.y.z..."
    for fixed in (b"abc", memoryview(bytearray(3)).toreadonly(), [b"abc", CHAR]):
        with pytest.raises(BufferError):
            parse_recv(fixed)
        assert fast_target(fixed) is None


def test_absolute_addresses() -> None:
    """With BOTTOM, displacements of a datatype are addresses, of several buffers."""
    first, second = bytearray(b"abc"), array.array("i", [1, 2, 3])
    spread = Datatype.Create_struct([3, 2], [Get_address(first), Get_address(second)], [CHAR, INT]).Commit()
    message = parse_recv([BOTTOM, 1, spread])
    assert bytes(message.packed()) == b"abc" + second[:2].tobytes()
    view, after = message.target()
    view[:] = b"xyz" + array.array("i", [7, 8]).tobytes()
    assert after is not None
    after(len(view))
    assert first == b"xyz"
    assert second.tolist() == [7, 8, 3]
    one = Datatype.Create_struct([3], [Get_address(first)], [CHAR]).Commit()
    assert bytes(parse_send([BOTTOM, 1, one]).packed()) == b"xyz"


def test_the_fast_way() -> None:
    """The simplest buffers need no parsing; the parser gets all others."""
    for simple in (INTS, bytearray(b"abc"), b"abc", buffer(b"abc"), memoryview(INTS)):
        view = fast_view(simple)
        assert view is not None
        assert view.format == "B"
        assert bytes(view) == bytes(parse_send(simple).packed())
    for other in (None, 7, BOTTOM, IN_PLACE, [INTS, INT], (INTS, INT), memoryview(bytes(4))[::2]):
        assert fast_view(other) is None
    target = fast_target(INTS)
    assert target is not None
    assert target.obj is INTS


def test_numpy_arrays() -> None:
    """Arrays of both orders and all element types work, those of the other byte order with a given type."""
    numpy = pytest.importorskip("numpy")
    for code in "?bhilqBHILQefdgFDG":
        numbers = numpy.arange(3).astype(code)
        assert parse_send(numbers).datatype.typechar == code
        assert bytes(parse_send(numbers).packed()) == numbers.tobytes()
        assert fast_view(numbers) is None or bytes(fast_view(numbers) or b"") == numbers.tobytes()
    fortran = numpy.arange(6.0).reshape(2, 3).T
    assert fast_view(fortran) is None
    assert bytes(parse_send(fortran).packed()) == numpy.arange(6.0).tobytes()
    assert parse_send(numpy.zeros((0, 3))).nbytes == 0
    assert parse_send(numpy.array(7.0)).count == 1
    other = numpy.arange(3).astype(">i4")
    assert fast_view(other) is None
    with pytest.raises(BufferError):
        parse_send(other)
    assert bytes(parse_send([other, INT]).packed()) == other.tobytes()
    dates = numpy.array(["2024-01-01", "2025-01-01"], "M8[D]")
    assert bytes(parse_send([dates, NAMED["INT64_T"]]).packed()) == dates.tobytes()
    with pytest.raises(BufferError):
        parse_send(numpy.ones((3, 2))[:, 0])
    fixed = numpy.ones(3)
    fixed.flags.writeable = False
    with pytest.raises(BufferError):
        parse_recv(fixed)
