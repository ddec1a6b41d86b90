"""Info objects."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.mpi import constants
from mpi_actors.mpi.errors.exception import Exception as MPIException
from mpi_actors.mpi.info import INFO_ENV, INFO_NULL, Info, describe_process

KEYS = st.text(min_size=1, max_size=8)


@given(st.lists(st.tuples(KEYS, st.text(max_size=8))), st.lists(KEYS))
def test_an_info_is_an_ordered_mapping(items: list[tuple[str, str]], removed: list[str]) -> None:
    """It does what a dict does."""
    info, model = Info.Create(items), dict(items)
    for key in removed:
        assert info.pop(key, "none") == model.pop(key, "none")
    assert info.items() == list(model.items())
    assert list(info) == [info.Get_nthkey(n) for n in range(info.Get_nkeys())] == list(model)
    assert [info.Get(key) for key in model] == info.values()


@pytest.mark.parametrize(
    ("key", "value", "error"),
    [
        ("k" * constants.MAX_INFO_KEY, "v", constants.ERR_INFO_KEY),
        ("k", "v" * constants.MAX_INFO_VAL, constants.ERR_INFO_VALUE),
        ("", "v", constants.ERR_INFO_KEY),
    ],
)
def test_keys_and_values_have_limits(key: str, value: str, error: int) -> None:
    """Each wrong one has the error class that the standard asks for."""
    with pytest.raises(MPIException) as caught:
        Info.Create().Set(key, value)
    assert caught.value.Get_error_class() == error


def test_errors_of_keys() -> None:
    """Deleting a missing key and asking for the key after the last one fail."""
    info = Info.Create({"a": "1"})
    with pytest.raises(MPIException) as caught:
        info.Delete("b")
    assert caught.value.error_class == constants.ERR_INFO_NOKEY
    with pytest.raises(MPIException) as caught:
        info.Get_nthkey(1)
    assert caught.value.error_class == constants.ERR_ARG
    with pytest.raises(TypeError):
        Info.Create(items=3)  # type: ignore[arg-type]


def test_a_null_info_is_an_empty_mapping_that_cannot_be_changed() -> None:
    """Reading works; the calls of the standard raise ERR_INFO."""
    assert len(INFO_NULL) == 0
    assert INFO_NULL.get("key", "none") == "none"
    with pytest.raises(KeyError):
        INFO_NULL["key"] = "value"
    with pytest.raises(MPIException) as caught:
        INFO_NULL.Set("key", "value")
    assert caught.value.error_class == constants.ERR_INFO


def test_info_env_tells_how_the_process_was_started_and_stays_as_it_is() -> None:
    """A program cannot change or free it, but can change a copy."""
    describe_process()
    assert INFO_ENV.Get("wdir") == os.getcwd()
    assert Info.Create_env(["program", "a", "b"]).Get("argv") == "a b"
    for change in (INFO_ENV.Free, INFO_ENV.clear, lambda: INFO_ENV.Set("a", "b")):
        with pytest.raises(MPIException):
            change()
    copy = INFO_ENV.Dup()
    copy.Set("a", "b")
    copy.Free()
    assert not copy
