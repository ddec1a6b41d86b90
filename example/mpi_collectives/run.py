"""Collective operations only: numbers are mixed in rounds, and rank 0 prints a digest of all after each.

Every rank holds `size` numbers. In a round, buffers go through Bcast, Allreduce, Alltoall and Iallreduce;
objects through scan, exscan, scatter, allgather and gather. Arguments: [size] [rounds], default 1000 and 5.
"""

import hashlib
import sys
from array import array

from mpi4py import MPI

comm = MPI.COMM_WORLD
rank, n = comm.rank, comm.size
size = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 5

MODULUS = 2**31 - 1  # so that the sum over all ranks fits 64 bits


def zeros(count: int) -> array:
    return array("q", bytes(8 * count))


def digest(numbers: array) -> str:
    return hashlib.sha256(numbers.tobytes()).hexdigest()


numbers = array("q", ((7919 * (rank + 1) + 104_729 * i) % MODULUS for i in range(size)))
for round in range(1, rounds + 1):
    root = round % n

    chosen = array("q", numbers) if rank == root else zeros(size)
    comm.Bcast(chosen, root=root)
    total, most = zeros(size), zeros(size)
    request = comm.Iallreduce(numbers, most, op=MPI.MAX)
    comm.Allreduce(numbers, total, op=MPI.SUM)
    request.Wait()

    sums = array("q", (sum(numbers[other::n]) % MODULUS for other in range(n)))
    theirs = zeros(n)
    comm.Alltoall(sums, theirs)

    so_far = comm.scan(sum(theirs) % MODULUS)
    before = comm.exscan(sum(sums) % MODULUS) or 0
    share = comm.scatter([round * other for other in range(n)] if rank == root else None, root=root)
    shift = sum(comm.allgather(share + before)) + so_far

    comm.Barrier()
    mixed = zip(numbers, chosen, total, most, strict=True)
    numbers = array("q", ((a + 3 * b + c + d + shift) % MODULUS for a, b, c, d in mixed))
    digests = comm.gather(digest(numbers), root=0)
    if rank == 0:
        print(f"round {round}: {hashlib.sha256(''.join(digests).encode()).hexdigest()[:16]}", flush=True)
