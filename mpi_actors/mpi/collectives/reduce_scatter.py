"""Reduce-scatter: the contributions of all ranks, combined, a part to each.

`buf` is a rank's contribution, and stays as it is. `counts[i]` items of the result are for rank i, in `recv`,
which may be a part of `buf`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import pairwise

from ..engine.schedule import Schedule
from .halving import Folding, halve
from .steps import NOTHING, ReducerFor, copy, fresh, slices


def reduce_scatter_halving(
    s: Schedule,
    rank: int,
    size: int,
    buf: memoryview,
    counts: Sequence[int],
    recv: memoryview,
    reducer_for: ReducerFor,
    itemsize: int,
) -> None:
    """Recursive halving: log2(size) rounds. For short messages, and operations that commute.

    Thakur, Rabenseifner, Gropp: Optimization of collective communication operations in MPICH. Int. J. High
    Performance Computing Applications 19(1), 2005, section 4.5.
    """
    fold = Folding(rank, size)
    grouped = [
        counts[2 * place] + counts[2 * place + 1] if place < fold.extra else counts[place + fold.extra]
        for place in range(fold.power)
    ]
    part = halve(s, fold, buf, grouped, reducer_for, itemsize)
    if part is None:
        s.recv(rank + 1, recv)
    elif rank < 2 * fold.extra:
        split = counts[rank - 1] * itemsize
        s.send(rank - 1, part[:split])
        copy(s, recv, part[split:])
    else:
        copy(s, recv, part)
    s.fence()


def reduce_scatter_pairwise(
    s: Schedule,
    rank: int,
    size: int,
    buf: memoryview,
    counts: Sequence[int],
    recv: memoryview,
    reducer_for: ReducerFor,
    itemsize: int,
) -> None:
    """Pairwise exchange: size - 1 rounds, each with one rank's part sent and the own part received.

    For long messages, and operations that commute. Thakur, Rabenseifner, Gropp, 2005, section 4.5.
    """
    parts = slices(buf, [count * itemsize for count in counts])
    reducer = reducer_for(counts[rank])
    result, came = fresh(len(parts[rank])), fresh(len(parts[rank]))
    copy(s, result, parts[rank])
    for distance in range(1, size):
        to = (rank + distance) % size
        s.send(to, parts[to])
        s.recv((rank - distance) % size, came)
        s.fence()
        s.compute(partial(reducer, came, result))
    copy(s, recv, result)
    s.fence()


def reduce_scatter_in_order(
    s: Schedule,
    rank: int,
    size: int,
    buf: memoryview,
    counts: Sequence[int],
    recv: memoryview,
    reducer_for: ReducerFor,
    itemsize: int,
) -> None:
    """Each rank sends each rank its part, and combines what comes in the order of ranks.

    For operations that do not commute: it moves as many bytes as pairwise exchange, but keeps all of them.
    """
    parts = slices(buf, [count * itemsize for count in counts])
    came = [fresh(len(parts[rank])) if source != rank else NOTHING for source in range(size)]
    for distance in range(1, size):
        source = (rank - distance) % size
        s.recv(source, came[source])
    for distance in range(1, size):
        to = (rank + distance) % size
        s.send(to, parts[to])
    came[rank] = fresh(len(parts[rank]))
    copy(s, came[rank], parts[rank])
    s.fence()
    reducer = reducer_for(counts[rank])
    for before, after in pairwise(came):
        s.compute(partial(reducer, before, after))
    copy(s, recv, came[-1])
    s.fence()
