"""Attributes: keys, copies, deletions."""

from __future__ import annotations

import contextlib
import io

import pytest

from mpi_actors.mpi import attributes, constants
from mpi_actors.mpi.attributes import (
    copy_attributes,
    create_keyval,
    delete_attribute,
    delete_attributes,
    free_keyval,
    get_attribute,
    set_attribute,
)
from mpi_actors.mpi.errors.exception import Exception as MPIException


def test_copies_get_what_the_copy_function_says() -> None:
    """None and False copy nothing, True copies the value, a function returns the copy or NotImplemented."""
    kept: attributes.Attributes = {}
    value = [1, 2]
    keys = [
        create_keyval("Comm", copy_fn)
        for copy_fn in (None, False, True, lambda o, k, v: (o, k, v), lambda *_: NotImplemented)
    ]
    for key in keys:
        set_attribute("object", "Comm", kept, key, value)
    copied = copy_attributes("object", kept)
    got = [get_attribute("Comm", copied, key) for key in keys]
    assert got == [None, None, value, ("object", keys[3], value), None]
    assert got[2] is value


def test_values_are_deleted_when_replaced_and_the_last_first_at_the_end() -> None:
    """The delete function sees each value once."""
    deleted: list[object] = []
    kept: attributes.Attributes = {}
    first, second = (create_keyval("Comm", None, lambda o, k, v: deleted.append(v)) for _ in range(2))
    set_attribute("object", "Comm", kept, first, 1)
    set_attribute("object", "Comm", kept, first, 2)
    set_attribute("object", "Comm", kept, second, 3)
    assert deleted == [1]
    assert free_keyval("Comm", first) == constants.KEYVAL_INVALID
    delete_attributes("object", kept)
    assert deleted == [1, 3, 2]


def test_values_without_python_are_integers() -> None:
    """Zero is a value, too."""
    kept: attributes.Attributes = {}
    key = create_keyval("Datatype", lambda o, k, v: v + 1, None, True)
    set_attribute("object", "Datatype", kept, key, 0)
    assert get_attribute("Datatype", kept, key) == 0
    assert get_attribute("Datatype", copy_attributes("object", kept), key) == 1
    with pytest.raises(ValueError, match="text"):
        set_attribute("object", "Datatype", kept, key, "text")


def test_errors_of_callbacks_are_shown_and_get_a_code() -> None:
    """The code is ERR_OTHER, or that of the MPI.Exception. The value is deleted nevertheless."""

    def fails(*_: object) -> None:
        raise ValueError("no")

    def fails_with_code(*_: object) -> None:
        raise MPIException(constants.ERR_BUFFER)

    kept: attributes.Attributes = {}
    key = create_keyval("Comm", fails, fails_with_code)
    set_attribute("object", "Comm", kept, key, 1)
    with contextlib.redirect_stderr(io.StringIO()) as shown, pytest.raises(MPIException) as caught:
        copy_attributes("object", kept)
    assert caught.value == constants.ERR_OTHER
    assert "ValueError: no" in shown.getvalue()
    with contextlib.redirect_stderr(io.StringIO()), pytest.raises(MPIException) as caught:
        delete_attribute("object", "Comm", kept, key)
    assert caught.value == constants.ERR_BUFFER
    assert not kept


@pytest.mark.parametrize("keyval", [constants.KEYVAL_INVALID, 12, constants.TAG_UB])
def test_wrong_keys(keyval: int) -> None:
    """The error is ERR_KEYVAL. Predefined attributes belong to communicators, and a program cannot set
    them."""
    with pytest.raises(MPIException) as caught:
        get_attribute("Datatype", {}, keyval)
    assert caught.value.error_class == constants.ERR_KEYVAL
    with pytest.raises(MPIException):
        set_attribute("object", "Comm", {}, keyval, 1)


def test_a_key_belongs_to_one_kind_of_object() -> None:
    """Its callbacks must be callable."""
    key = create_keyval("Win")
    with pytest.raises(MPIException):
        free_keyval("Comm", key)
    free_keyval("Win", key)
    with pytest.raises(TypeError):
        create_keyval("Win", 3)  # type: ignore[arg-type]


def test_predefined_attributes() -> None:
    """They have what the standard promises about tags."""
    assert get_attribute("Comm", {}, constants.TAG_UB) >= 32767
    assert get_attribute("Comm", {}, constants.WTIME_IS_GLOBAL) is False
