"""Pickles with buffers survive as messages, and damaged messages are errors."""

from __future__ import annotations

from pickle import PickleBuffer, UnpicklingError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.mpi.pickles.outofband import ALIGNMENT, MAGIC, frame, unframe


@given(st.binary(max_size=100), st.lists(st.binary(max_size=100), max_size=5))
def test_a_message_has_the_pickle_and_the_buffers(head: bytes, buffers: list[bytes]) -> None:
    message = b"".join(frame(head, [PickleBuffer(buffer) for buffer in buffers]))
    got_head, got = unframe(message)
    assert (bytes(got_head), [bytes(view) for view in got]) == (head, buffers)


def test_large_buffers_are_sent_from_where_they_are() -> None:
    memory = bytearray(1000)
    parts = frame(b"head", [PickleBuffer(memory)])
    memory[0] = 7
    assert bytes(parts[1])[0] == 7


def test_buffers_are_aligned_and_writable_whatever_the_message_is() -> None:
    message = b"".join(frame(b"x", [PickleBuffer(b"123"), PickleBuffer(b"4567")]))
    assert message.startswith(MAGIC)
    for given_message in (message, bytearray(message)):
        _, buffers = unframe(given_message)
        buffers[1][0] = 9
        assert message.index(b"123") % ALIGNMENT == message.index(b"4567") % ALIGNMENT == 0


@pytest.mark.parametrize("cut", [9, 30, -17])
def test_a_cut_message_is_an_error(cut: int) -> None:
    message = b"".join(frame(b"x" * 10, [PickleBuffer(bytes(40))]))
    with pytest.raises(UnpicklingError):
        unframe(message[:cut])
