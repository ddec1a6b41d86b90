"""What comes again under a number is compared, in whatever state the message is: a difference is an error."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from engine_lane import BODY, HandLane

from mpi_actors.errors import LaneBroken, ReplayDivergence
from mpi_actors.mpi.engine.frames import (
    AHEAD,
    ANNOUNCE,
    DATA,
    DIGEST,
    HEADER,
    MARK,
    MATCHED,
    PULL,
    SYNC,
)
from mpi_actors.mpi.engine.frames import BODY as BODY_FRAME
from mpi_actors.mpi.engine.marks import Marked
from mpi_actors.mpi.engine.transfer import Receive

SAME = Marked(0, 0, 7, 4, len(BODY))
SYNCHRONOUS = SAME._replace(flags=SYNC)
OTHER = {
    "tag": SAME._replace(tag=8),
    "context": SAME._replace(context=6),
    "note": SAME._replace(note=3),
    "shorter": SAME._replace(size=len(BODY) - 1),
    "longer": SAME._replace(size=len(BODY) + 1),
    "nothing": SAME._replace(size=0),
    "synchronous": SYNCHRONOUS,
}
WORDS = {
    "tag": "its tag is 8 instead of 7",
    "context": "of another communicator",
    "note": "instead of no collective operation",
    "shorter": "it has 28 bytes instead of 29",
    "longer": "it has 30 bytes instead of 29",
    "nothing": "it has 0 bytes instead of 29",
    "synchronous": "its send is synchronous now",
}


def body_of(marked: Marked) -> bytes:
    """The payload of a message: the beginning of one text."""
    return (BODY + b"!")[: marked.size]


def header(kind: int, marked: Marked, seq: int = 0, flags: int = 0) -> bytes:
    """The header of a frame of a message."""
    return HEADER.pack(kind, marked.note, marked.flags | flags, marked.tag, marked.context, seq, marked.size)


def data(marked: Marked, seq: int = 0, flags: int = 0) -> bytes:
    """A whole message."""
    return header(DATA, marked, seq, flags) + body_of(marked)


def body(marked: Marked, payload: bytes = b"") -> bytes:
    """The body of a message that was announced."""
    return header(BODY_FRAME, marked) + (payload or body_of(marked))


def digest(marked: Marked, payload: bytes | None = None) -> bytes:
    """The digest of message 0."""
    payload = body_of(marked) if payload is None else payload
    head = HEADER.pack(DIGEST, marked.note, marked.flags, marked.tag, marked.context, 0, MARK.size)
    return head + MARK.pack(marked.mark(0, payload), marked.size)


@pytest.fixture
def lane() -> Iterator[HandLane]:
    """Rank 1, by hand."""
    lane = HandLane()
    yield lane
    lane.close()


def reach(lane: HandLane, state: str, marked: Marked = SAME) -> None:
    """Bring message 0 of the first life into a state, and begin the second life."""
    whole = data(marked)
    receive = lane.receive() if state not in ("announced", "complete") else None
    if state == "complete":
        lane.write(whole)
    elif state == "partly read":
        lane.write(whole[:-10])
    else:
        lane.write(header(ANNOUNCE, marked))
    if state == "body partly read":
        lane.write(body(marked)[:-10])
    if state == "put back":
        assert isinstance(receive, Receive)
        with lane.engine.lock:
            lane.engine._abandon(receive)
    lane.sock.close()
    lane.connect(incarnation=1)


ACCEPTED = ["announced", "pulled", "body partly read", "put back", "complete"]


@pytest.mark.parametrize("state", ACCEPTED)
@pytest.mark.parametrize("other", OTHER)
def test_another_envelope_in_a_digest(lane: HandLane, state: str, other: str) -> None:
    """The error says what is different, where the envelope is still known."""
    reach(lane, state)
    words = "" if state == "complete" else f": .*{WORDS[other]}"
    with pytest.raises(ReplayDivergence, match=rf"rank 1 .*number 0 to rank 0.* before{words}.* look for"):
        lane.write(digest(OTHER[other]))


@pytest.mark.parametrize("state", ["partly read", "complete"])
@pytest.mark.parametrize("other", OTHER)
@pytest.mark.parametrize("parts", [False, True], ids=["at once", "in parts"])
def test_another_envelope_in_a_message(lane: HandLane, state: str, other: str, parts: bool) -> None:
    """A message of which only a part was here comes again as a whole."""
    reach(lane, state)
    frame = data(OTHER[other])
    with pytest.raises(ReplayDivergence, match="number 0 to rank 0"):
        lane.write(*((frame[:33], frame[33:]) if parts else (frame,)))


@pytest.mark.parametrize("state", ["partly read", "announced", "pulled", "put back"])
@pytest.mark.parametrize("other", OTHER)
def test_another_envelope_in_an_announcement(lane: HandLane, state: str, other: str) -> None:
    """Also where the first life sent the message unasked."""
    reach(lane, state)
    with pytest.raises(ReplayDivergence, match=WORDS[other]):
        lane.write(header(ANNOUNCE, OTHER[other]))


@pytest.mark.parametrize("other", OTHER)
def test_another_envelope_in_a_body(lane: HandLane, other: str) -> None:
    """The body names its whole envelope, too."""
    reach(lane, "pulled")
    with pytest.raises(ReplayDivergence, match=WORDS[other]):
        lane.write(body(OTHER[other]))


def test_a_send_that_was_synchronous(lane: HandLane) -> None:
    """The mode of the send belongs to the message."""
    reach(lane, "announced", SYNCHRONOUS)
    with pytest.raises(ReplayDivergence, match="its send is not synchronous now"):
        lane.write(digest(SAME))


@pytest.mark.parametrize("state", ["announced", "pulled", "body partly read", "put back"])
@pytest.mark.parametrize("parts", [False, True], ids=["at once", "in parts"])
def test_another_body_than_the_digest_said(lane: HandLane, state: str, parts: bool) -> None:
    """The digest is remembered until the body comes, whether a receive wants it yet or not."""
    reach(lane, state)
    lane.write(digest(SAME))
    lane.receive()
    frame = body(SAME, BODY.upper())
    with pytest.raises(ReplayDivergence, match="number 0 to rank 0"):
        lane.write(*((frame[:-7], frame[-7:]) if parts else (frame,)))


def test_another_digest_than_the_body_had(lane: HandLane) -> None:
    """The order of the two does not matter."""
    reach(lane, "pulled")
    lane.write(body(SAME))
    with pytest.raises(ReplayDivergence, match="number 0 to rank 0"):
        lane.write(digest(SAME, BODY.upper()))


def test_two_digests_of_one_announcement(lane: HandLane) -> None:
    """A third life is compared with the second one, although no body has come."""
    reach(lane, "announced")
    lane.write(digest(SAME))
    lane.sock.close()
    lane.connect(incarnation=2)
    with pytest.raises(ReplayDivergence, match="incarnation 2"):
        lane.write(digest(SAME, BODY.upper()))


def test_memory_that_changes_during_a_send_is_named(lane: HandLane) -> None:
    """The sender was not started again: its program has changed what it sends."""
    lane.receive()
    lane.write(header(ANNOUNCE, SAME))
    lane.sock.close()
    lane.connect()
    with pytest.raises(ReplayDivergence, match="changed the memory of a send"):
        lane.write(digest(OTHER["longer"]))


# --- what is no difference --------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["announced", "pulled", "body partly read", "put back"])
@pytest.mark.parametrize("marked", [SAME, SYNCHRONOUS], ids=["standard", "synchronous"])
@pytest.mark.parametrize("announced", [False, True], ids=["digest", "announcement"])
def test_the_same_again_is_received(lane: HandLane, state: str, marked: Marked, announced: bool) -> None:
    """A receive gets the message, once."""
    reach(lane, state, marked)
    lane.write(header(ANNOUNCE, marked) if announced else digest(marked))
    receive = lane.receive()
    assert PULL in lane.heard()
    lane.write(body(marked))
    lane.write(body(marked))  # it was pulled twice: by the greeting, and by what came then
    got = receive if receive.done else lane.receive()
    assert state in ("pulled", "body partly read") or got.payload == BODY
    assert not lane.engine.inlets[1].arrivals
    assert lane.engine.partners[1].stream is not None


@pytest.mark.parametrize("announced", [False, True], ids=["as a whole", "announced"])
@pytest.mark.parametrize("marked", [SAME, SYNCHRONOUS], ids=["standard", "synchronous"])
def test_what_was_partly_read_comes_again(lane: HandLane, announced: bool, marked: Marked) -> None:
    """The second life may announce what the first one sent unasked: that depends on the room."""
    memory = bytearray(len(BODY))
    receive = lane.receive(memoryview(memory))
    lane.write(data(marked)[:-10])
    lane.sock.close()
    lane.connect(incarnation=1)
    lane.heard()
    if announced:
        lane.write(header(ANNOUNCE, marked))
        assert lane.heard() == [PULL]
        lane.write(body(marked))
    else:
        lane.write(data(marked))
    assert receive.done
    assert memory == BODY
    if marked.flags:
        assert lane.heard() == [MATCHED]


def test_a_message_that_was_put_back_in_the_middle_can_be_announced(lane: HandLane) -> None:
    """Its sender has been told of a match: the body is pulled at once."""
    receive = lane.receive()
    assert isinstance(receive, Receive)
    lane.write(data(SAME)[:-10])
    with lane.engine.lock:
        lane.engine._abandon(receive)
    lane.sock.close()
    lane.connect(incarnation=1)
    lane.heard()
    lane.write(header(ANNOUNCE, SAME))
    assert lane.heard() == [PULL]
    again = lane.receive()
    lane.write(body(SAME))
    assert again.payload == BODY


# --- numbers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["at once", "in parts", "announced"])
def test_a_gap_that_nobody_explains_is_an_error(lane: HandLane, how: str) -> None:
    """Message 0 is lost."""
    frame = data(SAME, seq=1)
    pieces = {
        "at once": [frame],
        "in parts": [frame[:-5]],
        "announced": [header(ANNOUNCE, SAME, seq=1)],
    }[how]
    with pytest.raises(LaneBroken, match="rank 1 sent message number 1 to rank 0, but number 0 has not come"):
        lane.write(*pieces)


@pytest.mark.parametrize("how", ["at once", "in parts", "announced"])
def test_a_message_may_overtake_one_that_is_still_to_come(lane: HandLane, how: str) -> None:
    """That is what the flag says. The marks are those of the messages without it."""
    late, early = lane.receive(), lane.receive()
    frame = data(SAME, seq=1, flags=AHEAD)
    if how == "announced":
        lane.write(header(ANNOUNCE, SAME, seq=1, flags=AHEAD))
        lane.write(HEADER.pack(BODY_FRAME, *SAME[:4], 1, SAME.size) + BODY)
    else:
        lane.write(*((frame[:-5], frame[-5:]) if how == "in parts" else (frame,)))
    lane.write(data(SAME))
    assert (late.payload, early.payload) == (BODY, BODY)
    numbers = lane.engine.inlets[1].numbers
    assert numbers.expected == 2
    assert numbers.digests == SAME.mark(0, BODY) + SAME.mark(1, BODY)


def test_what_breaks_at_one_place_again_and_again_is_an_error(lane: HandLane) -> None:
    """A new lane is a remedy only as long as it helps."""
    wrong = HEADER.pack(77, 0, 0, 0, 0, 0, 0)
    for _ in range(2):
        lane.write(wrong)
        assert lane.engine.partners[1].stream is None
        lane.sock.close()
        lane.connect()
    with pytest.raises(
        LaneBroken, match=r"rank 1 .*to rank 0 broke 3 times before message number 0.* kind 77"
    ):
        lane.write(wrong)


def test_a_lane_that_gets_on_may_break_often(lane: HandLane) -> None:
    """Each message that comes is progress."""
    for seq in range(5):
        lane.write(data(SAME, seq))
        lane.write(HEADER.pack(77, 0, 0, 0, 0, 0, 0))
        lane.sock.close()
        lane.connect()
    assert lane.engine.partners[1].stream is not None
