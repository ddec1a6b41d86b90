"""Python's clocks, and MPI's."""

import time

from losses_play import play
from mpi4py import MPI

play(lambda _: [time.time(), time.monotonic_ns(), time.perf_counter(), time.process_time(), MPI.Wtime()])
