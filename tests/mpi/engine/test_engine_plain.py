"""Ranks that are never run again keep nothing, and what a broken lane has lost is an error, never silent."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from engine_lane import BODY, HandLane
from engine_scenes import Scene
from hypothesis import given, settings
from hypothesis import strategies as st
from test_engine_replay import expected, fits, ops, program_of

from mpi_actors.errors import LaneBroken
from mpi_actors.mpi.engine import SYNCHRONOUS
from mpi_actors.mpi.engine.frames import (
    ANNOUNCE,
    DATA,
    DIGEST,
    HEADER,
    MARK,
    MATCHED,
    PULL,
    SYNC,
    control,
)
from mpi_actors.mpi.engine.outlet import EAGER


def kept(scene: Scene) -> tuple[int, int, int, int]:
    """What the ranks have: marks, log records, bytes in logs, and messages that wait."""
    outlets = [partner.outlet for engine in scene.engines for partner in engine.partners]
    return (
        sum(len(inlet.numbers.digests) for engine in scene.engines for inlet in engine.inlets),
        sum(len(outlet.records) for outlet in outlets),
        sum(engine.log.total for engine in scene.engines),
        sum(len(outlet.pending) for outlet in outlets),
    )


@settings(max_examples=40, deadline=None)
@given(data=st.data(), ranks=st.integers(2, 4), seed=st.integers(0, 2**32))
def test_everything_arrives_and_nothing_is_kept(data: st.DataObject, ranks: int, seed: int) -> None:
    """Small and large, synchronous and collective: as with replay."""
    script = fits(data.draw(ops(ranks)))
    scene = Scene([program_of(rank, ranks, script) for rank in range(ranks)], seed, replay=False)
    try:
        assert scene.finish() == [expected(rank, ranks, script) for rank in range(ranks)]
        assert kept(scene) == (0, 0, 0, 0)
    finally:
        scene.close()


@settings(max_examples=60, deadline=None)
@given(data=st.data(), ranks=st.integers(2, 3), seed=st.integers(0, 2**32))
def test_a_lane_that_breaks_loses_nothing_in_silence(data: st.DataObject, ranks: int, seed: int) -> None:
    """All arrives, or the error says that it cannot."""
    script = fits(data.draw(ops(ranks)))
    cuts = data.draw(st.lists(st.tuples(st.integers(1, 300), st.integers(0, ranks - 1)), max_size=3))
    scene = Scene([program_of(rank, ranks, script) for rank in range(ranks)], seed, replay=False)
    try:
        for steps, one in cuts:
            for _ in range(steps):
                scene.step()
            scene.cut(one, (one + 1) % ranks)
        results = scene.finish()
    except LaneBroken as error:
        assert "--no-replay" in str(error)  # noqa: PT017 - either end is right
    else:
        assert results == [expected(rank, ranks, script) for rank in range(ranks)]
        assert kept(scene) == (0, 0, 0, 0)
    finally:
        scene.close()


@pytest.fixture
def lane() -> Iterator[HandLane]:
    """Rank 1, by hand."""
    lane = HandLane(replay=False)
    yield lane
    lane.close()


def again(lane: HandLane, expected: int) -> None:
    """Break the lane, and make a new one."""
    lane.sock.close()
    lane.connect(expected)


@pytest.mark.parametrize("size", [10, 100_000], ids=["quick", "posted"])
def test_what_was_under_way_is_lost_by_name(lane: HandLane, size: int) -> None:
    """It has left, and rank 1 does not have it."""
    lane.engine.send(1, 4, 7, bytes(size))
    lane.engine.send(1, 4, 7, bytes(size))
    with pytest.raises(LaneBroken, match=r"from rank 0 to rank 1 .*message number 1 .*--no-replay"):
        again(lane, 1)


def test_what_has_arrived_is_not_missed(lane: HandLane) -> None:
    """Rank 1 says that it has both messages."""
    lane.engine.send(1, 4, 7, b"one")
    lane.engine.send(1, 4, 7, b"two")
    again(lane, 2)
    lane.heard()
    lane.engine.send(1, 4, 7, b"three")
    assert lane.heard() == [DATA]


def test_what_was_not_sent_yet_leaves_later(lane: HandLane) -> None:
    """Without a lane, messages wait; the program does not."""
    lane.sock.close()
    with lane.engine.lock:
        while lane.engine.move():
            pass
    memory = bytearray(b"before")
    lane.engine.send(1, 4, 7, memory)
    memory[:] = b"later!"
    lane.connect()
    data = lane.sock.recv(65536)
    assert data.endswith(b"before")
    assert lane.engine.log.total == 0


def test_a_body_that_got_lost_is_lost_by_name(lane: HandLane) -> None:
    """It was written, and rank 1 asks for it again."""
    transfer = lane.engine.isend(1, 4, 7, bytes(EAGER + 1))
    assert lane.heard()[-1] == ANNOUNCE
    lane.write(control(PULL, 0))
    while not transfer.done:
        lane.sock.recv(1 << 20)
        lane.write(b"")
    again(lane, 1)
    with pytest.raises(LaneBroken, match=r"message number 0 .*--no-replay"):
        lane.write(control(PULL, 0))


def test_a_synchronous_send_asks_again(lane: HandLane) -> None:
    """The answer was under way when the lane broke."""
    transfer = lane.engine.isend(1, 4, 7, BODY, SYNCHRONOUS)
    again(lane, 1)
    assert lane.heard()[-1] == DIGEST
    assert not transfer.done
    lane.write(control(MATCHED, 0))
    assert transfer.done


def test_a_synchronous_send_is_answered_again(lane: HandLane) -> None:
    """As the one before, from the other side."""
    lane.receive()
    lane.write(HEADER.pack(DATA, 0, SYNC, 7, 4, 0, len(BODY)) + BODY)
    again(lane, 0)
    lane.heard()
    lane.write(HEADER.pack(DIGEST, 0, SYNC, 7, 4, 0, MARK.size) + MARK.pack(bytes(16), len(BODY)))
    assert lane.heard() == [MATCHED]


def test_copies_that_wait_have_a_limit(lane: HandLane) -> None:
    """Beyond it, programs wait until their messages leave."""
    lane.engine.log.quickly = 100_000
    lane.sock.close()
    with lane.engine.lock:
        while lane.engine.move():
            pass
    first = lane.engine.isend(1, 4, 7, bytes(60_000))
    second = lane.engine.isend(1, 4, 7, bytes(60_000))
    assert (first.done, second.done) == (True, False)
    lane.connect()
    assert second.done
