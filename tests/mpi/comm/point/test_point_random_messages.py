"""Random messages in any order, against a model: the receive that the standard names gets each of them."""

from __future__ import annotations

import random
from typing import Any, NamedTuple

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mpi_worlds import run_world

import mpi_actors.mpi.comm  # noqa: F401  # the forked ranks then find it imported

ANY = -1


class Message(NamedTuple):
    """A message from `source` to `dest`. Its content is its index in the plan, repeated `nbytes` times."""

    source: int
    dest: int
    tag: int
    nbytes: int
    how: str


class Receive(NamedTuple):
    """A receive that `rank` posts, and the index of the message that it must get."""

    rank: int
    source: int
    tag: int
    message: int


SIZES = [0, 1, 100, 70_000, 400_000]
HOWS = ["Isend", "Issend", "Ibsend", "Send_init", "isend"]


@st.composite
def plans(draw: st.DrawFn) -> tuple[int, list[Message], list[Receive]]:
    """Draw a number of ranks, messages in the order of sending, and receives in the order of posting."""
    size = draw(st.integers(1, 3))
    rank = st.integers(0, size - 1)
    message = st.builds(Message, rank, rank, st.integers(0, 2), st.sampled_from(SIZES), st.sampled_from(HOWS))
    messages = draw(st.lists(message, max_size=12))
    wanted = draw(st.permutations(range(len(messages))))
    wild = [draw(st.booleans()) for _ in wanted]
    left = list(range(len(messages)))
    receives = []
    for index, any_tag in zip(wanted, wild, strict=True):
        like = messages[index]
        got = [
            other
            for other in left
            if (messages[other].source, messages[other].dest) == (like.source, like.dest)
            and (any_tag or messages[other].tag == like.tag)
        ]
        assume(got)
        left.remove(got[0])
        receives.append(Receive(like.dest, like.source, ANY if any_tag else like.tag, got[0]))
    return size, messages, receives


@settings(max_examples=25, deadline=None)
@given(plans(), st.integers(0, 2**16))
def test_each_message_is_received_once_by_the_receive_that_must_have_it(
    plan: tuple[int, list[Message], list[Receive]], seed: int
) -> None:
    """Random sends and receives, in random order: each receive gets the message that the model says."""
    size, messages, receives = plan
    assert run_world(size, _carry_out, messages, receives, seed) == [True] * size


def _carry_out(messages: list[Message], receives: list[Receive], seed: int) -> bool:
    from mpi_actors import MPI

    comm = MPI.COMM_WORLD
    comm.Attach_buffer(None)
    chance = random.Random(seed + comm.rank)
    posted: list[tuple[Any, Receive, Any]] = []
    sends = [(index, message) for index, message in enumerate(messages) if message.source == comm.rank]
    posts = [receive for receive in receives if receive.rank == comm.rank]
    requests = []
    while sends or posts:
        if sends and (not posts or chance.random() < 0.5):
            requests.append(_send(comm, *sends.pop(0)))
        else:
            receive = posts.pop(0)
            message = messages[receive.message]
            memory = None if message.how == "isend" else bytearray(message.nbytes + 3)
            start = comm.irecv if memory is None else comm.Irecv
            posted.append((start(memory, receive.source, receive.tag), receive, memory))
    _wait(MPI, chance, requests)
    while posted:
        request, receive, memory = posted.pop(chance.randrange(len(posted)))
        status = MPI.Status()
        got = request.wait(status)
        message = messages[receive.message]
        assert (status.source, status.tag) == (message.source, message.tag)
        if memory is not None:
            assert status.count == message.nbytes
            got = bytes(memory[: message.nbytes])
        assert got == _content(receive.message, message.nbytes)
    comm.Detach_buffer()
    comm.Barrier()
    return not comm.Iprobe()


def _send(comm: Any, index: int, message: Message) -> Any:
    request = getattr(comm, message.how)(_content(index, message.nbytes), message.dest, message.tag)
    if message.how == "Send_init":
        request.Start()
    return request


def _wait(mpi: Any, chance: random.Random, requests: list[Any]) -> None:
    """Wait for the sends in one of four ways. The receives are posted: a send to oneself may need its own."""
    way = chance.randrange(4)
    if way == 0:
        mpi.Request.Waitall(requests)
    elif way == 1:
        while mpi.Request.Waitany(requests) != mpi.UNDEFINED:
            pass
    elif way == 2:
        while mpi.Request.Waitsome(requests) is not None:
            pass
    else:
        while not mpi.Request.Testall(requests):
            pass


def _content(index: int, nbytes: int) -> bytes:
    return bytes([index % 256]) * nbytes
