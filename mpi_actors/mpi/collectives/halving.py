"""Reduce-scatter by recursive halving among a power of two of ranks, which the others hand their data to."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from ..engine.schedule import Schedule
from .steps import ReducerFor, fresh, power_below


class Folding:
    """A power of two of places for any number of ranks, which keeps the order of ranks.

    Of the first 2 * `extra` ranks each odd one stands in for the one before it. `place` is this rank's place;
    None if its right neighbour stands in for it.
    """

    __slots__ = ("extra", "place", "power", "rank")

    def __init__(self, rank: int, size: int) -> None:
        self.rank = rank
        self.power = power_below(size)
        self.extra = size - self.power
        self.place: int | None = rank - self.extra
        if rank < 2 * self.extra:
            self.place = rank >> 1 if rank & 1 else None

    def rank_of(self, place: int) -> int:
        """Return the rank at a place."""
        return 2 * place + 1 if place < self.extra else place + self.extra


def halve(
    s: Schedule,
    fold: Folding,
    buf: memoryview,
    counts: Sequence[int],
    reducer_for: ReducerFor,
    itemsize: int,
) -> memoryview | None:
    """Give each place the reduction of its part, of `counts[place]` items; return the memory that will have
    it.

    Returns None for ranks without a place. `buf` stays as it is. In each round a rank sends half of what it
    has to the other half of the places: for operations that commute. Thakur, Rabenseifner, Gropp:
    Optimization of collective communication operations in MPICH. Int. J. High Performance Computing
    Applications 19(1), 2005, section 4.5.
    """
    if fold.place is None:
        s.send(fold.rank + 1, buf)
        s.fence()
        return None
    if fold.rank < 2 * fold.extra:
        came = fresh(len(buf))
        s.recv(fold.rank - 1, came)
        s.fence()
        s.compute(partial(reducer_for(sum(counts)), buf, came))
        buf = came
    ends = [0]
    for count in counts:
        ends.append(ends[-1] + count)
    first, places = 0, fold.power  # the places whose parts `buf` still holds
    while places > 1:
        places >>= 1
        middle = first + places
        low, high = ends[middle] - ends[first], ends[middle + places] - ends[middle]
        split = low * itemsize
        if fold.place < middle:
            keep, give, count, partner = buf[:split], buf[split:], low, fold.place + places
        else:
            keep, give, count, partner = buf[split:], buf[:split], high, fold.place - places
            first = middle
        came = fresh(count * itemsize)
        s.send(fold.rank_of(partner), give)
        s.recv(fold.rank_of(partner), came)
        s.fence()
        s.compute(partial(reducer_for(count), keep, came))
        buf = came
    return buf
