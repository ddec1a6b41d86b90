"""Status objects."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.mpi import constants
from mpi_actors.mpi.errors.exception import Exception as MPIException
from mpi_actors.mpi.status import Status

INT = st.integers(-(2**31), 2**31 - 1)
COUNT = st.integers(0, 2**60)


@given(INT, INT, INT, COUNT, st.booleans())
def test_a_status_survives_every_way_of_copying_it(
    source: int, tag: int, error: int, count: int, cancelled: bool
) -> None:
    """By the constructor, a pickle, or Fortran's list."""
    status = Status()
    status._set(source, tag, error, count, cancelled)
    for again in (Status(status), pickle.loads(pickle.dumps(status)), Status.f2py(status.py2f())):
        assert again == status
        assert (again.source, again.tag, again.error, again.count, again.cancelled) == (
            source,
            tag,
            error,
            count,
            cancelled,
        )
    assert len(status.py2f()) == constants.F_STATUS_SIZE


def test_memory_and_fields_are_one() -> None:
    """What a program writes to the one shows in the other."""
    status = Status()
    memory = status.tomemory()
    memory[constants.F_TAG] = 5
    assert status.tag == 5
    status.tag = 6
    assert memory[constants.F_TAG] == 6
    status._set(1, 2, 0, 2**33 + 1, True)
    assert memory[constants.F_SOURCE] == 1
    assert status.count == 2**33 + 1
    assert Status(status) == status


def test_a_new_status_is_empty() -> None:
    """It is what waiting for a null request gives."""
    status = Status()
    assert (status.source, status.tag) == (constants.ANY_SOURCE, constants.ANY_TAG)
    assert (status.error, status.count, status.cancelled) == (constants.SUCCESS, 0, False)
    with pytest.raises(TypeError):
        hash(status)


def test_counts_are_in_items() -> None:
    """An incomplete last item makes the count UNDEFINED; elements count what there is of it."""
    from mpi_actors.mpi.datatypes import DATATYPE_NULL, NAMED

    int_, pair = NAMED["INT"], NAMED["DOUBLE_INT"]
    status = Status()
    status.Set_elements(int_, 3)
    assert (status.Get_count(int_), status.Get_count(), status.Get_elements(int_)) == (3, 12, 3)
    assert status.Get_count(pair) == 1
    status.count = 13
    assert status.Get_count(int_) == constants.UNDEFINED
    two = int_.Create_contiguous(2).Commit()
    status.Set_elements(two, 3)
    assert (status.Get_count(two), status.Get_elements(two)) == (constants.UNDEFINED, 3)
    for call in (status.Get_count, status.Get_elements, lambda null: status.Set_elements(null, 0)):
        with pytest.raises(MPIException) as caught:
            call(DATATYPE_NULL)
        assert caught.value.error_class == constants.ERR_TYPE
    with pytest.raises(MPIException) as caught:
        status.Set_elements(int_, -1)
    assert caught.value.error_class == constants.ERR_COUNT


def test_other_things_are_no_status() -> None:
    """Copying one is a TypeError, and comparing one gives False."""
    with pytest.raises(TypeError):
        Status(3)  # type: ignore[arg-type]
    assert Status() != 3
    with pytest.raises(MPIException):
        Status.f2py([1, 2])
