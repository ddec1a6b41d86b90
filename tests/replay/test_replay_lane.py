"""Two lanes and a path between them that breaks: what one side sends, the other delivers once, in order."""

from __future__ import annotations

from collections import deque

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpi_actors.config import LaneLimits
from mpi_actors.errors import ReplayDivergence
from mpi_actors.ids import COORDINATOR, JobId
from mpi_actors.replay.lane import Lane
from mpi_actors.replay.log import SendLog
from mpi_actors.replay.sequence import digest
from mpi_actors.wire.frame import Frame, FrameKind

JOB = JobId("00" * 8)
LIMITS = LaneLimits(message=1000, window=100, log_memory=200)


class Side:
    """One rank with one lane, which can die and start again from the beginning of its script."""

    def __init__(self, here: int, there: int) -> None:
        self.here, self.there = here, there
        self.incarnation = -1
        self.log = SendLog(LIMITS)
        self.script: list[bytes] = []
        self.restart()

    def restart(self) -> None:
        self.incarnation += 1
        self.log.close()
        self.log = SendLog(LIMITS)
        self.lane = Lane(JOB, self.here, self.incarnation, self.there, self.log, LIMITS)
        self.got: list[bytes] = []
        self.position = 0

    def send_next(self) -> None:
        if self.position < len(self.script):
            self.lane.send(self.script[self.position])
            self.position += 1

    def take(self) -> None:
        if (payload := self.lane.take()) is not None:
            self.got.append(payload)


class Pair:
    """Two sides and the frames under way between them."""

    def __init__(self) -> None:
        self.sides = (Side(0, 1), Side(1, 0))
        self.wires: tuple[deque[Frame], deque[Frame]] = (deque(), deque())
        self.connect()

    def __enter__(self) -> Pair:
        return self

    def __exit__(self, *exc: object) -> None:
        for side in self.sides:
            side.log.close()

    def connect(self) -> None:
        for wire in self.wires:
            wire.clear()
        for side, other in (self.sides, self.sides[::-1]):
            side.lane.connect(other.incarnation)

    def transmit(self, who: int, most: int) -> bool:
        frame = self.sides[who].lane.next_frame(most)
        if frame is not None:
            self.wires[who].append(frame)
        return frame is not None

    def arrive(self, who: int) -> bool:
        if not self.wires[who]:
            return False
        frame = self.wires[who].popleft()
        self.sides[1 - who].lane.receive(attrs.evolve(frame, payload=bytes(frame.payload)))
        return True

    def settle(self) -> None:
        for side in self.sides:
            while side.position < len(side.script):
                side.send_next()
        busy = True
        while busy:
            busy = False
            for who in (0, 1):
                busy |= self.transmit(who, 40)
                busy |= self.arrive(who)
                before = len(self.sides[who].got)
                self.sides[who].take()
                busy |= len(self.sides[who].got) > before


payloads = st.binary(max_size=8).map(lambda seed: seed * 40) | st.binary(max_size=30)
Step = tuple[str, int, int]
"""What to do, at which side, and the most bytes of a frame."""

steps = st.lists(
    st.tuples(
        st.sampled_from(["send", "take", "transmit", "arrive", "arrive", "break", "crash"]),
        st.integers(0, 1),
        st.integers(1, 400),
    ),
    max_size=80,
)


@given(st.lists(payloads, max_size=12), st.lists(payloads, max_size=12), steps)
@settings(deadline=None)
def test_each_message_once_and_in_order_whatever_breaks(
    a: list[bytes], b: list[bytes], plan: list[Step]
) -> None:
    """After any breaks of the path and restarts of either side, each has exactly what the other sent."""
    with Pair() as pair:
        pair.sides[0].script, pair.sides[1].script = a, b
        for step, who, most in plan:
            if step == "send":
                pair.sides[who].send_next()
            elif step == "take":
                pair.sides[who].take()
            elif step == "transmit":
                pair.transmit(who, most)
            elif step == "arrive":
                pair.arrive(who)
            elif step == "break":
                pair.connect()
            else:
                pair.sides[who].restart()
                pair.connect()
        pair.settle()
        assert pair.sides[1].got == a
        assert pair.sides[0].got == b


@given(st.lists(payloads, max_size=12), steps)
@settings(deadline=None)
def test_dropped_frames_are_asked_for_again(a: list[bytes], plan: list[Step]) -> None:
    """A frame lost on a path that lives on (a changed route) shows as a gap, and is sent again."""
    with Pair() as pair:
        pair.sides[0].script = [*a, b"last"]
        pair.settle()
        pair.sides[0].script += a
        for step, _, most in plan:
            if step == "send":
                pair.sides[0].send_next()
            elif step == "transmit":
                pair.transmit(0, most)
            elif step == "break" and pair.wires[0]:
                pair.wires[0].popleft()
            elif step == "arrive":
                pair.arrive(0)
        pair.sides[0].script.append(b"news after the gap")
        pair.settle()
        # a loss at the very end shows only when the path is renewed
        pair.connect()
        pair.settle()
        assert pair.sides[1].got == [*a, b"last", *a, b"news after the gap"]


def test_another_message_than_before_is_a_divergence() -> None:
    """The error of a new incarnation that sends something else names the rank and the message."""
    with Pair() as pair:
        pair.sides[0].script = [b"one", b"two"]
        pair.settle()
        pair.sides[0].restart()
        pair.sides[0].script = [b"one", b"TWO"]
        pair.connect()
        with pytest.raises(ReplayDivergence, match=r"rank 0 .* message number 1"):
            pair.settle()


def test_a_digest_that_was_lost_is_sent_again() -> None:
    """A new path does not leave messages uncompared: the receiver says up to where it has compared."""
    with Pair() as pair:
        pair.sides[0].script = [b"one", b"two", b"three"]
        pair.settle()
        pair.sides[0].restart()
        pair.sides[0].script = [b"one", b"TWO", b"three", b"four"]
        pair.connect()
        for _ in range(3):
            pair.sides[0].send_next()
        while pair.sides[0].lane.outgoing.unsent:
            pair.transmit(1, 100)
            pair.arrive(1)
            pair.transmit(0, 100)
        pair.wires[0].clear()
        pair.connect()
        with pytest.raises(ReplayDivergence, match=r"rank 0 .* message number 1"):
            pair.settle()


def test_nothing_new_is_taken_before_the_old_is_compared() -> None:
    """A message behind a lost digest is a gap, and the sender goes back."""
    lane = Lane(JOB, 1, 0, 0, SendLog(LIMITS), LIMITS)
    lane.connect(0)
    assert lane.next_frame() is not None
    for seq in range(2):
        assert lane.receive(Frame(FrameKind.DATA, JOB, 0, 1, 0, 0, seq, total=1, payload=b"a"))
    lane.connect(1)
    resume = lane.next_frame()
    assert resume is not None
    assert resume.payload == bytes(8)
    assert lane.receive(Frame(FrameKind.DIGEST, JOB, 0, 1, 1, 0, 0, payload=digest(b"a")))
    assert not lane.receive(Frame(FrameKind.DATA, JOB, 0, 1, 1, 0, 2, total=1, payload=b"b"))
    again = lane.next_frame()
    assert again is not None
    assert (again.kind, again.seq, again.payload) == (FrameKind.RESUME, 2, b"\1" + bytes(7))


def test_a_report_goes_with_its_beginning() -> None:
    """So that both can be shown; the coordinator says what to do about it, and goes on."""
    others: list[tuple[int, int, int, bytes]] = []
    home = Lane(
        JOB, COORDINATOR, 0, 0, SendLog(LIMITS),
        beginning=3, on_other=lambda *other: others.append(other),
    )  # fmt: skip
    lives = [[b"one", b"two", b"three"], [b"one", b"other", b"three", b"more"]]
    for incarnation, texts in enumerate(lives):
        rank = Lane(JOB, 0, incarnation, COORDINATOR, SendLog(LIMITS), LIMITS, beginning=3)
        for text in texts:
            rank.send(text)
        rank.connect(0)
        home.connect(incarnation)
        assert home.incoming.confirmed == 0
        while True:
            frames = [(rank.next_frame(), home), (home.next_frame(), rank)]
            moving = [(frame, to) for frame, to in frames if frame is not None]
            for frame, to in moving:
                to.receive(frame)
            if not moving:
                break
    assert others == [(0, 1, 1, b"oth")]
    assert home.incoming.confirmed == home.incoming.expected == 4
    assert [home.incoming.waiting(seq) for seq in range(5)] == [b"one", b"two", b"three", b"more", None]


def test_fewer_messages_than_before_are_counted() -> None:
    """The messages that a new incarnation did not send again are counted."""
    with Pair() as pair:
        pair.sides[0].script = [b"one", b"two"]
        pair.settle()
        pair.sides[0].restart()
        pair.sides[0].script = [b"one"]
        pair.connect()
        pair.settle()
        assert pair.sides[0].lane.outgoing.missing == 1


def test_a_receiver_that_takes_nothing_stops_the_sender() -> None:
    """No more than the window is under way when the receiving program takes no messages."""
    with Pair() as pair:
        pair.sides[0].script = [b"x" * 20] * 50
        for _ in range(50):
            pair.sides[0].send_next()
        while any([pair.transmit(0, 40), pair.arrive(0), pair.transmit(1, 40), pair.arrive(1)]):
            pass
        lane = pair.sides[1].lane
        assert 0 < lane.incoming.queued * (20 + 64) <= LIMITS.window + 20 + 64


def test_a_spilled_log_sends_the_same_again() -> None:
    """Messages beyond the memory limit come back from the spill file unchanged."""
    with Pair() as pair:
        pair.sides[0].script = [bytes([i]) * 150 for i in range(10)]
        pair.settle()
        assert pair.sides[0].log.memory <= LIMITS.log_memory < pair.sides[0].log.total
        pair.sides[1].restart()
        pair.connect()
        pair.settle()
        assert pair.sides[1].got == pair.sides[0].script
