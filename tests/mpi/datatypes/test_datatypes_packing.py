"""Packing against a naive model, with numpy's strided copies and with slices; bounds and counts too."""

from __future__ import annotations

from unittest import mock

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from type_models import Made, datatypes

from mpi_actors.mpi.constants import ERR_BUFFER
from mpi_actors.mpi.datatypes import NAMED, elements, packing
from mpi_actors.mpi.errors.exception import Exception as MPIException

MARGIN = 8


def copies(by_numpy: bool) -> mock._patch[int]:
    """Force one of the two ways to copy: slices, or numpy."""
    if by_numpy:
        pytest.importorskip("numpy")
        return mock.patch.multiple(packing, FEWEST_RUNS_FOR_NUMPY=0, GAIN_FOR_NUMPY=0)
    return mock.patch.object(packing, "FEWEST_RUNS_FOR_NUMPY", 1 << 60)


def layout_of(made: Made, count: int) -> tuple[list[int], bytearray, int]:
    """Return the places of the bytes of some items, a memory for them, and the first item's offset."""
    model = made.model
    places = [item * (model.ub - model.lb) + place for item in range(count) for place in model.places]
    low = min(places, default=0)
    offset = MARGIN - low
    memory = bytearray(max(places, default=0) - low + 1 + 2 * MARGIN)
    for index in range(len(memory)):
        memory[index] = (index * 37 + 11) % 251
    return [offset + place for place in places], memory, offset


@given(made=datatypes, count=st.integers(0, 3), by_numpy=st.booleans())
@settings(max_examples=150, deadline=None)
def test_pack(made: Made, count: int, by_numpy: bool) -> None:
    """The packed bytes are those at the model's places, in its order."""
    places, memory, offset = layout_of(made, count)
    with copies(by_numpy):
        packed = made.datatype._pack(memoryview(memory), count, offset)
    assert bytes(packed) == bytes(memory[place] for place in places)


@given(made=datatypes, count=st.integers(0, 3), by_numpy=st.booleans(), data=st.data())
@settings(max_examples=150, deadline=None)
def test_unpack(made: Made, count: int, by_numpy: bool, data: st.DataObject) -> None:
    """The first bytes of a message get to their places, and no other byte of the memory changes."""
    places, memory, offset = layout_of(made, count)
    assume(len(set(places)) == len(places))  # else the order would matter, which the standard forbids
    received = data.draw(st.integers(0, len(places)))
    message = bytes((number * 7 + 3) % 256 for number in range(received))
    expected = bytearray(memory)
    for place, value in zip(places, message, strict=False):
        expected[place] = value
    with copies(by_numpy):
        made.datatype._unpack(message, memoryview(memory), count, offset)
    assert memory == expected


@given(made=datatypes)
@settings(max_examples=150, deadline=None)
def test_bounds(made: Made) -> None:
    """Size, bounds, true bounds and number of elements are the model's."""
    datatype, model = made
    assert datatype.size == len(model.places)
    assert datatype.Get_extent() == (model.lb, model.ub - model.lb)
    if model.places:
        low, high = min(model.places), max(model.places) + 1
        assert datatype.Get_true_extent() == (low, high - low)
        assert (datatype.true_lb, datatype.true_ub, datatype.true_extent) == (low, high, high - low)
    assert elements(datatype, 3 * datatype.size) == 3 * model.elements if datatype.size else True


@given(made=datatypes, count=st.integers(1, 3), short=st.integers(1, 3), before=st.booleans())
@settings(max_examples=60, deadline=None)
def test_nothing_outside(made: Made, count: int, short: int, before: bool) -> None:
    """Items partly outside the memory raise, when packing and unpacking."""
    places, memory, offset = layout_of(made, count)
    assume(places)
    if before:
        offset -= MARGIN + short
    else:
        del memory[len(memory) - 1 - MARGIN - short + 1 :]
    with pytest.raises(MPIException) as caught:
        made.datatype._pack(memoryview(memory), count, offset)
    assert caught.value.error_class == ERR_BUFFER
    with pytest.raises(MPIException) as caught:
        made.datatype._unpack(bytes(len(places)), memoryview(memory), count, offset)
    assert caught.value.error_class == ERR_BUFFER


def test_a_column_by_numpy_and_by_slices() -> None:
    """A column of a matrix is one loop, and both ways to copy it agree."""
    numpy = pytest.importorskip("numpy")
    matrix = numpy.arange(600, dtype="d").reshape(20, 30)
    column = NAMED["DOUBLE"].Create_vector(20, 1, 30)
    assert column._h is not None
    assert column._h.layout.leaves == 1
    view = memoryview(matrix).cast("B")
    for by_numpy in (True, False):
        with copies(by_numpy):
            assert numpy.frombuffer(column._pack(view, 1, 8 * 7)).tolist() == matrix[:, 7].tolist()


def test_no_copy_of_contiguous_bytes() -> None:
    """Contiguous items are packed without a copy, also one item whose extent is larger."""
    memory = bytearray(64)
    for datatype in (NAMED["INT"], NAMED["INT"].Create_contiguous(3), NAMED["INT"].Create_resized(0, 20)):
        packed = datatype._pack(memoryview(memory), 1, 4)
        assert isinstance(packed, memoryview)
        assert packed.obj is memory
        assert len(packed) == datatype.size
