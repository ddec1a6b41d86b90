"""Allgather: a block from each rank to all. Blocks may have any sizes, as all ranks know all sizes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ..engine.schedule import Schedule
from .steps import assign_all, fresh, slices


def allgather_ring(s: Schedule, rank: int, size: int, blocks: Sequence[memoryview]) -> None:
    """Around a ring: each rank passes to the right what came from the left; size - 1 rounds; long blocks.

    Thakur, Rabenseifner, Gropp: Optimization of collective communication operations in MPICH. Int. J. High
    Performance Computing Applications 19(1), 2005, section 4.1.
    """
    left, right = (rank - 1) % size, (rank + 1) % size
    for distance in range(size - 1):
        s.send(right, blocks[(rank - distance) % size])
        s.recv(left, blocks[(left - distance) % size])
        s.fence()


def allgather_bruck(s: Schedule, rank: int, size: int, blocks: Sequence[memoryview]) -> None:
    """In round k each rank sends all it has to the rank 2^k below; log2(size) rounds for any size.

    For short blocks. Bruck, Ho, Kipnis, Upfal, Weathersby: Efficient algorithms for all-to-all communications
    in multiport message-passing systems. IEEE Trans. Parallel and Distributed Systems 8(11), 1997.
    """
    order = [blocks[(rank + i) % size] for i in range(size)]  # beginning with the rank's own block
    have = 1
    while have < size:
        more = min(have, size - have)
        s.send((rank - have) % size, tuple(order[:more]))
        came = order[have : have + more]
        if more == 1:
            s.recv((rank + have) % size, came[0])
            s.fence()
        else:
            view = fresh(sum(map(len, came)))
            s.recv((rank + have) % size, view)
            s.fence()
            s.compute(partial(assign_all, came, slices(view, [len(block) for block in came])))
        have += more


def allgather_recursive_doubling(s: Schedule, rank: int, size: int, blocks: Sequence[memoryview]) -> None:
    """In round k each rank exchanges all it has with the one that differs in bit k; size: a power of two.

    For short blocks and blocks of middle length. Thakur, Rabenseifner, Gropp, 2005, section 4.1.
    """
    bit = 1
    while bit < size:
        partner = rank ^ bit
        mine, theirs = rank & -bit, partner & -bit
        came = blocks[theirs : theirs + bit]
        s.send(partner, tuple(blocks[mine : mine + bit]))
        if bit == 1:
            s.recv(partner, came[0])
            s.fence()
        else:
            view = fresh(sum(map(len, came)))
            s.recv(partner, view)
            s.fence()
            s.compute(partial(assign_all, came, slices(view, [len(block) for block in came])))
        bit <<= 1
