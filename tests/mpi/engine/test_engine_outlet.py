"""Messages leave in the order of their numbers, whenever a lane breaks."""

from __future__ import annotations

import socket

from mpi_actors.mpi.engine.engine import Engine
from mpi_actors.mpi.engine.frames import DATA, HEADER, HEADER_SIZE, HELLO, WITH_PAYLOAD, hello_frame

JOB = "00c0ffee00c0ffee"


def frames(sock: socket.socket) -> list[tuple[int, int]]:
    """Kind and number of the frames that have come."""
    data, found = sock.recv(65536), []
    while data:
        kind, *_, seq, length = HEADER.unpack_from(data)
        found.append((kind, seq))
        data = data[HEADER_SIZE + (length if kind in WITH_PAYLOAD else 0) :]
    return found


def test_nothing_leaves_before_the_greeting_of_a_lane_that_follows_a_broken_one() -> None:
    """The lane breaks just as the messages that have waited leave: they and all later ones wait again."""
    engine = Engine(0, 2, job=JOB)
    hello = hello_frame(bytes.fromhex(JOB), 1, 0, 0, ())
    engine.isend(1, 4, 0, b"first")
    for breaks in (True, False):
        ours, theirs = socket.socketpair()
        with engine.lock:
            engine.partners[1].connect(theirs, 0, False)
        ours.sendall(hello)
        if breaks:
            ours.shutdown(socket.SHUT_RD)
            with engine.lock:
                engine.move()
            ours.close()
            assert engine.partners[1].stream is None
        else:
            engine.isend(1, 4, 0, b"second")
            assert frames(ours) == [(HELLO, 0)]
            with engine.lock:
                engine.move()
            assert frames(ours) == [(DATA, 0), (DATA, 1)]
            ours.close()
    engine.close()
