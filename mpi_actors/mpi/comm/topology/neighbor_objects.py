"""Collective operations with the neighbours of a topology, on Python objects."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import collectives
from ...constants import PROC_NULL
from ...engine.schedule import Box, Schedule
from ...pickles.messages import dumps, loads
from ..collective.call import CollectiveCalls, execute
from ..errors import handled
from ..state import CommState
from .neighbor_plans import Neighbors


class NeighborObjects(CollectiveCalls):
    """neighbor_allgather and neighbor_alltoall: the operations of MPI 4.1, section 8.6, on objects."""

    __slots__ = ()

    @handled
    def neighbor_allgather(self, sendobj: Any) -> list[Any]:
        """Send an object to all destinations. Return the objects of all sources, in their order.

        A source beyond the edge of a grid gives None.
        """
        state = self._live()
        near = Neighbors(state)
        return _exchange(state, near, [Box(dumps(sendobj))] * len(near.destinations))

    @handled
    def neighbor_alltoall(self, sendobj: Sequence[Any]) -> list[Any]:
        """Send one object to each destination. Return the objects of all sources, in their order.

        A source beyond the edge of a grid gives None.

        Raises:
            ValueError: There are more or fewer objects than destinations.
        """
        state = self._live()
        near = Neighbors(state)
        objects = [None] * len(near.destinations) if sendobj is None else list(sendobj)
        if len(objects) != len(near.destinations):
            raise ValueError(f"expected {len(near.destinations)} objects, got {len(objects)}")
        return _exchange(state, near, [Box(dumps(item)) for item in objects])


def _exchange(state: CommState, near: Neighbors, given: list[Box]) -> list[Any]:
    boxes = [Box() for _ in near.sources]
    schedule = Schedule(collectives.KIND_NEIGHBOR_OBJECTS)
    collectives.neighbor_alltoall(
        schedule, near.sources, near.ordered(near.destinations), near.ordered(given), boxes
    )
    execute(state, schedule)
    return [
        None if source == PROC_NULL else loads(box.value)
        for source, box in zip(near.sources, boxes, strict=True)
    ]
