"""Requests: waiting, testing, several at once, starting again; errors and results of each."""

from __future__ import annotations

from typing import Any

import pytest
from mpi_worlds import run_world


def _one_at_a_time() -> None:
    from mpi_actors import MPI

    comm = MPI.COMM_WORLD
    if comm.rank == 0:
        comm.send({"a": 1}, dest=1, tag=5)
        comm.Send(bytearray(b"xyz"), dest=1, tag=6)
        return
    status = MPI.Status()
    request = comm.irecv(source=0, tag=5)
    copy = MPI.Request(request)
    assert copy == request
    assert request.wait(status) == {"a": 1}
    assert (status.source, status.tag) == (0, 5)
    assert not request
    assert copy.wait() is None
    assert copy == MPI.REQUEST_NULL
    memory = bytearray(8)
    request = comm.Irecv(memory, source=0, tag=6)
    while not request.Get_status(status):
        pass
    assert status.count == 3
    assert request
    assert request.Test(status) is True
    assert (bytes(memory[:3]), status.count, bool(request)) == (b"xyz", 3, False)


def test_a_request_is_null_when_it_has_been_waited_for() -> None:
    """So are its copies. Get_status leaves it as it is."""
    run_world(2, _one_at_a_time)


def _several() -> None:
    from mpi_actors import MPI

    comm = MPI.COMM_WORLD
    me, n = comm.rank, comm.size
    sends = [comm.isend((me, to), dest=to, tag=to) for to in range(n)]
    receives = [comm.irecv(source=source, tag=me) for source in range(n)]
    statuses: list[MPI.Status] = []
    assert MPI.Request.waitall(receives, statuses) == [(source, me) for source in range(n)]
    assert [status.source for status in statuses] == list(range(n))
    assert not any(receives)
    seen = set()
    while True:
        index = MPI.Request.Waitany(sends)
        if index == MPI.UNDEFINED:
            break
        seen.add(index)
    assert seen == set(range(n))
    assert MPI.Request.Waitsome(sends) is None
    assert MPI.Request.Testall(sends)
    assert MPI.Request.testany(sends) == (MPI.UNDEFINED, True, None)

    receives = [comm.irecv(source=source, tag=9) for source in range(n)]
    comm.Barrier()
    for to in range(n):
        comm.send(me * n + to, dest=to, tag=9)
    got: dict[int, Any] = {}
    while (some := MPI.Request.waitsome(receives))[0] is not None:
        indices, objects = some
        assert indices is not None
        assert objects is not None
        got.update(zip(indices, objects, strict=True))
    assert got == {source: source * n + me for source in range(n)}


@pytest.mark.parametrize("n", [1, 3])
def test_several_requests_are_completed_together_or_one_by_one(n: int) -> None:
    """Each is completed once, with the object that belongs to it."""
    run_world(n, _several)


def _errors() -> None:
    from mpi_actors import MPI

    comm = MPI.COMM_WORLD
    peer = 1 - comm.rank
    short, long = bytearray(2), bytearray(8)
    requests = [comm.Irecv(long, peer, 1), comm.Irecv(short, peer, 2), comm.irecv(source=peer, tag=3)]
    comm.Send(b"12345678", peer, 1)
    comm.Send(b"12345678", peer, 2)
    comm.send("fine", peer, 3)
    statuses = [MPI.Status() for _ in requests]
    with pytest.raises(MPI.Exception) as caught:
        MPI.Request.waitall(requests, statuses)
    assert caught.value.error_class == MPI.ERR_IN_STATUS
    assert [status.error for status in statuses] == [MPI.SUCCESS, MPI.ERR_TRUNCATE, MPI.SUCCESS]
    assert bytes(long) == b"12345678"
    assert not any(requests)
    comm.Barrier()
    request = comm.Irecv(short, peer, 2)
    comm.Send(b"12345678", peer, 2)
    with pytest.raises(MPI.Exception) as caught:
        request.Wait()
    assert caught.value.error_class == MPI.ERR_TRUNCATE
    called = []
    comm.Set_errhandler(MPI.Comm.Create_errhandler(lambda comm, code: called.append((comm.rank, code))))
    request = comm.Irecv(short, peer, 2)
    comm.Send(b"12345678", peer, 2)
    with pytest.raises(MPI.Exception):
        request.Wait()
    assert called == [(comm.rank, MPI.ERR_TRUNCATE)]


def test_errors_of_several_requests_are_in_their_statuses() -> None:
    """The error is ERR_IN_STATUS. A request alone gives its own class, and the error handler acts once."""
    run_world(2, _errors)


def _persistent() -> None:
    from mpi_actors import MPI

    comm = MPI.COMM_WORLD
    peer = comm.rank ^ 1
    out, into = bytearray(1), bytearray(1)
    requests = [comm.Send_init(out, peer, 3), comm.Recv_init(into, peer, 3)]
    for turn in range(5):
        out[0] = turn
        MPI.Prequest.Startall(requests)
        with pytest.raises(MPI.Exception) as caught:
            requests[1].Start()
        assert caught.value.error_class == MPI.ERR_REQUEST
        MPI.Request.Waitall(requests)
        assert into[0] == turn
        assert all(requests)
        assert MPI.Request.Testany(requests) == (MPI.UNDEFINED, True)
    assert type(MPI.Prequest.fromhandle(requests[0].handle)) is MPI.Prequest
    for request in requests:
        request.Free()
    assert not any(requests)


def test_persistent_requests_are_inactive_between_their_starts() -> None:
    """A program can start them again when they are complete, and not before."""
    run_world(2, _persistent)


def _null() -> None:
    from mpi_actors import MPI

    request = MPI.Request()
    status = MPI.Status()
    status.tag = 7
    assert request.Wait(status) is True
    assert status == MPI.Status()
    assert request.test() == (True, None)
    for call in (request.Cancel, request.Free):
        with pytest.raises(MPI.Exception) as caught:
            call()
        assert caught.value.error_class == MPI.ERR_REQUEST
    pending = MPI.COMM_SELF.Irecv(bytearray(1), 0, 1)
    pending.Cancel()
    pending.Wait(status)
    assert status.cancelled
    with pytest.raises(TypeError):
        MPI.Prequest(MPI.COMM_SELF.Irecv(bytearray(1), 0, 1))
    with pytest.raises(TypeError):
        MPI.Request.Waitall([3])


def test_null_and_cancelled_requests() -> None:
    """Waiting for a null request returns at once; a cancelled request is complete."""
    run_world(1, _null)


def _generalized() -> list[str]:
    import threading

    from mpi_actors import MPI

    log: list[str] = []

    def query(status: MPI.Status, word: str) -> None:
        status.Set_source(3)
        log.append(f"query {word}")

    request = MPI.Grequest.Start(
        query, lambda word: log.append(f"free {word}"), lambda done, word: log.append(f"{done}"), ("w",)
    )
    assert not request.Test()
    request.Cancel()
    status = MPI.Status()
    other = MPI.COMM_SELF.irecv(source=0, tag=0)
    thread = threading.Thread(target=lambda: request.complete(42))
    thread.start()
    assert MPI.Request.waitany([other, request], status) == (1, 42)
    thread.join()
    assert status.source == 3
    MPI.COMM_SELF.send(1, 0, 0)
    assert other.wait() == 1
    with pytest.raises(TypeError):
        MPI.Prequest(MPI.Grequest.Start())
    freed = MPI.Grequest.Start(None, lambda: log.append("freed"))
    again = MPI.Grequest(freed)
    freed.Free()
    assert "freed" not in log
    again.Complete()
    return log


def test_the_program_completes_generalized_requests() -> None:
    """Also from another thread, while one waits. The program's functions are called in order."""
    assert run_world(1, _generalized) == [["False", "query w", "free w", "freed"]]


def _failing_callback() -> None:
    import contextlib
    import io

    from mpi_actors import MPI

    def fails(*_: object) -> None:
        raise ValueError(42)

    request = MPI.Grequest.Start(fails)
    request.Complete()
    with contextlib.redirect_stderr(io.StringIO()) as shown, pytest.raises(MPI.Exception) as caught:
        request.Wait()
    assert caught.value.error_class == MPI.ERR_OTHER
    assert "ValueError: 42" in shown.getvalue()


def test_what_a_callback_raises_is_shown_and_becomes_an_error() -> None:
    """The error is ERR_OTHER, and the traceback is on standard error."""
    run_world(1, _failing_callback)


def _message() -> None:
    from mpi_actors import MPI

    comm = MPI.COMM_WORLD
    if comm.rank == 0:
        comm.send("object", 1, 4)
        comm.Send(b"bytes", 1, 4)
        return
    status = MPI.Status()
    first = MPI.Message.probe(comm, 0, 4, status)
    assert status.tag == 4
    second = MPI.Message.Probe(comm, 0, 4)
    memory = bytearray(5)
    second.Recv(memory, status)
    assert (bytes(memory), status.count) == (b"bytes", 5)
    assert first.recv() == "object"
    assert not first
    assert not second
    with pytest.raises(MPI.Exception):
        first.recv()
    assert comm.mprobe(MPI.PROC_NULL) == MPI.MESSAGE_NO_PROC
    assert MPI.MESSAGE_NO_PROC.recv(status) is None
    assert status.source == MPI.PROC_NULL
    assert MPI.MESSAGE_NO_PROC


def test_a_matched_message_is_received_by_its_holder_only() -> None:
    """Matched messages can be received in any order; then the handle is null."""
    run_world(2, _message)
