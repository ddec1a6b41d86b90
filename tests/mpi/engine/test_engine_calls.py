"""The engine's calls on real ranks, in processes of their own."""

from __future__ import annotations

import threading

import pytest
from mpi_worlds import WorldFailed, run_world

from mpi_actors.mpi.constants import ERR_TRUNCATE
from mpi_actors.mpi.engine import ANY_SOURCE, ANY_TAG, STANDARD, SYNCHRONOUS, Box, Schedule, engine
from mpi_actors.mpi.engine.engine import Engine
from mpi_actors.mpi.engine.report import state_of

CONTEXT = 4


def echo() -> list[int]:
    """Send every size there and back, in both modes."""
    endpoint = engine()
    sizes = [0, 1, 40_000, 3_000_000]
    for size in sizes:
        for mode in (STANDARD, SYNCHRONOUS):
            payload = bytes([size % 251]) * size
            if endpoint.rank == 0:
                endpoint.send(1, CONTEXT, 7, memoryview(payload), mode)
                back = bytearray(size)
                endpoint.recv(1, CONTEXT, 7, memoryview(back))
                assert back == payload
            else:
                got = endpoint.recv(0, CONTEXT, ANY_TAG, None)
                assert (got.source, got.tag, got.count) == (0, 7, size)
                endpoint.send(0, CONTEXT, 7, bytes(got.payload or b""), mode)
    assert endpoint.matching.left() == 0
    return sizes


def test_messages_go_there_and_back() -> None:
    """Small and large, synchronous and empty messages come back as they were."""
    assert run_world(2, echo) == [[0, 1, 40_000, 3_000_000]] * 2


def cross() -> bool:
    """Two ranks send each other 16 MB before either receives."""
    endpoint = engine()
    other = 1 - endpoint.rank
    mine = [endpoint.isend(other, CONTEXT, tag, bytes(2_000_000)) for tag in range(8)]
    endpoint.send(other, CONTEXT, 99, b"last")
    assert endpoint.recv(other, CONTEXT, 99, None).payload == b"last"
    for tag in reversed(range(8)):
        assert endpoint.recv(other, CONTEXT, tag, None).count == 2_000_000
    endpoint.wait_all(mine)
    return endpoint.matching.left() == 0


def test_unreceived_messages_hold_up_nothing() -> None:
    """A message passes earlier ones with other tags, however long they are."""
    assert run_world(2, cross) == [True, True]


def probes() -> list[int]:
    """Probe, probe and match, use wildcards, cancel a receive, and receive into too little memory."""
    endpoint = engine()
    if endpoint.rank:
        endpoint.send(0, CONTEXT, endpoint.rank, bytes(endpoint.rank))
        endpoint.send(0, CONTEXT, 50, b"matched")
        endpoint.send(0, CONTEXT, 60, b"too long")
        return []
    found = []
    for _ in range(2):
        envelope = endpoint.probe(ANY_SOURCE, CONTEXT, ANY_TAG)
        got = endpoint.recv(envelope.source, CONTEXT, envelope.tag, None)
        assert got.count == envelope.count
        found.append(got.source)
        matched = endpoint.mprobe(got.source, CONTEXT, 50)
        assert endpoint.iprobe(got.source, CONTEXT, 50) is None
        transfer = endpoint.imrecv(matched, None)
        endpoint.wait(transfer)
        assert transfer.payload == b"matched"
        short = bytearray(3)
        late = endpoint.recv(got.source, CONTEXT, 60, memoryview(short))
        assert (late.error, bytes(short)) == (ERR_TRUNCATE, b"too")
    pending = endpoint.irecv(1, CONTEXT, 70, None)
    endpoint.cancel(pending)
    assert pending.done
    assert pending.cancelled
    assert endpoint.matching.left() == 0
    return sorted(found)


def test_probes_and_wildcards() -> None:
    """A receive gets the message that the probe found."""
    assert run_world(3, probes)[0] == [1, 2]


def talk() -> list[int]:
    """Talk in four threads on each side, each with a tag of its own."""
    endpoint = engine()
    other = 1 - endpoint.rank
    sums = [0] * 4

    def run(tag: int) -> None:
        for number in range(50):
            endpoint.send(other, CONTEXT, tag, b"x" * (number + tag))
            sums[tag] += endpoint.recv(other, CONTEXT, tag, None).count

    threads = [threading.Thread(target=run, args=[tag]) for tag in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sums


def test_threads_may_all_call() -> None:
    """Messages to threads that wait at the same time are neither lost nor mixed up."""
    assert run_world(2, talk) == [[sum(range(50)) + 50 * tag for tag in range(4)]] * 2


def ring() -> bytes:
    """Run schedules that hand boxes around, started while others are under way."""
    endpoint = engine()
    n = endpoint.size
    runs = []
    boxes = []
    for tag in range(3):
        schedule = Schedule(tag)
        box = Box(b"%d" % endpoint.rank)
        for _ in range(n):
            came = Box()
            schedule.send((endpoint.rank + 1) % n, box)
            schedule.recv((endpoint.rank - 1) % n, came)
            schedule.fence()
            box = came
        boxes.append(box)
        runs.append(endpoint.start(schedule, CONTEXT + 1, tag, range(n)))
    for run in reversed(runs):
        endpoint.wait(run)
    assert len({bytes(box.value) for box in boxes}) == 1  # type: ignore[arg-type]
    return bytes(boxes[0].value)  # type: ignore[arg-type]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_schedules_run_side_by_side(n: int) -> None:
    """What goes all around comes back to its sender."""
    assert run_world(n, ring) == [b"%d" % rank for rank in range(n)]


def different() -> None:
    """Run another collective operation on one rank than on the other."""
    endpoint = engine()
    schedule = Schedule(1 + endpoint.rank)
    other = 1 - endpoint.rank
    schedule.send(other, b"1234")
    schedule.recv(other, memoryview(bytearray(4)))
    endpoint.run(schedule, CONTEXT + 1, 0, range(2))


def test_different_operations_are_found_out() -> None:
    """The error names both."""
    with pytest.raises(WorldFailed, match="the ranks are in different collective operations"):
        run_world(2, different)


def test_a_waiting_rank_can_say_what_for() -> None:
    """The words name the source and the tag, the stack the program's line."""
    endpoint = Engine(0, 2)
    seen = []

    def wait() -> None:
        endpoint.thread = threading.get_ident()
        endpoint.recv(1, CONTEXT, 17, None)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    while not endpoint.waiting:
        thread.join(0.01)
    seen.append(state_of(endpoint))
    with endpoint.lock:
        [receive] = endpoint.matching.posted[CONTEXT]
        assert endpoint.matching.withdraw(receive)
        receive.finish()
        endpoint.kick()
    thread.join()
    assert "waits for a message from rank 1, tag 17, for " in seen[0]
    assert "test_engine_calls.py" in seen[0]
    endpoint.close()
