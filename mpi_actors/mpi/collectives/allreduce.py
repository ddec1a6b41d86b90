"""Allreduce: the contributions of all ranks, combined, at all. The results are the same to the last bit.

`buf` has a rank's contribution before, and the result afterwards.
"""

from __future__ import annotations

from functools import partial

from ..engine.schedule import Schedule
from .allgather import allgather_ring
from .halving import Folding, halve
from .steps import Reducer, ReducerFor, copy, even_counts, fresh, slices


def allreduce_recursive_doubling(
    s: Schedule, rank: int, size: int, buf: memoryview, reducer: Reducer
) -> None:
    """In round k each rank exchanges all it has with the place that differs in bit k; log2(size) rounds.

    For short messages, and for those that may not be divided. Both partners combine the same operands in the
    order of ranks. So operations need not commute, and all ranks have the same result. Thakur,
    Rabenseifner, Gropp: Optimization of collective communication operations in MPICH. Int. J. High
    Performance Computing Applications 19(1), 2005, section 4.6.
    """
    held, spare = buf, fresh(len(buf))
    fold: Folding | None = None
    place, bits = rank, size
    if size & (size - 1):
        fold = Folding(rank, size)
        if fold.place is None:
            s.send(rank + 1, buf)
            s.fence()
            s.recv(rank + 1, buf)
            s.fence()
            return
        if rank < 2 * fold.extra:
            s.recv(rank - 1, spare)
            s.fence()
            s.compute(partial(reducer, spare, held))
        place, bits = fold.place, fold.power
    bit = 1
    while bit < bits:
        other = place ^ bit
        partner = other if fold is None else fold.rank_of(other)
        s.send(partner, held)
        s.recv(partner, spare)
        s.fence()
        if other < place:
            s.compute(partial(reducer, spare, held))
        else:
            s.compute(partial(reducer, held, spare))
            held, spare = spare, held
        bit <<= 1
    if held is not buf:
        copy(s, buf, held)
    if fold is not None and rank < 2 * fold.extra:
        s.send(rank - 1, buf)
    s.fence()


def allreduce_rabenseifner(
    s: Schedule, rank: int, size: int, buf: memoryview, reducer_for: ReducerFor, itemsize: int
) -> None:
    """Reduce-scatter by recursive halving, then allgather by recursive doubling: 2 log2(size) rounds.

    For long messages, operations that commute, and data that may be divided; best for powers of two.
    Rabenseifner: Optimization of collective reduction operations. ICCS 2004, LNCS 3036.
    """
    fold = Folding(rank, size)
    counts = even_counts(len(buf) // itemsize, fold.power)
    part = halve(s, fold, buf, counts, reducer_for, itemsize)
    if part is None or fold.place is None:
        s.recv(rank + 1, buf)
        s.fence()
        return
    ends = [0]
    for count in counts:
        ends.append(ends[-1] + count * itemsize)
    copy(s, buf[ends[fold.place] : ends[fold.place + 1]], part)
    bit = 1
    while bit < fold.power:
        other = fold.place ^ bit
        mine, theirs = fold.place & -bit, other & -bit
        s.send(fold.rank_of(other), buf[ends[mine] : ends[mine + bit]])
        s.recv(fold.rank_of(other), buf[ends[theirs] : ends[theirs + bit]])
        s.fence()
        bit <<= 1
    if rank < 2 * fold.extra:
        s.send(rank - 1, buf)
    s.fence()


def allreduce_ring(
    s: Schedule, rank: int, size: int, buf: memoryview, reducer_for: ReducerFor, itemsize: int
) -> None:
    """Reduce the parts once around a ring, then pass the results around it: 2 (size - 1) rounds.

    For long messages, operations that commute, and data that may be divided; any size. Patarasuk, Yuan:
    Bandwidth optimal all-reduce algorithms for clusters of workstations. J. Parallel and Distributed
    Computing 69(2), 2009.
    """
    counts = even_counts(len(buf) // itemsize, size)
    parts = slices(buf, [count * itemsize for count in counts])
    left, right = (rank - 1) % size, (rank + 1) % size
    room = fresh(max(map(len, parts)))
    for distance in range(1, size):
        number = (left - distance) % size
        came = room[: len(parts[number])]
        s.send(right, parts[(rank - distance) % size])
        s.recv(left, came)
        s.fence()
        s.compute(partial(reducer_for(counts[number]), came, parts[number]))
    allgather_ring(s, rank, size, parts)
