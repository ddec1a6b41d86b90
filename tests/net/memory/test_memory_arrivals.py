"""The arithmetic of the in-memory network: arrivals, room, ends, cuts."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.net.memory.arrivals import MemoryPath, Pipe


def make(
    latency: float = 1.0, bandwidth: float | None = None, capacity: int = 100, short_reads: float = 0.0
) -> tuple[MemoryPath, Pipe]:
    """Make a path with one pipe."""
    path = MemoryPath(lambda: latency, bandwidth, "a/b")
    return path, path.open_pipe(lambda: None, capacity, short_reads, 0)


def test_data_arrives_after_the_latency() -> None:
    """Nothing can be taken before its time."""
    _, pipe = make(latency=1.0)
    pipe.push(b"abc", 0.0)
    assert pipe.next_due == 1.0
    assert pipe.take(10, 0.5) is None
    assert pipe.take(10, 1.0) == b"abc"


def test_a_read_takes_all_that_has_arrived_up_to_its_limit() -> None:
    """Pieces are joined, and cut at the limit."""
    _, pipe = make()
    for piece in (b"ab", b"cd", b"ef"):
        pipe.push(piece, 0.0)
    assert [pipe.take(3, 1.0), pipe.take(9, 1.0), pipe.take(9, 1.0)] == [b"abc", b"def", None]


def test_the_end_comes_after_the_data() -> None:
    """Data is taken first; the end stays."""
    _, pipe = make()
    pipe.push(b"ab", 0.0)
    pipe.finish(0.5)
    assert pipe.end_due == 1.5
    assert [pipe.take(9, at) for at in (1.0, 1.0, 1.5, 9.0)] == [b"ab", None, b"", b""]


def test_bandwidth_is_shared_by_the_pipes_of_a_path() -> None:
    """Bytes of all streams leave one after the other."""
    path, one = make(latency=1.0, bandwidth=10.0)
    two = path.open_pipe(lambda: None, 100, 0.0, 0)
    one.push(bytes(20), 0.0)
    two.push(bytes(10), 0.0)
    assert (one.next_due, two.next_due) == (3.0, 4.0)


def test_a_varying_latency_does_not_reorder() -> None:
    """A piece never arrives before the one that was sent before it."""
    delays = iter([5.0, 1.0])
    pipe = MemoryPath(lambda: next(delays), None, "a/b").open_pipe(lambda: None, 100, 0.0, 0)
    pipe.push(b"a", 0.0)
    pipe.push(b"b", 0.0)
    assert pipe.take(9, 4.9) is None
    assert pipe.take(9, 5.0) == b"ab"


@pytest.mark.parametrize(
    ("held", "size", "room"), [(0, 10, 10), (0, 900, 100), (60, 10, 10), (60, 90, 0), (95, 10, 0)]
)
def test_room_is_not_given_in_crumbs(held: int, size: int, room: int) -> None:
    """A sender gets room for all it has, or for at least half a buffer."""
    _, pipe = make(capacity=100)
    if held:
        pipe.push(bytes(held), 0.0)
    assert pipe.room_for(size) == room


def test_a_blocked_path_keeps_what_has_arrived_and_holds_the_rest() -> None:
    """A piece that had arrived can be taken; the other one leaves when the path opens."""
    path, pipe = make(latency=1.0)
    pipe.push(b"a", 0.0)
    pipe.push(b"b", 0.9)
    path.block(1.0)
    pipe.push(b"c", 1.1)
    pipe.finish(1.2)
    assert [pipe.take(9, 2.0), pipe.take(9, 99.0)] == [b"a", None]
    assert (pipe.next_due, pipe.end_due) == (inf, inf)
    path.unblock(100.0)
    assert [pipe.take(9, 100.5), pipe.take(9, 101.0), pipe.take(9, 101.0)] == [None, b"bc", b""]


def test_bytes_that_nobody_reads_still_fill_the_buffer() -> None:
    """The sender's room does not show that the receiver has closed."""
    _, pipe = make(capacity=10)
    pipe.push(bytes(4), 0.0)
    pipe.discard()
    pipe.push(bytes(6), 0.0)
    assert pipe.room_for(1) == 0


@given(
    sizes=st.lists(st.integers(1, 30), max_size=8), killed_at=st.floats(0.0, 10.0), seed=st.integers(0, 99)
)
def test_a_killed_sender_leaves_a_prefix(sizes: list[int], killed_at: float, seed: int) -> None:
    """What had arrived stays; what was on its way is cut off somewhere; then the end comes."""
    pipe = MemoryPath(lambda: 1.0, None, "a/b").open_pipe(lambda: None, 1000, 0.0, seed)
    sent, arrived = b"", 0
    for moment, size in enumerate(sizes):
        if moment <= killed_at:
            pipe.push(bytes([moment]) * size, float(moment))
            sent += bytes([moment]) * size
            arrived += size if moment + 1.0 <= killed_at else 0
    pipe.abort(killed_at)
    got = b""
    while data := pipe.take(7, 100.0):
        got += data
    assert data == b""
    assert sent.startswith(got)
    assert len(got) >= arrived
    assert pipe.room_for(1000) == 1000


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=40), max_size=10),
    limits=st.lists(st.integers(1, 50), min_size=1, max_size=5),
    seed=st.integers(0, 99),
)
def test_short_reads_lose_nothing(pieces: list[bytes], limits: list[int], seed: int) -> None:
    """However reads are cut, all bytes arrive; the same seed cuts in the same way."""

    def read_all() -> list[bytes]:
        pipe = MemoryPath(lambda: 1.0, None, "a/b").open_pipe(lambda: None, 1000, 0.7, seed)
        for piece in pieces:
            pipe.push(piece, 0.0)
        pipe.finish(0.0)
        got: list[bytes] = []
        while data := pipe.take(limits[len(got) % len(limits)], 1.0):
            got.append(data)
        return got

    reads = read_all()
    assert b"".join(reads) == b"".join(pieces)
    assert all(len(data) <= limits[i % len(limits)] for i, data in enumerate(reads))
    assert read_all() == reads
