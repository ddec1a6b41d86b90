"""Alltoall: a block from each rank to each rank."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ..engine.schedule import Schedule
from .steps import assign_all, copy, fresh, slices


def alltoall_linear(
    s: Schedule, rank: int, size: int, send: Sequence[memoryview], recv: Sequence[memoryview]
) -> None:
    """All messages at once, the one to the next rank first, so that not all send to one rank; any sizes."""
    for distance in range(1, size):
        s.recv((rank - distance) % size, recv[(rank - distance) % size])
    for distance in range(1, size):
        s.send((rank + distance) % size, send[(rank + distance) % size])
    copy(s, recv[rank], send[rank])
    s.fence()


def alltoall_pairwise(
    s: Schedule, rank: int, size: int, send: Sequence[memoryview], recv: Sequence[memoryview]
) -> None:
    """Pairwise exchange: size - 1 rounds, each a send to one rank and a receive from one; long blocks.

    Thakur, Rabenseifner, Gropp: Optimization of collective communication operations in MPICH. Int. J. High
    Performance Computing Applications 19(1), 2005, section 4.4.
    """
    copy(s, recv[rank], send[rank])
    paired = size & (size - 1) == 0
    for distance in range(1, size):
        to = rank ^ distance if paired else (rank + distance) % size
        source = to if paired else (rank - distance) % size
        s.recv(source, recv[source])
        s.send(to, send[to])
        s.fence()


def alltoall_bruck(
    s: Schedule, rank: int, size: int, send: Sequence[memoryview], recv: Sequence[memoryview]
) -> None:
    """Store and forward: in round k the blocks whose distance has bit k go 2^k ranks on; log2(size) rounds.

    For many short blocks, all of one size. Bruck, Ho, Kipnis, Upfal, Weathersby: Efficient algorithms for
    all-to-all communications in multiport message-passing systems. IEEE Trans. Parallel and Distributed
    Systems 8(11), 1997.
    """
    block = len(send[0])
    held = slices(
        fresh(block * size), [block] * size
    )  # at i: the block that has to go, or has gone, i ranks on
    s.compute(partial(assign_all, held, [send[(rank + way) % size] for way in range(size)]))
    bit = 1
    while bit < size:
        going = [held[way] for way in range(size) if way & bit]
        view = fresh(block * len(going))
        s.send((rank + bit) % size, tuple(going))
        s.recv((rank - bit) % size, view)
        s.fence()
        s.compute(partial(assign_all, going, slices(view, [block] * len(going))))
        bit <<= 1
    s.compute(partial(assign_all, [recv[(rank - way) % size] for way in range(size)], held))
    s.fence()
