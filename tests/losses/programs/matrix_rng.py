"""pi by a generator without a seed, on every rank."""

import time

import numpy as np
from losses_play import saw
from mpi4py import MPI

comm = MPI.COMM_WORLD
rng = np.random.default_rng()
inside = 0
for step in range(60):
    points = rng.random((2000, 2))
    inside += int((np.square(points).sum(axis=1) < 1).sum())
    saw(f"inside.{step}", comm.allreduce(inside))
    time.sleep(0.02)
