"""A lane whose one end, rank 1, is played by hand; at the other end is the engine of rank 0."""

from __future__ import annotations

import socket

from engine_scenes import SceneEngine

from mpi_actors.mpi.engine import Transfer
from mpi_actors.mpi.engine.frames import HEADER, HEADER_SIZE, WITH_PAYLOAD, hello_frame

JOB = "00c0ffee00c0ffee"
BODY = b"a message that comes in parts"


class HandLane:
    """Rank 1, played by hand, and rank 0, an engine that raises where a real one would end its process.

    Args:
        replay: whether rank 0 logs and compares.
    """

    def __init__(self, *, replay: bool = True) -> None:
        self.engine = SceneEngine(0, 2, job=JOB, replay=replay)
        self.connect()

    def connect(self, expected: int = 0, incarnation: int = 0) -> None:
        """Make a new lane. `expected`: rank 1 says that it has all messages below this number."""
        self.sock, theirs = socket.socketpair()
        self.sock.setblocking(False)
        with self.engine.lock:
            self.engine.partners[1].on_incarnation_placed(incarnation)
            self.engine.partners[1].connect(theirs, incarnation, False)
        self.write(hello_frame(bytes.fromhex(JOB), 1, incarnation, expected, ()))

    def write(self, *pieces: bytes) -> None:
        """Send bytes; let rank 0 read each piece before the next one comes."""
        for piece in pieces:
            self.sock.sendall(piece)
            with self.engine.lock:
                while self.engine.move():
                    pass

    def heard(self) -> list[int]:
        """Return the kinds of the frames that have come."""
        data, kinds = self.sock.recv(65536), []
        while data:
            kind, *_, length = HEADER.unpack_from(data)
            kinds.append(kind)
            data = data[HEADER_SIZE + (length if kind in WITH_PAYLOAD else 0) :]
        return kinds

    def receive(self, memory: memoryview | None = None) -> Transfer:
        """Post a receive in rank 0."""
        return self.engine.irecv(1, 4, 7, memory)

    def close(self) -> None:
        """Give everything back."""
        self.sock.close()
        self.engine.close()
