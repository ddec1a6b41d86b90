"""Pi as the integral of 4 / (1 + x^2) from 0 to 1, by the midpoint rule with the steps dealt to all ranks.

As the example `pi`, with mpi4py: rank 0 prints pi and its error. Arguments: [steps], default 1000000.
"""

import math
import sys

from mpi4py import MPI

comm = MPI.COMM_WORLD
steps = comm.bcast(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000, root=0)
width = 1.0 / steps


def height(step: int) -> float:
    x = (step + 0.5) * width
    return 4.0 / (1.0 + x * x)


part = width * math.fsum(height(step) for step in range(comm.rank, steps, comm.size))
pi = comm.reduce(part, op=MPI.SUM, root=0)
if comm.rank == 0:
    print(f"pi is {pi:.12f}, error {abs(pi - math.pi):.1e}")
