"""Which of several requests ends first."""

from losses_play import comm, play, rank, size
from mpi4py import MPI


def draw(step: int) -> list[int]:
    """The order of the ends."""
    others = [other for other in range(size) if other != rank]
    requests = [comm.irecv(source=other, tag=200 + step) for other in others]
    for other in others:
        comm.send(rank, other, tag=200 + step)
    order = []
    for _ in others:
        index, _ = MPI.Request.waitany(requests)
        order.append(int(index))
    return order


play(draw)
