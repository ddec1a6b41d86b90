"""Reduce: the contributions of all ranks, combined, at the root.

`buf` is a rank's contribution, and stays as it is unless it is `out`. `out` is where the root wants the
result; it is None on other ranks.
"""

from __future__ import annotations

from functools import partial

from ..engine.schedule import Schedule
from .halving import Folding, halve
from .steps import Reducer, ReducerFor, copy, even_counts, fresh, slices
from .trees import children, parent


def reduce_binomial(
    s: Schedule,
    rank: int,
    size: int,
    buf: memoryview,
    out: memoryview | None,
    reducer: Reducer,
    commutative: bool,
    root: int,
) -> None:
    """Up a binomial tree; log2(size) rounds. For short messages, and for those that may not be divided.

    Keeps the order of ranks if the operation does not commute: the tree then ends at rank 0, which sends the
    result to the root. Thakur, Rabenseifner, Gropp: Optimization of collective communication operations in
    MPICH. Int. J. High Performance Computing Applications 19(1), 2005, section 4.5.
    """
    top = root if commutative else 0
    place = (rank - top) % size
    held, spare = buf, None
    for child in children(place, size):
        came, spare = fresh(len(buf)) if spare is None else spare, None
        s.recv((child + top) % size, came)
        s.fence()
        s.compute(partial(reducer, held, came))
        if held is not buf:
            spare = held
        held = came
    if place:
        s.send((parent(place) + top) % size, held)
        s.fence()
    elif rank != root:
        s.send(root, held)
    elif out is not None and held is not out:
        copy(s, out, held)
    if rank == root != top:
        assert out is not None
        s.recv(top, out)
    s.fence()


def reduce_rabenseifner(
    s: Schedule,
    rank: int,
    size: int,
    buf: memoryview,
    out: memoryview | None,
    reducer_for: ReducerFor,
    itemsize: int,
    root: int,
) -> None:
    """Reduce-scatter by recursive halving, then the root gathers the parts. For long messages.

    For operations that commute, on data that may be divided. Rabenseifner: Optimization of collective
    reduction operations. ICCS 2004, LNCS 3036.
    """
    fold = Folding(rank, size)
    counts = even_counts(len(buf) // itemsize, fold.power)
    part = halve(s, fold, buf, counts, reducer_for, itemsize)
    if part is not None and rank != root:
        s.send(root, part)
    if rank == root:
        assert out is not None
        for place, piece in enumerate(slices(out, [count * itemsize for count in counts])):
            owner = fold.rank_of(place)
            if owner != rank:
                s.recv(owner, piece)
            elif part is not None:
                copy(s, piece, part)
    s.fence()
