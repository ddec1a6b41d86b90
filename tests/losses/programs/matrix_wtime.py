"""Ranks measure themselves by Wtime, and reduce that."""

import time

from losses_play import saw
from mpi4py import MPI

comm = MPI.COMM_WORLD
for step in range(50):
    begun = MPI.Wtime()
    time.sleep(0.02 + 0.01 * ((comm.rank + step) % 3))
    slowest = comm.allreduce(MPI.Wtime() - begun, op=MPI.MAX)
    total = comm.reduce(MPI.Wtime() - begun, op=MPI.SUM, root=step % comm.size)
    saw(f"slowest.{step}", slowest)
    if total is not None:
        saw(f"total.{step}", comm.bcast(total, root=step % comm.size))
    else:
        saw(f"total.{step}", comm.bcast(None, root=step % comm.size))
