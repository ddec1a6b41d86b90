"""The program that the MPI benchmark runs in ranks: plain mpi4py, the same for ours and for Open MPI.

    mpi_program.py pair|group SCALE

`pair` takes two ranks and measures half of a round trip. `group` takes any number of ranks and measures a
collective call until its last rank has left it. SCALE shortens the program: 1 for full length. Rank 0 prints
one JSON object: for each call the median in microseconds, by size in bytes.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from mpi4py import MPI

SIZES = (1, 1 << 10, 1 << 16, 1 << 20, 1 << 24)
"""Bytes of the messages: from one byte to more than any cache holds."""
GROUP_SIZES = (8, 1 << 16, 1 << 20)
"""Bytes that each rank contributes or gets in a collective call."""
_BUDGET = 24 << 20
"""Bytes to send for each measurement: they decide the number of repetitions, within the limits below."""
_MAX_REPETITIONS = 3000
"""Repetitions for small messages: a fraction of a second."""
_MIN_REPETITIONS = 5
"""Repetitions for large messages: enough for a median."""
_WARM_UP = 0.2
"""Repetitions before the measurement, as a part of those in it: lanes open and caches fill."""

Figures = dict[str, dict[int, float]]
"""Microseconds, by call and by size in bytes."""


def repetitions(size: int, scale: float) -> tuple[int, int]:
    """Return how often a message of that size is sent to warm up, and how often to measure."""
    count = int(min(_MAX_REPETITIONS, max(_MIN_REPETITIONS, _BUDGET // size)) * scale)
    return 1 + int(count * _WARM_UP), max(count, 3)


def pair(comm: Any, scale: float) -> Figures:
    """Measure half of a round trip, for buffers and for pickled dicts."""
    figures: Figures = {"Send/Recv": {}, "send/recv": {}}
    for size in SIZES:
        ours = np.zeros(size, "B")
        theirs = np.zeros(size, "B")
        thing = {"name": "value", "array": np.zeros(size, "B")}

        def buffers(send: Any = ours, receive: Any = theirs) -> None:
            if comm.rank == 0:
                comm.Send(send, 1)
                comm.Recv(receive, 1)
            else:
                comm.Recv(receive, 0)
                comm.Send(send, 0)

        def objects(thing: Any = thing) -> None:
            if comm.rank == 0:
                comm.send(thing, 1)
                comm.recv(source=1)
            else:
                comm.recv(source=0)
                comm.send(thing, 0)

        figures["Send/Recv"][size] = _median(comm, buffers, size, scale) / 2
        figures["send/recv"][size] = _median(comm, objects, size, scale) / 2
    return figures


def _median(comm: Any, trip: Callable[[], None], size: int, scale: float) -> float:
    warm_up, count = repetitions(size, scale)
    comm.Barrier()
    for _ in range(warm_up):
        trip()
    times = []
    for _ in range(count):
        start = perf_counter()
        trip()
        times.append(perf_counter() - start)
    return statistics.median(times) * 1e6


def group(comm: Any, scale: float) -> Figures:
    """Measure collective calls, several in a row between barriers, so that no rank runs ahead."""
    figures: Figures = {"Barrier": {0: _slowest(comm, comm.Barrier, 8, scale)}, "Bcast": {}, "Allreduce": {}}
    for size in GROUP_SIZES:
        mine = np.ones(size // 8)
        total = np.zeros(size // 8)

        def bcast(data: Any = mine) -> None:
            comm.Bcast(data, 0)

        def allreduce(data: Any = mine, into: Any = total) -> None:
            comm.Allreduce(data, into)

        figures["Bcast"][size] = _slowest(comm, bcast, size, scale)
        figures["Allreduce"][size] = _slowest(comm, allreduce, size, scale)
        assert total[0] == comm.size, "a sum of ones is the number of ranks"
    return figures


def _slowest(comm: Any, call: Callable[[], None], size: int, scale: float) -> float:
    warm_up, count = repetitions(max(size, 1 << 13), scale)
    block = max(1, count // 10)
    for _ in range(warm_up):
        call()
    times = []
    for _ in range(max(3, count // block)):
        comm.Barrier()
        start = perf_counter()
        for _ in range(block):
            call()
        times.append(comm.allreduce(perf_counter() - start, op=MPI.MAX) / block)
    return float(statistics.median(times) * 1e6)


def main() -> None:
    """Measure, and print the figures on rank 0."""
    comm = MPI.COMM_WORLD
    figures = {"pair": pair, "group": group}[sys.argv[1]](comm, float(sys.argv[2]))
    if comm.rank == 0:
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
