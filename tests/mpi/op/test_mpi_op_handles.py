"""MPI.Op as programs see it: constants, copies, Create, Free, pickling, calls."""

from __future__ import annotations

import copy
import pickle
import weakref
from typing import Any

import pytest

from mpi_actors.mpi import op as module
from mpi_actors.mpi.constants import ERR_OP
from mpi_actors.mpi.errors.exception import Exception as MPIException
from mpi_actors.mpi.op import MAX, MAXLOC, MINLOC, NO_OP, OP_NULL, REPLACE, SUM, Op, state
from mpi_actors.mpi.op.state import MOST_USER_OPERATIONS

NAMES = list(state.PREDEFINED)
PREDEFINED = [getattr(module, name) for name in NAMES]


def concatenate(x: Any, y: Any, datatype: Any) -> Any:
    """An operation of a program, on objects."""
    return x + y


def test_constants() -> None:
    """The constants differ, are true except the null one, cannot be freed, and survive `free`."""
    for number, op in enumerate([OP_NULL, *PREDEFINED]):
        assert [other for other in [OP_NULL, *PREDEFINED] if other == op] == [op]
        assert bool(op) is (number > 0)
        assert op.is_predefined
        with pytest.raises(MPIException) as caught:
            op.Free()
        assert caught.value.error_class == ERR_OP
        op.free()
        assert bool(op) is (number > 0)


def test_copies() -> None:
    """Another handle is equal; `free` makes that handle null, and not the constant."""
    other = Op(SUM)
    assert other == SUM
    assert other is not SUM
    other.free()
    assert other == OP_NULL == Op()
    assert SUM


def test_what_is_no_operation() -> None:
    """Handles cannot be made of other objects, do not hash, have no order, and equal nothing else."""
    for thing in (1234, "abc"):
        with pytest.raises(TypeError):
            Op(thing)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        hash(SUM)
    with pytest.raises(TypeError):
        SUM < MAX  # type: ignore[operator]  # noqa: B015
    assert SUM != "SUM"
    assert weakref.ref(SUM)() is SUM


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickling(protocol: int) -> None:
    """Pickled constants come back as themselves, copies as equal ones, others as new ones with their
    function.
    """
    for op in [OP_NULL, *PREDEFINED]:
        assert pickle.loads(pickle.dumps(op, protocol)) is op
        assert copy.deepcopy(op) is op
        other = pickle.loads(pickle.dumps(Op(op), protocol))
        assert other == op
        assert other is not op
    mine = Op.Create(concatenate, commute=True)
    other = pickle.loads(pickle.dumps(mine, protocol))
    assert other != mine
    mine.Free()
    assert other([1], [2]) == [1, 2]
    assert other.Is_commutative()
    other.Free()


def test_handles_as_numbers() -> None:
    """Numbers lead to the same operation; a handle made from a number does not pickle a user's function."""
    mine = Op.Create(concatenate)
    for op in [OP_NULL, *PREDEFINED, mine]:
        assert Op.fromhandle(op.handle) == op
        assert Op.fromint(op.toint()) == op
        assert Op.f2py(op.py2f()) == op
        assert op.handle >= 0
    with pytest.raises(ValueError, match="number"):
        pickle.dumps(Op.fromint(mine.toint()))
    number = mine.handle
    mine.Free()
    with pytest.raises(MPIException):
        Op.fromhandle(number)


def test_freed() -> None:
    """Every call with a handle to a freed operation raises."""
    mine = Op.Create(concatenate)
    other = Op(mine)
    mine.Free()
    assert not mine
    for op in (mine, other):
        with pytest.raises(MPIException) as caught:
            op.Is_commutative()
        assert caught.value.error_class == ERR_OP
        with pytest.raises(MPIException):
            op.Free()
        op.free()
        assert not op


def test_bound() -> None:
    """There may be 32 at a time; operations without handles do not count."""
    ops = [Op.Create(concatenate) for _ in range(MOST_USER_OPERATIONS)]
    with pytest.raises(RuntimeError, match="32"):
        Op.Create(concatenate)
    ops[0].Free()
    ops[0] = Op.Create(concatenate)
    ops.clear()
    assert len([Op.Create(concatenate) for _ in range(MOST_USER_OPERATIONS)]) == MOST_USER_OPERATIONS


def test_commutative() -> None:
    """Predefined operations say it, and created ones as their program said."""
    assert [op for op in PREDEFINED if not op.Is_commutative()] == [REPLACE, NO_OP]
    assert SUM.is_commutative
    for commute in (True, False):
        mine = Op.Create(concatenate, commute)
        assert mine.is_commutative is commute
        assert not mine.is_predefined
        assert not mine._divisible
        mine.Free()
    assert SUM._divisible
    assert not NO_OP._divisible


def test_calls_with_objects() -> None:
    """A call takes two objects, no more and no less."""
    expected = {
        "MAX": (3, 2, 3), "MIN": (3, 2, 2), "SUM": (3, 2, 5), "PROD": (3, 2, 6), "LAND": (3, 0, False),
        "LOR": (3, 0, True), "LXOR": (3, 2, False), "BAND": (6, 3, 2), "BOR": (6, 3, 7), "BXOR": (6, 3, 5),
        "MAXLOC": ((1, 5), (1, 4), (1, 4)), "MINLOC": ((1, 5), (2, 4), (1, 5)), "REPLACE": (3, 2, 2),
        "NO_OP": (3, 2, 3),
    }  # fmt: skip
    for name, op in zip(NAMES, PREDEFINED, strict=True):
        x, y, result = expected[name]
        assert op(x, y) == result
    with pytest.raises(ValueError, match="null"):
        OP_NULL(1, 2)
    with pytest.raises(TypeError):
        SUM(1)  # type: ignore[call-arg]


def test_ties() -> None:
    """Of equal values the result has the lesser location; of equal pairs it is the first."""
    for op in (MAXLOC, MINLOC):
        value, other = [1], [1]
        assert op((value, 0), (other, 1))[0] is value
        assert op((value, 1), (other, 0))[0] is other
        assert op((value, 1), (other, 1))[0] is value


def test_subclasses() -> None:
    """Subclasses may be made of operations, and create operations of their own class."""

    class Mine(Op):
        pass

    assert Mine(SUM) == SUM
    made = Mine.Create(concatenate)
    assert type(made) is Mine
    assert made("a", "b") == "ab"
    made.Free()
