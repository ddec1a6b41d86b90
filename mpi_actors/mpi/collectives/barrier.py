"""Barrier: no rank leaves before all ranks have entered."""

from __future__ import annotations

from ..engine.schedule import Schedule
from .steps import NOTHING


def barrier_dissemination(s: Schedule, rank: int, size: int) -> None:
    """Dissemination barrier: in round k each rank hears from the rank 2^k below; log2(size) rounds, any size.

    Hensgen, Finkel, Manber: Two algorithms for barrier synchronization. Int. J. Parallel Programming 17(1),
    1988.
    """
    distance = 1
    while distance < size:
        s.send((rank + distance) % size, NOTHING)
        s.recv((rank - distance) % size, NOTHING)
        s.fence()
        distance <<= 1
