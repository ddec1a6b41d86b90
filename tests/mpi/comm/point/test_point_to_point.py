"""Point-to-point communication in all its forms, on real ranks."""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from mpi_worlds import run_world

import mpi_actors.mpi.comm  # noqa: F401  # the forked ranks then find it imported

SIZES = [0, 1, 1000, 3_000_000]


@pytest.mark.parametrize("nbytes", SIZES)
@pytest.mark.parametrize(
    "how",
    ["Send", "Ssend", "Bsend", "Isend", "Issend", "Ibsend", "Send_init", "Bsend_init"],
)
def test_a_buffer_arrives_whatever_the_send(how: str, nbytes: int) -> None:
    """Every kind of send delivers the bytes, source, tag and count, and leaves the rest of the buffer."""
    assert run_world(2, _pass_buffer, how, nbytes) == [None, True]


def _pass_buffer(how: str, nbytes: int) -> bool | None:
    from mpi_actors import MPI

    comm = MPI.COMM_WORLD
    if comm.rank == 1:
        status = MPI.Status()
        got = bytearray(nbytes + 1)
        comm.Recv(got, 0, 5, status)
        facts = (status.source, status.tag, status.count, status.Get_error())
        return bytes(got) == _pattern(nbytes) + b"\0" and facts == (0, 5, nbytes, 0)
    MPI.Attach_buffer(bytearray(nbytes + MPI.BSEND_OVERHEAD))
    result = getattr(comm, how)(_pattern(nbytes), 1, 5)
    if how.endswith("_init"):
        result.Start()
    if result is not None:
        result.Wait()
    MPI.Detach_buffer()
    return None


def _pattern(nbytes: int) -> bytes:
    return bytes(i * 7 % 251 for i in range(min(nbytes, 1000))) * max(1, nbytes // 1000)


@pytest.mark.parametrize("how", ["Recv", "Irecv", "Recv_init", "Mprobe", "Probe"])
def test_a_buffer_arrives_whatever_the_receive(how: str) -> None:
    """Every kind of receive, also after a probe, takes the message that it asked for."""
    assert run_world(3, _collect, how) == [[1, 2], None, None]


def _collect(how: str) -> list[int] | None:
    from mpi_actors import MPI

    comm = MPI.COMM_WORLD
    if comm.rank:
        comm.Send(np.array([comm.rank], "i4"), 0, comm.rank)
        return None
    got = []
    for source in (1, 2):
        value = np.zeros(1, "i4")
        if how == "Mprobe":
            comm.Mprobe(source, source).Recv(value)
        elif how == "Probe":
            status = MPI.Status()
            comm.Probe(source, MPI.ANY_TAG, status)
            assert status.Get_count(MPI.INT) == 1
            comm.Recv(value, status.source, status.tag)
        else:
            request = getattr(comm, how)(value, source, source)
            if how == "Recv_init":
                request.Start()
            if request is not None:
                request.Wait()
        got.append(int(value[0]))
    return got


def test_the_status_of_a_wildcard_receive_describes_the_message() -> None:
    """The status of a wildcard receive tells the source and tag of the message that it took."""
    (got, *_) = run_world(4, _gather_any)
    assert got is not None
    assert sorted(got) == [(1, 11), (2, 12), (3, 13)]


def _gather_any() -> list[tuple[int, int]] | None:
    from mpi_actors import MPI

    comm = MPI.COMM_WORLD
    if comm.rank:
        comm.send(comm.rank, 0, 10 + comm.rank)
        return None
    status = MPI.Status()
    got = []
    for _ in range(comm.size - 1):
        value = comm.recv(source=MPI.ANY_SOURCE, tag=MPI.ANY_TAG, status=status)
        assert value == status.source
        got.append((status.source, status.tag))
    return got


def test_any_source_is_no_choice_where_only_one_can_send() -> None:
    """In a communicator of one, and from a remote group of one; where several can send, it is one."""
    assert run_world(3, _choices_by_communicator) == [["", "", "ANY_SOURCE"], ["", "", ""], ["", "", ""]]


def _choices_by_communicator() -> list[str]:
    from mpi_actors import MPI
    from mpi_actors.mpi.engine import engine

    world = MPI.COMM_WORLD
    made = []
    for comm in (MPI.COMM_SELF, world.Split(world.rank)):
        comm.send("own", 0)
        assert comm.recv() == "own"
        request = comm.irecv()
        comm.send("own", 0)
        assert request.wait() == "own"
    made.append(engine().choices.first)
    local = world.Split(world.rank == 0)
    assert isinstance(local, MPI.Intracomm)
    inter = local.Create_intercomm(0, world, 0 if world.rank else 1)
    if world.rank:
        status = MPI.Status()
        assert inter.recv(status=status) == "from the only one"
        assert status.source == 0
    else:
        for dest in range(2):
            inter.send("from the only one", dest)
    made.append(engine().choices.first)
    if world.rank:
        world.send(None, 0)
    else:
        for _ in range(2):
            world.recv()
    made.append(engine().choices.first)
    return made


@pytest.mark.parametrize("how", ["send", "ssend", "bsend", "isend", "issend", "ibsend"])
def test_objects_arrive_as_they_were_when_they_were_sent(how: str) -> None:
    """The program may change an object after the call that sends it, also before it is delivered."""
    assert run_world(2, _pass_object, how) == [None, [0, 1, [2], 100_000]]


def _pass_object(how: str) -> list[Any] | None:
    from mpi_actors import MPI

    comm = MPI.COMM_WORLD
    if comm.rank == 1:
        first, array, second = comm.recv(), comm.recv(), comm.recv()
        return [*first, second, int(array.sum())]
    MPI.Attach_buffer(None)
    obj, array = [0, 1], np.ones(100_000)
    requests = [getattr(comm, how)(obj, 1), getattr(comm, how)(array, 1)]
    obj[0] = 9
    array[:] = 9
    requests.append(getattr(comm, how)([2], 1))
    for request in requests:
        if request is not None:
            request.wait()
    MPI.Detach_buffer()
    return None


def test_exchanges_around_a_ring() -> None:
    """Each form of Sendrecv receives from the left what the left neighbour sent, without a deadlock."""
    assert run_world(3, _exchange) == [[2] * 5, [0] * 5, [1] * 5]


def _exchange() -> list[int]:
    from mpi_actors import MPI

    comm = MPI.COMM_WORLD
    right, left = (comm.rank + 1) % comm.size, (comm.rank - 1) % comm.size
    mine, got = np.full(200_000, comm.rank), np.empty(200_000, int)
    values = []
    comm.Sendrecv(mine, right, 1, got, left, 1)
    values.append(int(got[-1]))
    comm.Isendrecv(mine, right, 2, got, left, 2).Wait()
    values.append(int(got[-1]))
    both = mine.copy()
    comm.Sendrecv_replace(both, right, 3, left, 3)
    values.append(int(both[-1]))
    both = mine.copy()
    comm.Isendrecv_replace(both, right, 4, left, 4).Wait()
    values.append(int(both[-1]))
    values.append(comm.sendrecv(comm.rank, right, 5, None, left, 5))
    return values


def test_calls_with_proc_null_send_and_receive_nothing() -> None:
    """Calls with PROC_NULL return at once, and the status says PROC_NULL, ANY_TAG and no data."""
    assert run_world(1, _nobody) == [True]


def _nobody() -> bool:
    from mpi_actors import MPI

    comm, none = MPI.COMM_SELF, MPI.PROC_NULL
    status = MPI.Status()
    comm.Send(None, none)
    comm.send(object(), none)
    comm.Sendrecv(None, none, 0, None, none, 0, status)
    assert comm.recv(source=none, status=status) is None
    assert (status.source, status.tag, status.count) == (none, MPI.ANY_TAG, 0)
    assert comm.Iprobe(none)
    assert comm.mprobe(none) == MPI.MESSAGE_NO_PROC
    both = comm.Isendrecv(None, none, 0, None, none)
    for request in (comm.Isend(None, none), comm.irecv(source=none), both):
        assert request
        assert request.wait() is None
        assert not request
    prepared = comm.Recv_init(None, none)
    prepared.Start()
    prepared.Wait()
    prepared.Free()
    return True


Call = Callable[[Any, Any], object]
WRONG: dict[str, tuple[Call, str]] = {
    "rank too high": (lambda mpi, comm: comm.Send(b"", comm.size), "ERR_RANK"),
    "rank negative": (lambda mpi, comm: comm.send(1, -7), "ERR_RANK"),
    "any source to send to": (lambda mpi, comm: comm.send(1, mpi.ANY_SOURCE), "ERR_RANK"),
    "source too high": (lambda mpi, comm: comm.Recv(bytearray(1), comm.size), "ERR_RANK"),
    "irecv source": (lambda mpi, comm: comm.irecv(source=99), "ERR_RANK"),
    "negative tag": (lambda mpi, comm: comm.send(1, 0, -1), "ERR_TAG"),
    "tag too high": (lambda mpi, comm: comm.Isend(b"", 0, 2**31), "ERR_TAG"),
    "recv tag": (lambda mpi, comm: comm.recv(source=0, tag=-5), "ERR_TAG"),
    "null": (lambda mpi, comm: mpi.COMM_NULL.Send(b"", 0), "ERR_COMM"),
    "null rank": (lambda mpi, comm: mpi.COMM_NULL.rank, "ERR_COMM"),
    "null recv": (lambda mpi, comm: mpi.COMM_NULL.recv(), "ERR_COMM"),
    "bsend without buffer": (lambda mpi, comm: comm.Bsend(b"", 0), "ERR_BUFFER"),
    "detach without buffer": (lambda mpi, comm: comm.Detach_buffer(), "ERR_BUFFER"),
    "freeing a predefined one": (lambda mpi, comm: comm.Free(), "ERR_COMM"),
    "truncation": (lambda mpi, comm: (comm.isend("x" * 100, 0), comm.Recv(bytearray(3), 0)), "ERR_TRUNCATE"),
    "color": (lambda mpi, comm: comm.Split(-3), "ERR_ARG"),
    "group": (lambda mpi, comm: comm.Create(mpi.GROUP_NULL), "ERR_GROUP"),
}


@pytest.mark.parametrize("case", WRONG)
def test_errors_have_the_class_of_the_standard(case: str) -> None:
    """Each wrong call raises MPI.Exception with the error class that the standard names."""
    assert run_world(1, _error_class, case) == [WRONG[case][1]]


def _error_class(case: str) -> str:
    from mpi_actors import MPI

    try:
        WRONG[case][0](MPI, MPI.COMM_WORLD)
    except MPI.Exception as error:
        return next(name for name in vars(MPI) if name.startswith("ERR_") and vars(MPI)[name] == error)
    return "nothing"


def test_a_truncated_message_fills_the_status_and_is_gone() -> None:
    """A message that is too long fills the status and is gone: the next receive gets the next message."""
    assert run_world(1, _truncate) == [(0, 4, "next")]


def _truncate() -> tuple[int, int, str]:
    from mpi_actors import MPI

    comm, status = MPI.COMM_SELF, MPI.Status()
    request = comm.Isend(bytes(10), 0, 4)
    with pytest.raises(MPI.Exception) as caught:
        comm.Recv(bytearray(3), 0, 4, status)
    assert caught.value.error_class == MPI.ERR_TRUNCATE
    request.Wait()
    comm.isend("next", 0)
    return status.source, status.tag, comm.recv(source=0)


def test_buffers_of_buffered_sends_are_limited_and_given_back() -> None:
    """A send beyond the attached memory raises ERR_BUFFER; detaching returns the memory itself."""
    assert run_world(1, _buffers) == [True]


def _buffers() -> bool:
    from mpi_actors import MPI

    comm = MPI.COMM_SELF.Dup()
    memory = bytearray(2 * MPI.BSEND_OVERHEAD + 10)
    comm.Attach_buffer(memory)
    with pytest.raises(MPI.Exception) as caught:
        comm.Bsend(bytes(len(memory)), 0)
    assert caught.value.error_class == MPI.ERR_BUFFER
    comm.Bsend(b"12345", 0)
    comm.Ibsend(b"67890", 0).Wait()
    got = bytearray(5)
    comm.Recv(got, 0)
    assert got == b"12345"
    comm.Recv(got, 0)
    assert got == b"67890"
    comm.Iflush_buffer().Wait()
    assert comm.Detach_buffer() is memory
    comm.Attach_buffer(None)
    assert comm.Detach_buffer() == MPI.BUFFER_AUTOMATIC
    comm.Free()
    return True


def test_an_object_that_does_not_load_counts_as_received() -> None:
    """After an UnpicklingError the next receive gets the next message."""
    assert run_world(1, _bad_pickle) == ["after"]


def _bad_pickle() -> Any:
    from mpi_actors import MPI

    comm = MPI.COMM_SELF
    comm.Isend(b"\x80\x05not a pickle", 0)
    comm.isend("after", 0)
    with pytest.raises(pickle.UnpicklingError):
        comm.recv(source=0)
    return comm.recv(source=0)


def test_what_cannot_be_sent_or_received_leaves_no_message_behind() -> None:
    """A call that fails on its arguments has sent nothing."""
    assert run_world(1, _nothing_left) == [True]


def _nothing_left() -> bool:
    from mpi_actors import MPI

    comm = MPI.COMM_SELF
    for call in (comm.send, comm.isend, comm.sendrecv):
        with pytest.raises((AttributeError, pickle.PicklingError)):
            call(lambda: None, 0)
    with pytest.raises(BufferError):
        comm.Sendrecv(b"x", 0, 0, b"read-only", 0)
    with pytest.raises(TypeError):
        comm.Isendrecv(b"x", 0, 0, object(), 0)
    with pytest.raises(MPI.Exception):
        comm.Sendrecv(b"x", 0, 0, bytearray(1), 7)
    with pytest.raises(BufferError):
        comm.irecv(b"read-only", 0)
    return not comm.Iprobe()


def test_threads_share_a_communicator() -> None:
    """Four threads of each rank talk at the same time; each receives its own messages."""
    assert run_world(2, _threads) == [True, True]


def _threads() -> bool:
    from mpi_actors import MPI

    comm = MPI.COMM_WORLD
    other = 1 - comm.rank
    right: list[bool] = []

    def talk(tag: int) -> None:
        for number in range(20):
            got = comm.sendrecv((tag, number), other, tag, None, other, tag)
            memory = bytearray(1)
            comm.Sendrecv(bytes([number]), other, 50 + tag, memory, other, 50 + tag)
            right.append(got == (tag, number) and memory[0] == number)

    threads = [threading.Thread(target=talk, args=(tag,)) for tag in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return right == [True] * 80


def test_ranks_may_be_whole_floats() -> None:
    """mpi4py accepts them, and programs write `size / 2`."""
    assert run_world(2, _ping_floats) == [b"ab", b"ab"]


def _ping_floats() -> bytes:
    from mpi_actors import MPI

    comm = MPI.COMM_WORLD
    other: Any = (comm.size - 1 - comm.rank) / 1
    into = bytearray(2)
    request = comm.Isend(b"ab", other)
    comm.Recv(into, other)
    request.Wait()
    comm.send(bytes(into), other)
    back: bytes = comm.recv(source=other)
    return back
