"""Scan and exscan: at each rank, the contributions of the ranks up to it, combined in their order."""

from __future__ import annotations

from functools import partial

from ..engine.schedule import Schedule
from .steps import Reducer, copy, fresh


def scan_recursive_doubling(s: Schedule, rank: int, size: int, buf: memoryview, reducer: Reducer) -> None:
    """In round k each rank combines what it has with that of the rank 2^k below; log2(size) rounds.

    `buf` has the rank's contribution before, and the result afterwards.

    Kogge, Stone: A parallel algorithm for the efficient solution of a general class of recurrence equations.
    IEEE Trans. Computers C-22(8), 1973; Hillis, Steele: Data parallel algorithms. CACM 29(12), 1986.
    """
    came = fresh(len(buf)) if rank else buf
    distance = 1
    while distance < size:
        if rank + distance < size:
            s.send(rank + distance, buf)
        if rank >= distance:
            s.recv(rank - distance, came)
        s.fence()
        if rank >= distance:
            s.compute(partial(reducer, came, buf))
        distance <<= 1
    s.fence()


def exscan_recursive_doubling(s: Schedule, rank: int, size: int, buf: memoryview, reducer: Reducer) -> None:
    """As `scan_recursive_doubling`, but the result is without the rank's own contribution.

    The `buf` of rank 0, which has no rank before it, stays as it is.
    """
    with_own, came = buf, buf
    if rank:
        with_own, came = fresh(len(buf)), fresh(len(buf))
        copy(s, with_own, buf)
    distance = 1
    while distance < size:
        if rank + distance < size:
            s.send(rank + distance, with_own)
        if rank >= distance:
            s.recv(rank - distance, came)
        s.fence()
        if rank >= distance:
            if rank + 2 * distance < size:  # the next round sends it
                s.compute(partial(reducer, came, with_own))
            if distance == 1:
                copy(s, buf, came)
            else:
                s.compute(partial(reducer, came, buf))
        distance <<= 1
    s.fence()
