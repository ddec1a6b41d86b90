"""What most of these programs share: each rank draws a value in each step, and tells its neighbour.

Both print the value. So whoever reads the output sees whether a rank that was started again has drawn another
value than the one that its neighbour was told.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from mpi4py import MPI

STEPS = 25
"""Values of each rank."""
PAUSE = 0.03
"""Seconds between two steps: a loss shall fall between them, too."""

comm = MPI.COMM_WORLD
rank, size = comm.rank, comm.size


_saw = 0


def saw(key: object, value: object) -> None:
    """Print a line `saw KEY VALUE`: the same key has the same value wherever it is printed."""
    global _saw
    _saw += 1
    print(f"saw {key} {value}", flush=True)


def wrote() -> None:
    """Print how many such lines this life of the rank has printed: as many as anybody has seen of it."""
    print(f"wrote {_saw} lines", flush=True)


def play(draw: Callable[[int], object]) -> None:
    """Draw, send to the right, receive from the left, print both; and again."""
    left, right = (rank - 1) % size, (rank + 1) % size
    for step in range(STEPS):
        mine = str(draw(step)).replace(" ", "_")
        theirs = comm.sendrecv(mine, dest=right, sendtag=1, source=left, recvtag=1)
        saw(f"{rank}.{step}", mine)
        saw(f"{left}.{step}", theirs)
        time.sleep(PAUSE)
    comm.Barrier()
