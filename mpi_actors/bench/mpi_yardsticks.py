"""Messages between two Python processes without any MPI: a multiprocessing pipe, and a bare socket pair.

    python -m mpi_actors.bench.mpi_yardsticks pipe|spinning|sleeping SCALE

prints what `mpi_program.py pair` prints. The reader of the socket either sleeps in the kernel until bytes
come, or asks again and again (spinning), which only helps if each process has a processor.
"""

from __future__ import annotations

import functools
import json
import os
import socket
import statistics
import sys
from collections.abc import Callable
from multiprocessing import Pipe
from time import perf_counter
from typing import Any

SIZES = (1, 1 << 10, 1 << 16, 1 << 20, 1 << 24)
"""Bytes of the messages, as in `mpi_program`."""
_BUFFER = 1 << 20
"""Bytes of a socket's send buffer, as large as lanes ask for."""

Kinds = dict[str, Callable[[bool, int], Callable[[], object]]]
"""By call: makes what a process does in a round, from whether it is the first of the two, and the size."""


def measure(kinds: Kinds, scale: float) -> dict[str, dict[int, float]]:
    """Run one side here and the other in a child; return half of the median round trip, in microseconds."""
    child = os.fork()
    first = child != 0
    figures: dict[str, dict[int, float]] = {name: {} for name in kinds}
    try:
        for size in SIZES:
            count = max(3, int(min(3000, max(5, (24 << 20) // size)) * scale))
            for name, kind in kinds.items():
                trip = kind(first, size)
                times = []
                for _ in range(count + count // 5 + 1):
                    start = perf_counter()
                    trip()
                    times.append(perf_counter() - start)
                figures[name][size] = statistics.median(times[-count:]) * 1e6 / 2
    finally:
        if not first:
            os._exit(0)
    os.waitpid(child, 0)
    return figures


def pipe() -> Kinds:
    """Return the calls of `multiprocessing.Pipe`: bytes, and pickled dicts with an array."""
    import numpy as np

    ends = Pipe()

    def buffers(first: bool, size: int) -> Callable[[], object]:
        end, data = ends[not first], bytes(size)
        return _turns(first, functools.partial(end.send_bytes, data), end.recv_bytes)

    def objects(first: bool, size: int) -> Callable[[], object]:
        end, thing = ends[not first], {"name": "value", "array": np.zeros(size, "B")}
        return _turns(first, functools.partial(end.send, thing), end.recv)

    return {"Send/Recv": buffers, "send/recv": objects}


def bare_socket(spinning: bool) -> Kinds:
    """Return the call of a Unix socket pair whose reader knows the number of bytes."""
    ends = socket.socketpair()
    for end in ends:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER)
    flags = socket.MSG_DONTWAIT if spinning else 0

    def buffers(first: bool, size: int) -> Callable[[], object]:
        end, data, into = ends[not first], bytes(size), memoryview(bytearray(size))

        def receive() -> None:
            at = 0
            while at < size:
                try:
                    at += end.recv_into(into[at:], 0, flags)
                except BlockingIOError:
                    continue

        return _turns(first, functools.partial(end.sendall, data), receive)

    return {"Send/Recv": buffers}


def _turns(first: bool, send: Callable[[], Any], receive: Callable[[], Any]) -> Callable[[], object]:
    one, other = (send, receive) if first else (receive, send)

    def trip() -> None:
        one()
        other()

    return trip


def main() -> None:
    """Measure the yardstick that the command line names, and print the figures."""
    what, scale = sys.argv[1], float(sys.argv[2])
    kinds = pipe() if what == "pipe" else bare_socket(what == "spinning")
    print(json.dumps(measure(kinds, scale)))


if __name__ == "__main__":
    main()
