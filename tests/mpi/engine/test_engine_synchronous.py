"""A synchronous send ends, however slowly its message leaves and whatever breaks meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from engine_lane import BODY, HandLane

from mpi_actors.mpi.engine.frames import DATA, HEADER, MATCHED, SYNC

FRAME = HEADER.pack(DATA, 0, SYNC, 7, 4, 0, len(BODY)) + BODY
HALF = len(FRAME) - 10


@pytest.fixture
def lane() -> Iterator[HandLane]:
    """Rank 1."""
    lane = HandLane()
    yield lane
    lane.close()


@pytest.mark.parametrize("posted", ["before", "between", "after"])
def test_the_answer_comes_when_the_whole_message_is_there(lane: HandLane, posted: str) -> None:
    """A sender that is still writing would not expect it, and wait for ever."""
    receive = lane.receive() if posted == "before" else None
    lane.write(FRAME[:HALF])
    if posted == "between":
        receive = lane.receive()
    assert MATCHED not in lane.heard()
    lane.write(FRAME[HALF:])
    receive = receive or lane.receive()
    assert lane.heard() == [MATCHED]
    assert receive.payload == BODY


def test_the_answer_comes_after_a_lane_broke_in_the_middle(lane: HandLane) -> None:
    """What was matched before the lane broke is answered when it has come again."""
    receive = lane.receive()
    lane.write(FRAME[:HALF])
    lane.sock.close()
    lane.connect()
    lane.write(FRAME[:HALF])
    lane.write(FRAME[HALF:])
    assert lane.heard()[-1] == MATCHED
    assert receive.payload == BODY


def test_the_answer_comes_for_a_message_that_comes_twice(lane: HandLane) -> None:
    """Its sender has not heard the first answer."""
    lane.receive()
    lane.write(FRAME)
    lane.sock.close()
    lane.connect()
    lane.heard()
    lane.write(FRAME[:HALF])
    lane.write(FRAME[HALF:])
    assert lane.heard() == [MATCHED]
