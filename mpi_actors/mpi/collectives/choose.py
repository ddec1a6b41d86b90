"""The algorithm of each collective operation: by the group's size, the data's length, and the operation.

All ranks must decide alike, in each of their incarnations. So the decision depends only on what all ranks
know at each call. The limits are where one algorithm became faster than another, as measured with four
ranks on two processors of one host.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..engine.schedule import Schedule
from .allgather import allgather_bruck, allgather_recursive_doubling, allgather_ring
from .allreduce import allreduce_rabenseifner, allreduce_recursive_doubling, allreduce_ring
from .alltoall import alltoall_bruck, alltoall_linear, alltoall_pairwise
from .barrier import barrier_dissemination
from .bcast import bcast_binomial, bcast_scatter_allgather
from .gather import gather_binomial, gather_linear
from .reduce import reduce_binomial, reduce_rabenseifner
from .reduce_scatter import reduce_scatter_halving, reduce_scatter_in_order, reduce_scatter_pairwise
from .scan import exscan_recursive_doubling, scan_recursive_doubling
from .scatter import scatter_binomial, scatter_linear
from .steps import ReducerFor, copy

BCAST_LONG = 1 << 19
"""Bytes from which on a broadcast is scattered and collected, so that the root sends it once …"""
BCAST_FEW = 8
"""… if there are at least this many ranks: in fewer, the tree has few levels, and dividing costs more."""
GATHER_LONG = 1 << 12
"""Bytes of a block from which on it goes straight to or from the root: a tree would copy it per level."""
GATHER_FEW = 8
"""Up to this many ranks all blocks go straight to or from the root: a tree saves few rounds there."""
ALLGATHER_LONG = 1 << 20
"""Bytes of all blocks from which on an allgather goes around a ring, which copies no blocks together."""
ALLTOALL_SHORT = 256
"""Bytes of a block up to which blocks travel together, as messages then cost more than bytes …"""
ALLTOALL_MANY = 8
"""… if there are at least this many ranks: fewer send few messages anyway."""
ALLTOALL_LONG = 1 << 15
"""Bytes of a block from which on exchanges happen one after the other: at once, they would contend."""
ALLTOALL_AT_ONCE = 32
"""Above this number of ranks they do, too, if not all ranks know the sizes."""
REDUCE_LONG = 1 << 22
"""Bytes that one rank would receive in all rounds, from which on a reduction divides its data …"""
ALLREDUCE_LONG = 1 << 21
"""… and an allreduce does, which saves more by dividing."""
REDUCE_SCATTER_LONG = 1 << 18
"""Bytes of a contribution from which on a reduce-scatter is a pairwise exchange, which moves fewer bytes."""


def barrier(s: Schedule, rank: int, size: int) -> None:
    """Let no rank leave before all ranks have entered."""
    barrier_dissemination(s, rank, size)


def bcast(s: Schedule, rank: int, size: int, buf: memoryview, root: int) -> None:
    """Copy the root's `buf` into the `buf` of all other ranks."""
    if len(buf) < BCAST_LONG or size < BCAST_FEW:
        bcast_binomial(s, rank, size, buf, root)
    else:
        bcast_scatter_allgather(s, rank, size, buf, root)


def gather(
    s: Schedule, rank: int, size: int, send: memoryview, blocks: Sequence[memoryview] | None, root: int
) -> None:
    """Bring a block of each rank, all of one size, into the root's `blocks`.

    The root's `send` may be its own part of `blocks`.
    """
    if len(send) >= GATHER_LONG or size <= GATHER_FEW:
        gather_linear(s, rank, size, send, blocks, root)
    else:
        gather_binomial(s, rank, size, send, blocks, root)


def gatherv(
    s: Schedule, rank: int, size: int, send: memoryview, blocks: Sequence[memoryview] | None, root: int
) -> None:
    """Bring a block of each rank, of any size, into the root's `blocks`."""
    gather_linear(s, rank, size, send, blocks, root)


def scatter(
    s: Schedule, rank: int, size: int, blocks: Sequence[memoryview] | None, recv: memoryview, root: int
) -> None:
    """Bring the root's `blocks`, all of one size, into each rank's `recv`."""
    if len(recv) >= GATHER_LONG or size <= GATHER_FEW:
        scatter_linear(s, rank, size, blocks, recv, root)
    else:
        scatter_binomial(s, rank, size, blocks, recv, root)


def scatterv(
    s: Schedule, rank: int, size: int, blocks: Sequence[memoryview] | None, recv: memoryview, root: int
) -> None:
    """Bring the root's `blocks`, of any sizes, into each rank's `recv`."""
    scatter_linear(s, rank, size, blocks, recv, root)


def allgather(s: Schedule, rank: int, size: int, blocks: Sequence[memoryview]) -> None:
    """Bring a block of each rank, of any size, into the `blocks` of all; a rank's own is there already."""
    if sum(map(len, blocks)) >= ALLGATHER_LONG:
        allgather_ring(s, rank, size, blocks)
    elif size & (size - 1):
        allgather_bruck(s, rank, size, blocks)
    else:
        allgather_recursive_doubling(s, rank, size, blocks)


allgatherv = allgather
"""The same operation, as all ranks know all sizes."""


def alltoall(
    s: Schedule, rank: int, size: int, send: Sequence[memoryview], recv: Sequence[memoryview]
) -> None:
    """Bring a block, all of one size, from each rank to each rank: `send[i]` goes to rank i."""
    if len(send[0]) <= ALLTOALL_SHORT and size >= ALLTOALL_MANY:
        alltoall_bruck(s, rank, size, send, recv)
    elif len(send[0]) < ALLTOALL_LONG:
        alltoall_linear(s, rank, size, send, recv)
    else:
        alltoall_pairwise(s, rank, size, send, recv)


def alltoallv(
    s: Schedule, rank: int, size: int, send: Sequence[memoryview], recv: Sequence[memoryview]
) -> None:
    """Bring a block of any size from each rank to each rank: `send[i]` goes to rank i."""
    if size <= ALLTOALL_AT_ONCE:
        alltoall_linear(s, rank, size, send, recv)
    else:
        alltoall_pairwise(s, rank, size, send, recv)


def reduce(
    s: Schedule,
    rank: int,
    size: int,
    buf: memoryview,
    reducer_for: ReducerFor,
    itemsize: int,
    commutative: bool,
    root: int,
) -> None:
    """Combine the `buf` of all ranks into that of the root. The others stay as they are."""
    reduce_into(s, rank, size, buf, buf if rank == root else None, reducer_for, itemsize, commutative, root)


def reduce_into(
    s: Schedule,
    rank: int,
    size: int,
    buf: memoryview,
    out: memoryview | None,
    reducer_for: ReducerFor,
    itemsize: int,
    commutative: bool,
    root: int,
) -> None:
    """Combine the `buf` of all ranks into the root's `out`. Each `buf` stays as it is."""
    if size == 1:
        assert out is not None
        if out is not buf:
            copy(s, out, buf)
    elif _divide(REDUCE_LONG, len(buf), size, itemsize, commutative):
        reduce_rabenseifner(s, rank, size, buf, out, reducer_for, itemsize, root)
    else:
        reducer = reducer_for(len(buf) // itemsize if itemsize else 0)
        reduce_binomial(s, rank, size, buf, out, reducer, commutative, root)


def allreduce(
    s: Schedule,
    rank: int,
    size: int,
    buf: memoryview,
    reducer_for: ReducerFor,
    itemsize: int,
    commutative: bool,
) -> None:
    """Combine the `buf` of all ranks into each of them. The results are the same to the last bit."""
    if size == 1:
        return
    if not _divide(ALLREDUCE_LONG, len(buf), size, itemsize, commutative):
        reducer = reducer_for(len(buf) // itemsize if itemsize else 0)
        allreduce_recursive_doubling(s, rank, size, buf, reducer)
    elif size & (size - 1):
        allreduce_ring(s, rank, size, buf, reducer_for, itemsize)
    else:
        allreduce_rabenseifner(s, rank, size, buf, reducer_for, itemsize)


def reduce_scatter(
    s: Schedule,
    rank: int,
    size: int,
    buf: memoryview,
    counts: Sequence[int],
    recv: memoryview,
    reducer_for: ReducerFor,
    itemsize: int,
    commutative: bool,
) -> None:
    """Combine the `buf` of all ranks; `counts[i]` items of the result go to `recv` of rank i.

    Each `buf` stays as it is.
    """
    if not commutative:
        reduce_scatter_in_order(s, rank, size, buf, counts, recv, reducer_for, itemsize)
    elif len(buf) < REDUCE_SCATTER_LONG:
        reduce_scatter_halving(s, rank, size, buf, counts, recv, reducer_for, itemsize)
    else:
        reduce_scatter_pairwise(s, rank, size, buf, counts, recv, reducer_for, itemsize)


def scan(
    s: Schedule,
    rank: int,
    size: int,
    buf: memoryview,
    reducer_for: ReducerFor,
    itemsize: int,
    commutative: bool = False,
) -> None:
    """Combine into `buf` the contributions of the ranks up to this one, itself included."""
    if size > 1:
        scan_recursive_doubling(s, rank, size, buf, reducer_for(len(buf) // itemsize if itemsize else 0))


def exscan(
    s: Schedule,
    rank: int,
    size: int,
    buf: memoryview,
    reducer_for: ReducerFor,
    itemsize: int,
    commutative: bool = False,
) -> None:
    """Combine into `buf` the contributions of the ranks before this one; that of rank 0 stays as it is."""
    if size > 1:
        exscan_recursive_doubling(s, rank, size, buf, reducer_for(len(buf) // itemsize if itemsize else 0))


def _divide(long: int, nbytes: int, size: int, itemsize: int, commutative: bool) -> bool:
    """Return whether a reduction divides its data: if it is long, allowed, and each rank gets an item."""
    rounds = (size - 1).bit_length()
    return commutative and nbytes * rounds >= long and nbytes >= size * itemsize
