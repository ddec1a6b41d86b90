"""Broadcast: the root's bytes to all ranks."""

from __future__ import annotations

from ..engine.schedule import Box, Schedule
from .steps import even_counts, slices
from .trees import children, parent, subtree


def bcast_binomial(s: Schedule, rank: int, size: int, buf: memoryview | Box, root: int) -> None:
    """Binomial tree: each rank passes the message on, to the greatest subtree first; log2(size) rounds.

    For short messages, and for boxes. Thakur, Rabenseifner, Gropp: Optimization of collective communication
    operations in MPICH. Int. J. High Performance Computing Applications 19(1), 2005, section 4.3.
    """
    place = (rank - root) % size
    if place:
        s.recv((parent(place) + root) % size, buf)
        s.fence()
    for child in reversed(children(place, size)):
        s.send((child + root) % size, buf)
    s.fence()


def bcast_scatter_allgather(s: Schedule, rank: int, size: int, buf: memoryview, root: int) -> None:
    """Scatter the message down a binomial tree, then collect its parts around a ring.

    For long messages: each rank sends and receives about twice the message, in any group. Barnett, Gupta,
    Payne, Shuler, van de Geijn, Watts: Interprocessor collective communication library (InterCom).
    Scalable High Performance Computing Conference, 1994.
    """
    sizes = even_counts(len(buf), size)
    ends = [0]
    for count in sizes:
        ends.append(ends[-1] + count)
    place = (rank - root) % size

    def held(place: int) -> memoryview:
        return buf[ends[place] : ends[place + subtree(place, size)]]

    if place:
        s.recv((parent(place) + root) % size, held(place))
        s.fence()
    for child in reversed(children(place, size)):
        s.send((child + root) % size, held(child))
    s.fence()
    parts = slices(buf, sizes)
    left, right = (place - 1) % size, (place + 1) % size
    for distance in range(size - 1):  # around the ring, except for the parts that the scatter brought
        if distance < size - subtree(right, size):
            s.send((right + root) % size, parts[(place - distance) % size])
        if distance < size - subtree(place, size):
            s.recv((left + root) % size, parts[(left - distance) % size])
        s.fence()
