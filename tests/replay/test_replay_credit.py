"""Flow control of a lane: nothing is sent without credit, and no credit is ever lost."""

from __future__ import annotations

from collections import deque

import pytest

from mpi_actors.config import LaneLimits
from mpi_actors.errors import BadFrame
from mpi_actors.ids import COORDINATOR, JobId
from mpi_actors.replay.endpoint import Endpoint
from mpi_actors.replay.lane import Lane
from mpi_actors.replay.log import SendLog
from mpi_actors.wire.frame import Frame, FrameKind

JOB = JobId("00" * 8)
LIMITS = LaneLimits(message=5000, window=1000, log_memory=100)


def lane(here: int, there: int, incarnation: int = 0, *, compare: bool = True) -> Lane:
    return Lane(JOB, here, incarnation, there, SendLog(LaneLimits(window=1000)), LIMITS, compare=compare)


def connect(a: Lane, b: Lane) -> None:
    a.connect(b.here_incarnation)
    b.connect(a.here_incarnation)


def pump(a: Lane, b: Lane) -> int:
    """Carry frames both ways until nothing moves; return how many messages `b` took."""
    taken, busy = 0, True
    while busy:
        busy = False
        for src, dst in ((a, b), (b, a)):
            while (frame := src.next_frame(500)) is not None:
                dst.receive(frame)
                busy = True
        while b.take() is not None:
            taken += 1
            busy = True
    return taken


def test_news_that_come_late_take_no_credit_back() -> None:
    """A RESUME that comes by a slower path, after newer ones, does not make the sender wait for ever."""
    sender, receiver = lane(0, 1), lane(1, 0)
    for _ in range(3):
        sender.send(bytes(400))
    connect(sender, receiver)
    late = receiver.next_frame()
    assert late is not None
    assert late.kind is FrameKind.RESUME
    connect(sender, receiver)  # a shorter path has opened
    assert pump(sender, receiver) == 3
    for _ in range(20):
        sender.send(bytes(400))
    assert pump(sender, receiver) == 20
    sender.receive(late)
    for _ in range(20):
        sender.send(bytes(400))
    assert pump(sender, receiver) == 20


@pytest.mark.parametrize(("first", "second"), [(10, 900), (900, 10)], ids=["longer", "shorter"])
def test_lines_of_another_length_than_before_do_not_stop_the_log(first: int, second: int) -> None:
    """An earlier incarnation may have reported longer or shorter lines; all new lines still arrive."""
    coordinator = lane(COORDINATOR, 0, compare=False)
    old = lane(0, COORDINATOR)
    for _ in range(50):
        old.send(bytes(first))
    connect(old, coordinator)
    assert pump(old, coordinator) == 50
    new = lane(0, COORDINATOR, 1)
    coordinator.connect(1)
    new.connect(0)
    for _ in range(120):
        new.send(bytes(second))
    assert pump(new, coordinator) == 70


def data(seq: int, total: int, offset: int = 0, size: int | None = None) -> Frame:
    payload = bytes(total - offset if size is None else size)
    return Frame(FrameKind.DATA, JOB, 0, 1, 0, 0, seq, offset, total, payload)


def test_what_is_sent_without_credit_is_refused() -> None:
    """A sender that does not wait for credit cannot fill the receiver's memory."""
    receiver = lane(1, 0)
    receiver.connect(0)
    with pytest.raises(BadFrame, match="without credit"):
        receiver.receive(data(0, 100))
    receiver.next_frame()
    with pytest.raises(BadFrame, match="without credit"):
        deque(map(receiver.receive, (data(seq, 100) for seq in range(100))))
    assert receiver.incoming.queued * (100 + 64) <= LIMITS.window + 164


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (data(0, 5001), "the limit is 5000"),
        (data(0, 100, offset=0, size=101), "101 bytes at 0"),
        (data(0, 100, offset=0, size=0), "0 bytes at 0"),
        (Frame(FrameKind.DIGEST, JOB, 0, 1, 0, 0, payload=b"short"), "a digest of 5 bytes"),
    ],
)
def test_frames_that_contradict_themselves_are_refused(frame: Frame, why: str) -> None:
    """The receiver raises BadFrame and keeps nothing of such a frame."""
    receiver = lane(1, 0)
    receiver.connect(0)
    receiver.next_frame()
    with pytest.raises(BadFrame, match=why):
        receiver.receive(frame)
    assert receiver.incoming.queued == 0


def test_a_message_that_changes_its_length_is_refused() -> None:
    """All pieces of a message must give the same length of the whole."""
    receiver = lane(1, 0)
    receiver.connect(0)
    receiver.next_frame()
    receiver.receive(data(0, 200, size=100))
    with pytest.raises(BadFrame, match="was 200 bytes long and is 300 now"):
        receiver.receive(data(0, 300, offset=100, size=100))


def test_a_closed_endpoint_sends_nothing_more() -> None:
    """A lane of a closed endpoint gives no frames, wherever the log had kept the messages."""
    endpoint = Endpoint(JOB, 0, 0, LIMITS)
    sent: deque[Lane] = deque(endpoint.send(1, bytes(90)) for _ in range(5))
    receiver = lane(1, 0)
    connect(sent[0], receiver)
    frame = receiver.next_frame()
    assert frame is not None
    endpoint.receive(frame)
    assert sent[0].ready
    endpoint.close()
    assert (sent[0].ready, sent[0].next_frame()) == (False, None)
