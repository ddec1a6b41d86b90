"""The order in which messages come from anybody."""

from losses_play import comm, play, rank, size
from mpi4py import MPI


def draw(step: int) -> list[int]:
    """The ranks, in the order of their messages."""
    others = [other for other in range(size) if other != rank]
    for other in others:
        comm.send(rank, other, tag=300 + step)
    return [int(comm.recv(source=MPI.ANY_SOURCE, tag=300 + step)) for _ in others]


play(draw)
