"""The program that `bench replay` runs in ranks, with and without replay.

    price_program.py pair SCALE     two ranks: one way, by size
    price_program.py any SCALE      three ranks: a receive from ANY_SOURCE next to a named one
    price_program.py work SCALE     a master deals tasks to whoever is free; how long a task takes

Rank 0 prints one JSON object, with microseconds by name. SCALE shortens the program: 1 for full length.
"""

from __future__ import annotations

import json
import statistics
import sys
from time import perf_counter
from typing import Any

import numpy as np
from mpi4py import MPI

SIZES = (1, 1 << 20, 1 << 24)
"""Bytes of the messages: one for the latency, and two sizes for the bandwidth."""
_REPETITIONS = {1: 4000, 1 << 20: 60, 1 << 24: 10}
"""Round trips for each size: a second or so in all."""
_TASKS = 1500
"""Tasks that the master deals: a second or so, most of it messages."""


def one_way(comm: Any, size: int, count: int, source: int) -> float:
    """Return half of a round trip in microseconds; rank 0 receives from `source`, which can be a wildcard."""
    data = np.zeros(size, "B")
    times = []
    for _ in range(count + count // 5):
        begun = perf_counter()
        if comm.rank == 0:
            comm.Send(data, 1)
            comm.Recv(data, source)
        else:
            comm.Recv(data, 0)
            comm.Send(data, 0)
        times.append(perf_counter() - begun)
    return statistics.median(times[count // 5 :]) * 1e6 / 2


def pair(comm: Any, scale: float) -> dict[str, float]:
    """Measure two ranks."""
    return {f"{size}": one_way(comm, size, max(3, int(_REPETITIONS[size] * scale)), 1) for size in SIZES}


def any_source(comm: Any, scale: float) -> dict[str, float]:
    """Measure two ranks of three: the third is there so that ANY_SOURCE leaves a choice."""
    figures = {}
    count = max(3, int(_REPETITIONS[1] * scale))
    for name, source in (("named", 1), ("any", MPI.ANY_SOURCE)):
        if comm.rank < 2:
            figures[name] = one_way(comm, 1, count, source)
    comm.Barrier()
    return figures


def work(comm: Any, scale: float) -> dict[str, float]:
    """Deal tasks of about fifty microseconds; return the microseconds per task."""
    tasks = max(20, int(_TASKS * scale))
    comm.Barrier()
    begun = perf_counter()
    if comm.rank == 0:
        status = MPI.Status()
        left, idle, done = tasks, list(range(1, comm.size)), 0
        while done < tasks:
            while idle and left:
                comm.send(left, idle.pop())
                left -= 1
            comm.recv(source=MPI.ANY_SOURCE, status=status)
            done += 1
            idle.append(status.Get_source())
        for worker in range(1, comm.size):
            comm.send(None, worker)
    else:
        while (task := comm.recv(source=0)) is not None:
            comm.send(sum(range(task % 7 + 2000)), 0)
    comm.Barrier()
    return {"task": (perf_counter() - begun) * 1e6 / tasks}


def main() -> None:
    """Measure, and print the figures on rank 0."""
    comm = MPI.COMM_WORLD
    figures = {"pair": pair, "any": any_source, "work": work}[sys.argv[1]](comm, float(sys.argv[2]))
    if comm.rank == 0:
        print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
