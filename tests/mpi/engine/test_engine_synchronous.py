"""A synchronous send ends, however slowly its message leaves and whatever breaks meanwhile."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from mpi_actors.mpi.engine import Transfer
from mpi_actors.mpi.engine.engine import Engine
from mpi_actors.mpi.engine.frames import (
    DATA,
    HEADER,
    HEADER_SIZE,
    MATCHED,
    SYNC,
    WITH_PAYLOAD,
    hello_frame,
)

JOB = "00c0ffee00c0ffee"
BODY = b"a message that comes in parts"


class Sender:
    """Rank 1, played by hand, and rank 0, an engine."""

    def __init__(self) -> None:
        self.engine = Engine(0, 2, job=JOB)
        self.connect()

    def connect(self, expected: int = 0) -> None:
        """A new lane."""
        self.sock, theirs = socket.socketpair()
        self.sock.setblocking(False)
        with self.engine.lock:
            self.engine.partners[1].connect(theirs, 0, False)
        self.write(hello_frame(bytes.fromhex(JOB), 1, 0, expected, ()))

    def write(self, data: bytes) -> None:
        """Send bytes."""
        self.sock.sendall(data)
        with self.engine.lock:
            while self.engine.move():
                pass

    def heard(self) -> list[int]:
        """The kinds of the frames that have come."""
        data, kinds = self.sock.recv(65536), []
        while data:
            kind, *_, length = HEADER.unpack_from(data)
            kinds.append(kind)
            data = data[HEADER_SIZE + (length if kind in WITH_PAYLOAD else 0) :]
        return kinds

    def receive(self) -> Transfer:
        """Rank 0 posts a receive."""
        return self.engine.irecv(1, 4, 7, None)

    def close(self) -> None:
        """Give everything back."""
        self.sock.close()
        self.engine.close()


FRAME = HEADER.pack(DATA, 0, SYNC, 7, 4, 0, len(BODY)) + BODY
HALF = len(FRAME) - 10


@pytest.fixture
def sender() -> Iterator[Sender]:
    """Rank 1."""
    sender = Sender()
    yield sender
    sender.close()


@pytest.mark.parametrize("posted", ["before", "between", "after"])
def test_the_answer_comes_when_the_whole_message_is_there(sender: Sender, posted: str) -> None:
    """A sender that is still writing would not expect it, and wait for ever."""
    receive = sender.receive() if posted == "before" else None
    sender.write(FRAME[:HALF])
    if posted == "between":
        receive = sender.receive()
    assert MATCHED not in sender.heard()
    sender.write(FRAME[HALF:])
    receive = receive or sender.receive()
    assert sender.heard() == [MATCHED]
    assert receive.payload == BODY


def test_the_answer_comes_after_a_lane_broke_in_the_middle(sender: Sender) -> None:
    """What was matched before the lane broke is answered when it has come again."""
    receive = sender.receive()
    sender.write(FRAME[:HALF])
    sender.sock.close()
    sender.connect()
    sender.write(FRAME[:HALF])
    sender.write(FRAME[HALF:])
    assert sender.heard()[-1] == MATCHED
    assert receive.payload == BODY


def test_the_answer_comes_for_a_message_that_comes_twice(sender: Sender) -> None:
    """Its sender has not heard the first answer."""
    sender.receive()
    sender.write(FRAME)
    sender.sock.close()
    sender.connect()
    sender.heard()
    sender.write(FRAME[:HALF])
    sender.write(FRAME[HALF:])
    assert sender.heard() == [MATCHED]
