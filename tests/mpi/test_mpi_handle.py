"""Handles: copies share a state, null ones are false, predefined ones are pickled by name."""

from __future__ import annotations

import copy
import pickle
import weakref

import pytest

from mpi_actors.mpi import constants, handle
from mpi_actors.mpi.comm.point.message import MESSAGE_NO_PROC, MESSAGE_NULL
from mpi_actors.mpi.errhandler import ERRHANDLER_NULL, ERRORS_RETURN, Errhandler
from mpi_actors.mpi.errors.exception import Exception as MPIException
from mpi_actors.mpi.group import GROUP_EMPTY, GROUP_NULL, Group
from mpi_actors.mpi.handle import Handle
from mpi_actors.mpi.info import INFO_ENV, INFO_NULL, Info
from mpi_actors.mpi.io.file import FILE_NULL
from mpi_actors.mpi.requests.request import REQUEST_NULL
from mpi_actors.mpi.rma.window import WIN_NULL
from mpi_actors.mpi.session import SESSION_NULL

NULLS = [
    ERRHANDLER_NULL,
    FILE_NULL,
    GROUP_NULL,
    INFO_NULL,
    MESSAGE_NULL,
    REQUEST_NULL,
    SESSION_NULL,
    WIN_NULL,
]
PREDEFINED = [INFO_ENV, GROUP_EMPTY, ERRORS_RETURN, MESSAGE_NO_PROC]


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pickle looks a constant up in the module of its class; here that is `MPI`, for all of them."""
    import sys
    from types import ModuleType

    module = ModuleType("mpi_handles_home")
    for one in [*NULLS, *PREDEFINED]:
        name = handle.name_of(one)
        assert name is not None
        setattr(module, name, one)
        cls = type(one)
        setattr(module, cls.__name__, cls)
        monkeypatch.setattr(cls, "__module__", module.__name__)
    monkeypatch.setitem(sys.modules, module.__name__, module)


@pytest.mark.parametrize("null", NULLS, ids=handle.name_of)
def test_a_null_handle_is_false_and_equal_to_others_of_its_kind_only(null: Handle) -> None:
    """Null handles of one kind are equal, those of different kinds are not."""
    assert not null
    assert type(null)() == null
    assert [other for other in NULLS if other == null] == [null]
    with pytest.raises(TypeError):
        hash(null)


@pytest.mark.parametrize("one", [*NULLS, *PREDEFINED], ids=handle.name_of)
def test_constants_survive_pickling_copying_and_free(one: Handle) -> None:
    """A constant stays the same object; a copy of it becomes another handle to the same state."""
    before = bool(one)
    for dup in (pickle.loads(pickle.dumps(one)), copy.copy(one), copy.deepcopy(one)):
        assert dup is one
    clone = type(one)(one)
    again = pickle.loads(pickle.dumps(clone))
    assert again == one
    assert again is not one
    one.free()
    assert bool(one) == before
    clone.free()
    assert not clone
    assert weakref.ref(one)() is one


@pytest.mark.parametrize("one", [*NULLS, *PREDEFINED], ids=handle.name_of)
def test_numbers_lead_back_to_the_state(one: Handle) -> None:
    """handle, toint and py2f give a number from which the same state is found."""
    assert type(one).fromhandle(one.handle) == one
    assert type(one).fromint(one.toint()) == one
    assert type(one).f2py(one.py2f()) == one
    assert one.handle >= 0
    with pytest.raises(AttributeError):
        one.handle = 3  # type: ignore[misc]


def test_a_number_is_void_when_its_state_is_freed() -> None:
    """ERR_ARG for a number that no live state has."""
    info = Info.Create()
    number = info.handle
    info.Free()
    with pytest.raises(MPIException) as caught:
        Info.fromhandle(number)
    assert caught.value.Get_error_class() == constants.ERR_ARG


def test_two_handles_share_what_they_point_to() -> None:
    """A change through one is seen through the other."""
    one = Info.Create()
    other = Info(one)
    one["key"] = "value"
    assert other["key"] == "value"
    assert one == other
    assert one != one.Dup()
    assert Info(info=one) == one
    with pytest.raises(TypeError):
        Info(group=one)


def test_other_kinds_are_refused() -> None:
    """The constructor takes handles of its own kind only."""
    for wrong in (INFO_NULL, 3, "text"):
        with pytest.raises(TypeError):
            Group(wrong)
    with pytest.raises(TypeError):
        Errhandler(GROUP_EMPTY)


def test_what_the_program_made_cannot_be_pickled() -> None:
    """A group means nothing in another process."""
    with pytest.raises(ValueError, match="cannot pickle"):
        pickle.dumps(Group._with([0, 1]))
