"""MPI.Pickle: protocols, a program's own dumps and loads, out-of-band buffers."""

from __future__ import annotations

import json
import pickle as standard
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from mpi_actors.mpi.pickles.messages import OUT_OF_BAND_FROM, dumps, dumps_bytes, loads
from mpi_actors.mpi.pickles.pickle import Pickle
from mpi_actors.mpi.pickles.pickle import pickle as the_pickle

OBJECTS = [None, 0, 1 << 80, "text", [1, (2, {3})], {"a": b"bytes", "b": bytearray(b"more")}]


@pytest.fixture(autouse=True)
def default_afterwards() -> Iterator[None]:
    yield
    the_pickle.__init__()  # type: ignore[misc]


@pytest.mark.parametrize("obj", OBJECTS, ids=repr)
@pytest.mark.parametrize("protocol", [0, 2, 5, -1, None])
def test_objects_come_back_with_every_protocol(obj: Any, protocol: int | None) -> None:
    the_pickle.PROTOCOL = protocol
    assert loads(dumps(obj)) == obj
    assert loads(dumps_bytes(obj)) == obj
    assert the_pickle.loads(the_pickle.dumps(obj)) == obj


def test_a_message_without_buffers_is_a_pickle() -> None:
    assert standard.loads(dumps({"a": 1})) == {"a": 1}  # type: ignore[arg-type]
    assert loads(standard.dumps([1, 2], 0)) == [1, 2]


def test_nothing_is_none() -> None:
    assert loads(b"") is None
    assert loads(bytearray()) is None


def test_large_arrays_are_not_copied_into_the_pickle_and_arrive_writable() -> None:
    array = np.arange(OUT_OF_BAND_FROM, dtype="i4")
    message = dumps({"a": array})
    assert isinstance(message, tuple)
    assert any(np.shares_memory(np.asarray(part), array) for part in message if isinstance(part, memoryview))
    got = loads(bytearray().join(message))["a"]
    assert (got == array).all()
    got[0] = -1
    assert array[0] == 0


def test_what_does_not_wait_for_its_receiver_is_a_copy() -> None:
    array = np.zeros(OUT_OF_BAND_FROM)
    message = dumps_bytes(array)
    array[:] = 1
    assert (loads(message) == 0).all()


def test_small_arrays_stay_in_the_pickle() -> None:
    assert isinstance(dumps(np.arange(3)), bytes)


def test_a_programs_own_functions_are_used() -> None:
    the_pickle.__init__(  # type: ignore[misc]
        lambda obj: json.dumps(obj).encode(), lambda data: json.loads(bytes(data).decode())
    )
    assert the_pickle.PROTOCOL is None
    assert dumps([1, "x"]) == b'[1, "x"]'
    assert loads(bytearray(b'[1, "x"]')) == [1, "x"]


def test_messages_with_buffers_are_understood_by_loads_of_the_interface() -> None:
    message = dumps(np.arange(OUT_OF_BAND_FROM))
    assert isinstance(message, tuple)
    assert (the_pickle.loads(b"".join(message)) == np.arange(OUT_OF_BAND_FROM)).all()


def test_out_of_band_by_the_interface() -> None:
    pickle = Pickle(threshold=64)
    array, small = np.arange(100), np.arange(2)
    data, buffers = pickle.dumps_oob([array, small])
    assert [len(buffer) for buffer in buffers] == [array.nbytes]
    got = pickle.loads_oob(data, buffers)
    assert (got[0] == array).all()
    assert (got[1] == small).all()


def test_failures_of_pickling_are_what_pickle_raises() -> None:
    with pytest.raises((AttributeError, standard.PicklingError)):
        dumps(lambda: None)
    with pytest.raises(standard.UnpicklingError):
        loads(b"\x80\x05junk.")
