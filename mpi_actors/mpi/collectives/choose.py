"""Which algorithm does a collective operation: by size of the group, length of the data, and the operation.

All ranks must come to the same choice, in each of their lives, so it depends on nothing but what they always
know. The limits were measured with four ranks on two processors of one host; they are all here.
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
"""Bytes from which a broadcast is divided."""
BCAST_FEW = 8
"""Below so many ranks a broadcast is not divided."""
GATHER_LONG = 1 << 12
"""Bytes of a block from which it goes straight to or from the root."""
GATHER_FEW = 8
"""Up to so many ranks all go straight to or from the root."""
ALLGATHER_LONG = 1 << 20
"""Bytes in all from which an allgather goes around a ring."""
ALLTOALL_SHORT = 256
"""Bytes of a block up to which blocks travel together …"""
ALLTOALL_MANY = 8
"""… if there are at least so many ranks."""
ALLTOALL_LONG = 1 << 15
"""Bytes of a block from which exchanges are done one after the other."""
ALLTOALL_AT_ONCE = 32
"""Above so many ranks they are, too, if the sizes are not known to all."""
REDUCE_LONG = 1 << 22
"""Bytes from which a reduction divides its data, all that one rank would receive counted …"""
ALLREDUCE_LONG = 1 << 21
"""… and one whose result all get, which saves more by it."""
REDUCE_SCATTER_LONG = 1 << 18
"""Bytes from which a reduce-scatter is a pairwise exchange."""


def barrier(s: Schedule, rank: int, size: int) -> None:
    """Nobody leaves before everybody has entered."""
    barrier_dissemination(s, rank, size)


def bcast(s: Schedule, rank: int, size: int, buf: memoryview, root: int) -> None:
    """What the root has in `buf`, to all; only the others' is written to."""
    if len(buf) < BCAST_LONG or size < BCAST_FEW:
        bcast_binomial(s, rank, size, buf, root)
    else:
        bcast_scatter_allgather(s, rank, size, buf, root)


def gather(
    s: Schedule, rank: int, size: int, send: memoryview, blocks: Sequence[memoryview] | None, root: int
) -> None:
    """A block of one size from each to the root, which has places for them; its own may be there already."""
    if len(send) >= GATHER_LONG or size <= GATHER_FEW:
        gather_linear(s, rank, size, send, blocks, root)
    else:
        gather_binomial(s, rank, size, send, blocks, root)


def gatherv(
    s: Schedule, rank: int, size: int, send: memoryview, blocks: Sequence[memoryview] | None, root: int
) -> None:
    """A block of any size from each to the root."""
    gather_linear(s, rank, size, send, blocks, root)


def scatter(
    s: Schedule, rank: int, size: int, blocks: Sequence[memoryview] | None, recv: memoryview, root: int
) -> None:
    """A block of one size from the root to each."""
    if len(recv) >= GATHER_LONG or size <= GATHER_FEW:
        scatter_linear(s, rank, size, blocks, recv, root)
    else:
        scatter_binomial(s, rank, size, blocks, recv, root)


def scatterv(
    s: Schedule, rank: int, size: int, blocks: Sequence[memoryview] | None, recv: memoryview, root: int
) -> None:
    """A block of any size from the root to each."""
    scatter_linear(s, rank, size, blocks, recv, root)


def allgather(s: Schedule, rank: int, size: int, blocks: Sequence[memoryview]) -> None:
    """A block from each to all; one's own is in its place already. The sizes may differ."""
    if sum(map(len, blocks)) >= ALLGATHER_LONG:
        allgather_ring(s, rank, size, blocks)
    elif size & (size - 1):
        allgather_bruck(s, rank, size, blocks)
    else:
        allgather_recursive_doubling(s, rank, size, blocks)


allgatherv = allgather
"""All know all sizes, so it is the same."""


def alltoall(
    s: Schedule, rank: int, size: int, send: Sequence[memoryview], recv: Sequence[memoryview]
) -> None:
    """A block of one size from each to each."""
    if len(send[0]) <= ALLTOALL_SHORT and size >= ALLTOALL_MANY:
        alltoall_bruck(s, rank, size, send, recv)
    elif len(send[0]) < ALLTOALL_LONG:
        alltoall_linear(s, rank, size, send, recv)
    else:
        alltoall_pairwise(s, rank, size, send, recv)


def alltoallv(
    s: Schedule, rank: int, size: int, send: Sequence[memoryview], recv: Sequence[memoryview]
) -> None:
    """A block of any size from each to each."""
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
    """Contributions in `buf`, the result in the root's; the others' is not written to."""
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
    """The same with the result in the root's `out`; `buf` is not written to."""
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
    """Contributions in `buf`, and the result in everybody's, the same to the last bit."""
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
    """Contributions in `buf`, which is not written to, and each rank's part of the result in its `recv`."""
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
    """Contributions in `buf`; out, the result of the ranks up to and with this one."""
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
    """Contributions in `buf`; out, the result of the ranks before this one; rank 0 keeps what it had."""
    if size > 1:
        exscan_recursive_doubling(s, rank, size, buf, reducer_for(len(buf) // itemsize if itemsize else 0))


def _divide(long: int, nbytes: int, size: int, itemsize: int, commutative: bool) -> bool:
    rounds = (size - 1).bit_length()
    return commutative and nbytes * rounds >= long and nbytes >= size * itemsize
