"""A pipeline: stages pass pieces on as soon as Waitany has one of several."""

import sys
import time

from mpi4py import MPI

comm = MPI.COMM_WORLD
PIECES = int(sys.argv[1]) if len(sys.argv) > 1 else 120
LANES = 4

if comm.rank == 0:
    for piece in range(PIECES):
        comm.send(piece, 1, tag=piece % LANES)
        time.sleep(0.015)
elif comm.rank < comm.size - 1:
    left = [len(range(lane, PIECES, LANES)) for lane in range(LANES)]
    requests = [comm.irecv(source=comm.rank - 1, tag=lane) for lane in range(LANES)]
    for _ in range(PIECES):
        index, piece = MPI.Request.waitany(requests)
        comm.send(piece + 1, comm.rank + 1, tag=index)
        left[index] -= 1
        if left[index]:
            requests[index] = comm.irecv(source=comm.rank - 1, tag=index)
else:
    total = 0
    for number in range(PIECES):
        total += comm.recv(source=comm.rank - 1, tag=number % LANES)
        if number % 20 == 19:
            print(f"{number + 1} pieces: {total}", flush=True)
