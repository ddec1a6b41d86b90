"""Which message a probe finds first, and how often it finds none."""

from losses_play import comm, play, rank, size
from mpi4py import MPI


def draw(step: int) -> list[tuple[int, int]]:
    """For each message its source, and how many probes found nothing before."""
    others = [other for other in range(size) if other != rank]
    for other in others:
        comm.send(rank, other, tag=100 + step)
    found = []
    status = MPI.Status()
    for _ in others:
        misses = 0
        while not comm.iprobe(source=MPI.ANY_SOURCE, tag=100 + step, status=status):
            misses += 1
        found.append((comm.recv(source=status.Get_source(), tag=100 + step), misses))
    return found


play(draw)
