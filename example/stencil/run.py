"""Heat in a square plate: each step sets a point to the mean of its four neighbours (Jacobi's method).

The rows are dealt to the ranks in blocks. In each step a rank needs the last row of the rank above it and the
first row of the one below: the one comes by Sendrecv; the other by Irecv and Isend, while the rows that do
not need it are computed. The change of the last step is the largest of all ranks, by Allreduce.

The upper edge is hot, the others are cold. The answer does not depend on the number of ranks.
Arguments: [size] [steps], default 64 and 100.
"""

import hashlib
import sys
from array import array

from mpi4py import MPI

comm = MPI.COMM_WORLD
rank, n = comm.rank, comm.size
size = int(sys.argv[1]) if len(sys.argv) > 1 else 64
steps = int(sys.argv[2]) if len(sys.argv) > 2 else 100
if n > size:
    sys.exit(f"{n} ranks need a plate of at least {n} rows, not {size}")

HOT = 100.0
REPORT = 20
first, last = rank * size // n, (rank + 1) * size // n
above = rank - 1 if rank > 0 else MPI.PROC_NULL
below = rank + 1 if rank < n - 1 else MPI.PROC_NULL


def cold() -> array:
    return array("d", bytes(8 * (size + 2)))


def relaxed(upper: array, row: array, lower: array) -> tuple[array, float]:
    """The new values of a row, and the largest change of one."""
    new = cold()
    change = 0.0
    for column in range(1, size + 1):
        new[column] = 0.25 * (upper[column] + lower[column] + row[column - 1] + row[column + 1])
        change = max(change, abs(new[column] - row[column]))
    return new, change


rows = [cold() for _ in range(first, last)]
upper_edge = array("d", [HOT] * (size + 2)) if rank == 0 else cold()
lower_edge = cold()
change = array("d", [0.0])
for step in range(1, steps + 1):
    # downwards: my last row is the upper edge of the rank below
    comm.Sendrecv(rows[-1], below, sendtag=1, recvbuf=upper_edge, source=above, recvtag=1)
    # upwards, and meanwhile what does not need it
    requests = [comm.Irecv(lower_edge, below, tag=2), comm.Isend(rows[0], above, tag=2)]
    inner = [relaxed(rows[i - 1] if i else upper_edge, rows[i], rows[i + 1]) for i in range(len(rows) - 1)]
    MPI.Request.Waitall(requests)
    outer = relaxed(rows[-2] if len(rows) > 1 else upper_edge, rows[-1], lower_edge)
    rows = [new for new, _ in (*inner, outer)]
    largest = array("d", [max(some for _, some in (*inner, outer))])
    if step % REPORT == 0 or step == steps:
        comm.Allreduce(largest, change, op=MPI.MAX)
        if rank == 0:
            print(f"step {step}: change {change[0]:.6f}", flush=True)

blocks = comm.gather([row.tobytes() for row in rows], root=0)
if rank == 0:
    plate = b"".join(row for block in blocks for row in block)
    print(f"answer: {hashlib.sha256(plate).hexdigest()[:16]}")
