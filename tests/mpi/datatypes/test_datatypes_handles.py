"""MPI.Datatype as programs see it: constants, names, codes, contents, pickles, freeing, attributes."""

from __future__ import annotations

import copy
import pickle
import weakref
from typing import Any

import pytest
from hypothesis import given, settings
from type_models import Made, datatypes

from mpi_actors.mpi import constants
from mpi_actors.mpi.constants import ERR_ARG, ERR_COUNT, ERR_KEYVAL, ERR_TYPE, UNDEFINED
from mpi_actors.mpi.datatypes import DATATYPE_NULL, NAMED, Datatype, _datatype_create, _typealign, _typecode
from mpi_actors.mpi.datatypes import datatype as home
from mpi_actors.mpi.errors.exception import Exception as MPIException

INT, DOUBLE, BYTE = NAMED["INT"], NAMED["DOUBLE"], NAMED["BYTE"]


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let pickles find the constants in the module that the class names; in programs that is MPI."""
    monkeypatch.setattr(Datatype, "__module__", home.__name__)
    for name, constant in {**NAMED, "DATATYPE_NULL": DATATYPE_NULL}.items():
        monkeypatch.setattr(home, name, constant, raising=False)


def fails(error_class: int, call: Any, *args: Any) -> None:
    """A call raises MPI.Exception of this class."""
    with pytest.raises(MPIException) as caught:
        call(*args)
    assert caught.value.error_class == error_class


def test_constants_cannot_be_freed() -> None:
    """Free raises ERR_TYPE for constants; free leaves them as they are, and makes other handles null."""
    for datatype in NAMED.values():
        fails(ERR_TYPE, datatype.Free)
        datatype.free()
        assert datatype
        other = Datatype(datatype)
        assert other == datatype
        other.free()
        assert not other
    fails(ERR_TYPE, DATATYPE_NULL.Free)
    DATATYPE_NULL.free()


def test_handles() -> None:
    """Handles compare by what they refer to, cannot be hashed or ordered, and have numbers."""
    assert Datatype() == DATATYPE_NULL
    assert Datatype() is not DATATYPE_NULL
    assert Datatype(INT) == INT != DOUBLE
    assert INT != "INT"
    assert weakref.ref(INT)() is INT
    for wrong in (hash, lambda one: one < one, lambda one: Datatype("INT"), lambda one: Datatype(7)):
        with pytest.raises(TypeError):
            wrong(INT)
    assert Datatype.fromhandle(INT.handle) == INT
    assert Datatype.f2py(DOUBLE.py2f()) == DOUBLE
    assert DATATYPE_NULL.handle == 0 < INT.toint() != DOUBLE.toint()


def test_null_datatypes() -> None:
    """All methods of a null datatype raise, except the one for its name."""
    for call in (DATATYPE_NULL.Dup, DATATYPE_NULL.Commit, DATATYPE_NULL.Get_size, DATATYPE_NULL.Get_envelope):
        fails(ERR_TYPE, call)
    fails(ERR_TYPE, DATATYPE_NULL.Create_contiguous, 2)
    fails(ERR_TYPE, Datatype.Create_struct, [1], [0], [DATATYPE_NULL])
    assert DATATYPE_NULL.Get_name() == "MPI_DATATYPE_NULL"
    assert DATATYPE_NULL.is_predefined
    assert (DATATYPE_NULL.typestr, DATATYPE_NULL.typechar) == ("", "")


def test_wrong_arguments() -> None:
    """Negative counts, wrong lengths and objects that are not datatypes raise."""
    fails(ERR_COUNT, INT.Create_contiguous, -1)
    fails(ERR_COUNT, INT.Create_vector, 1, -1, 1)
    fails(ERR_COUNT, INT.Create_indexed, [1, -1], [0, 1])
    fails(ERR_ARG, INT.Create_subarray, [4], [3], [2])
    fails(ERR_ARG, INT.Create_subarray, [4], [3], [0], 99)
    fails(ERR_ARG, INT.Create_darray, 4, 4, [8], [1], [-1], [4])
    with pytest.raises(ValueError, match="expecting 2 items, got 1"):
        INT.Create_indexed([1, 1], [0])
    with pytest.raises(ValueError, match="expecting 1 items, got 2"):
        Datatype.Create_struct([1], [0], [INT, INT])
    with pytest.raises(TypeError):
        Datatype.Create_struct([1], [0], [7])
    with pytest.raises(TypeError):
        INT.Create_contiguous(1.5)  # type: ignore[arg-type]


def test_names() -> None:
    """Programs can set names, also of predefined datatypes; a long name is cut."""
    assert INT.Get_name() == "MPI_INT"
    assert NAMED["TWOINT"].name == "MPI_2INT"
    own = INT.Dup()
    assert own.name == ""
    own.name = "x" * 1000
    assert own.name == "x" * (constants.MAX_OBJECT_NAME - 1)


@given(made=datatypes)
@settings(max_examples=60, deadline=None)
def test_decode_tells_how_to_make_it_again(made: Made) -> None:
    """A datatype made again from what `decode` returned has the same bytes and contents."""
    datatype = made.datatype
    old, combiner, params = datatype.decode()
    if datatype.is_named:
        assert (old, combiner, params) == (datatype, "NAMED", {})
        fails(ERR_TYPE, datatype.Get_contents)
        return
    again = _datatype_create(old, combiner, params)
    assert again._h is not None
    assert datatype._h is not None
    assert again != datatype
    assert again._h.layout.body == datatype._h.layout.body
    assert again.Get_extent() == datatype.Get_extent()
    assert again.Get_contents() == datatype.Get_contents()
    integers, addresses, counts, old_ones = again.contents
    assert again.envelope == (len(integers), len(addresses), len(counts), len(old_ones), datatype.combiner)
    for part in old_ones:
        part.free()
    assert again


@given(made=datatypes)
@settings(max_examples=40, deadline=None)
def test_pickles(made: Made) -> None:
    """A derived datatype comes back committed, with the same bytes."""
    with pytest.MonkeyPatch.context() as patch:
        importable.__wrapped__(patch)  # type: ignore[attr-defined]
        back = pickle.loads(pickle.dumps(made.datatype))
    assert (back == made.datatype) is made.datatype.is_named
    assert made.datatype._h is not None
    assert back._h.layout.body == made.datatype._h.layout.body
    assert back._h.ready


@pytest.mark.usefixtures("importable")
def test_pickled_constants_and_subclasses() -> None:
    """A constant comes back as itself, another handle to it as another handle of its class."""
    for one in (INT, DATATYPE_NULL):
        for copied in (pickle.loads(pickle.dumps(one)), copy.copy(one), copy.deepcopy(one)):
            assert copied is one
        own = pickle.loads(pickle.dumps(Own(one)))
        assert type(own) is Own
        assert own == one
    made = Own(INT).Create_vector(2, 1, 2)
    assert type(pickle.loads(pickle.dumps(made))) is Own


class Own(Datatype):
    """A subclass, as programs may write one."""


def test_codes() -> None:
    """Characters and type strings lead to datatypes and back."""
    for code in "?bhilqBHILQefdgFDGc":
        assert Datatype.fromcode(code).typechar == code
    for code in ("b1", "i1", "u2", "i4", "u8", "f2", "f4", "f8", "f16", "c8", "c16", "c32", "S1", "U1"):
        assert Datatype.fromcode(code).typestr == code
    for name, datatype in NAMED.items():
        assert datatype._h is not None
        if name == "BFLOAT16_T" or datatype._h.parts:
            assert datatype.typechar == "V"
            assert datatype.typestr == f"V{datatype.extent}"
            with pytest.raises(ValueError, match="neither a character nor"):
                datatype.tocode()
        else:
            same = Datatype.fromcode(datatype.tocode())
            assert (same.typestr, same.size) == (datatype.typestr, datatype.size)
            assert datatype.Dup().tocode() == datatype.tocode() == _typecode(datatype)
    with pytest.raises(ValueError, match="no datatype for the code"):
        Datatype.fromcode("abc")
    assert _typealign(DOUBLE) == 8
    assert _typealign(NAMED["C_DOUBLE_COMPLEX"]) == 8
    assert _typealign(NAMED["SHORT_INT"]) == 4
    assert _typealign(Datatype.Create_struct([1], [0], [INT])) is None


def test_fortran() -> None:
    """Equal questions for what a type holds give one object; sizes give the named types."""
    assert Datatype.Create_f90_integer(9) == Datatype.Create_f90_integer(9)
    assert [Datatype.Create_f90_integer(r).size for r in (2, 4, 9, 18, 38)] == [1, 2, 4, 8, 16]
    assert [Datatype.Create_f90_real(p, UNDEFINED).size for p in (3, 6, 7, 15, 33)] == [2, 4, 8, 8, 16]
    assert Datatype.Create_f90_real(UNDEFINED, 300).size == 8
    assert Datatype.Create_f90_complex(6, 30).size == 8
    assert Datatype.Create_f90_complex(6, 30).decode() == (DATATYPE_NULL, "F90_COMPLEX", {"p": 6, "r": 30})
    fails(ERR_ARG, Datatype.Create_f90_integer, 39)
    fails(ERR_ARG, Datatype.Create_f90_real, UNDEFINED, UNDEFINED)
    fails(ERR_TYPE, Datatype.Create_f90_integer(4).Free)
    assert Datatype.Match_size(constants.TYPECLASS_REAL, 8) is not None
    assert Datatype.Match_size(constants.TYPECLASS_REAL, 8) == NAMED["REAL8"]
    assert Datatype.Match_size(constants.TYPECLASS_COMPLEX, 16) == NAMED["COMPLEX16"]
    fails(ERR_ARG, Datatype.Match_size, constants.TYPECLASS_INTEGER, 3)


def test_pairs() -> None:
    """The pairs of a value and an int have the layout of C."""
    assert Datatype.Get_value_index(DOUBLE, INT) == NAMED["DOUBLE_INT"]
    assert Datatype.Get_value_index(DOUBLE, DOUBLE) == DATATYPE_NULL
    fails(ERR_TYPE, Datatype.Get_value_index, DATATYPE_NULL, INT)
    facts = {name: (NAMED[name].size, NAMED[name].extent) for name in ("SHORT_INT", "INT_INT", "DOUBLE_INT")}
    assert facts == {"SHORT_INT": (6, 8), "INT_INT": (8, 8), "DOUBLE_INT": (12, 16)}


def test_what_everybody_uses() -> None:
    """Other parts of the library see the basic type, whether items are contiguous, and the character."""
    vector = DOUBLE.Create_vector(2, 1, 3)
    assert vector._basic is DOUBLE
    assert (vector._contiguous, DOUBLE.Create_contiguous(4)._contiguous) == (False, True)
    assert Datatype.Create_struct([1, 1], [0, 8], [INT, DOUBLE])._basic is None
    assert NAMED["FLOAT_INT"].Dup()._basic is NAMED["FLOAT_INT"]
    assert (DOUBLE._format, NAMED["INTEGER16"]._format, NAMED["INT_INT"]._format) == ("d", "i16", None)


def test_numpy_agrees_on_structs() -> None:
    """The extent of a struct is the size of numpy's aligned structs."""
    numpy = pytest.importorskip("numpy")
    names = ["BYTE", "SHORT", "INT", "DOUBLE", "C_DOUBLE_COMPLEX", "LONG_DOUBLE", "SHORT_INT"]
    for first in names:
        for second in names:
            kinds = [NAMED[first], NAMED[second], NAMED["BYTE"]]
            fields = [("", "i2,i4" if kind == NAMED["SHORT_INT"] else kind.tocode()) for kind in kinds]
            fields = [
                ("", numpy.dtype(code, align=True)) if "," in code else (name, code) for name, code in fields
            ]
            struct = numpy.dtype(fields, align=True)
            offsets = [struct.fields[name][1] for name in struct.names]
            assert Datatype.Create_struct([1, 1, 1], offsets, kinds).extent == struct.itemsize


def test_attributes() -> None:
    """Values belong to keys, get to duplicates as their key says, and are deleted with the datatype."""
    deleted: list[Any] = []
    key = Datatype.Create_keyval(
        lambda datatype, key, value: [*value, "copied"], lambda datatype, key, value: deleted.append(value)
    )
    own = INT.Dup()
    assert own.Get_attr(key) is None
    own.Set_attr(key, ["first"])
    twin = own.Dup()
    assert twin.Get_attr(key) == ["first", "copied"]
    own.Delete_attr(key)
    assert deleted == [["first"]]
    twin.Free()
    assert deleted == [["first"], ["first", "copied"]]
    fails(ERR_KEYVAL, own.Get_attr, constants.KEYVAL_INVALID)
    assert Datatype.Free_keyval(key) == constants.KEYVAL_INVALID
    fails(ERR_KEYVAL, own.Get_attr, key)


def test_attributes_stay_until_the_last_handle_is_freed() -> None:
    """Programs free the handles that the contents gave; the datatype stays."""
    deleted: list[Any] = []
    key = Datatype.Create_keyval(None, lambda datatype, key, value: deleted.append(value))
    inner = INT.Create_contiguous(2)
    inner.Set_attr(key, 1)
    outer = inner.Create_contiguous(3)
    (again,) = outer.Get_contents()[3]
    assert again == inner
    again.Free()
    assert (inner.Get_attr(key), deleted) == (1, [])
    inner.Free()
    assert deleted == [1]
    assert outer.size == 24
