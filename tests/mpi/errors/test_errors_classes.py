"""Error classes, codes, texts and MPI.Exception."""

from __future__ import annotations

import pickle

import pytest

from mpi_actors.mpi import constants
from mpi_actors.mpi.errors import exception
from mpi_actors.mpi.errors.added import AddedCodes
from mpi_actors.mpi.errors.exception import Exception as MPIException

CLASSES = sorted(
    value
    for name, value in vars(constants).items()
    if name == "SUCCESS" or (name.startswith("ERR_") and name != "ERR_LASTCODE")
)


def test_predefined_classes_are_distinct_have_texts_and_are_codes_of_themselves() -> None:
    """SUCCESS is 0, and no class is greater than ERR_LASTCODE."""
    assert list(range(len(CLASSES))) == CLASSES
    assert CLASSES[-1] < constants.ERR_LASTCODE
    texts = [exception.Get_error_string(code) for code in CLASSES]
    assert len(set(texts)) == len(texts)
    assert [exception.Get_error_class(code) for code in CLASSES] == CLASSES


def test_an_exception_compares_by_its_code_and_survives_pickling() -> None:
    """So does one with a detail, which is the end of its text."""
    error = MPIException(constants.ERR_RANK, "7 of 4")
    again = pickle.loads(pickle.dumps(error))
    assert again == error == constants.ERR_RANK
    assert str(again) == str(error)
    assert str(error).endswith(": 7 of 4")
    assert MPIException(constants.ERR_TAG) < error or error < MPIException(constants.ERR_TAG)
    assert not MPIException(constants.SUCCESS)
    assert MPIException(-5) == constants.ERR_UNKNOWN
    assert hash(error) == hash(constants.ERR_RANK)
    assert int(error) == constants.ERR_RANK


def test_codes_that_a_program_adds_can_be_removed_from_the_leaves_up() -> None:
    """A program can remove a class only after its string and its codes."""
    codes = AddedCodes()
    error_class = codes.add_class()
    code = codes.add_code(error_class)
    assert codes.last_used == code
    assert (codes.error_class(code), codes.text(code)) == (error_class, "")
    codes.add_text(code, "all is lost")
    assert codes.text(code) == "all is lost"
    with pytest.raises(ValueError, match="still has"):
        codes.remove_class(error_class)
    with pytest.raises(ValueError, match="still has"):
        codes.remove_code(code)
    codes.remove_text(code)
    codes.remove_code(code)
    codes.remove_class(error_class)
    assert codes.last_used == constants.ERR_LASTCODE
    assert codes.error_class(code) == constants.ERR_UNKNOWN


@pytest.mark.parametrize(
    "call",
    [
        lambda: exception.Remove_error_class(constants.ERR_ARG),
        lambda: exception.Remove_error_code(constants.ERR_ARG),
        lambda: exception.Remove_error_string(constants.ERR_ARG),
        lambda: exception.Add_error_string(constants.ERR_ARG, "mine"),
        lambda: exception.Add_error_code(-3),
    ],
)
def test_what_is_predefined_cannot_be_changed(call: object) -> None:
    """The error is ERR_ARG."""
    assert callable(call)
    with pytest.raises(MPIException) as caught:
        call()
    assert caught.value.error_class == constants.ERR_ARG
