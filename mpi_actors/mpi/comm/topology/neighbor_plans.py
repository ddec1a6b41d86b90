"""Plans of the collective operations with the neighbours of a topology.

Messages between two processes are matched in the order of the edges that join them. In a grid both may be
joined twice, where a dimension wraps around and has one or two places: then what a process sends backwards
arrives as what its neighbour receives from ahead, as the standard's definition by Cart_shift has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TypeVar

from ... import collectives
from ...constants import PROC_NULL
from ...datatypes import BufferMessage
from ...engine.schedule import Schedule
from ..collective.blocks import (
    EQUAL,
    GENERAL,
    VECTOR,
    After,
    finished,
    packed,
    receive_blocks,
    send_blocks,
    target,
    to_send,
)
from ..collective.call import Build
from ..state import CommState
from .shapes import Cartesian, Topology, topology_of

T = TypeVar("T")

ALLGATHERS = collectives.KIND_NEIGHBOR_ALLGATHER, collectives.KIND_NEIGHBOR_ALLGATHERV
ALLTOALLS = (
    collectives.KIND_NEIGHBOR_ALLTOALL,
    collectives.KIND_NEIGHBOR_ALLTOALLV,
    collectives.KIND_NEIGHBOR_ALLTOALLW,
)
NOTHING = memoryview(bytearray())


class Neighbors:
    """Whom a process exchanges blocks with; for each list of blocks, in the order in which to start them."""

    __slots__ = ("destinations", "send_order", "sources")

    def __init__(self, state: CommState) -> None:
        self.sources, self.destinations = topology_of(state, Topology).neighbors(state.rank)
        self.send_order = list(range(len(self.destinations)))
        if isinstance(state.topology, Cartesian):
            self.send_order = [place ^ 1 for place in self.send_order]

    def ordered(self, blocks: Sequence[T]) -> list[T]:
        """What belongs to the destinations, in the order in which to send it."""
        return [blocks[place] for place in self.send_order]


def _places(near: Neighbors, places: Sequence[BufferMessage], after: After) -> list[memoryview]:
    """Where to receive; the block of a neighbour that is not there is left as it is."""
    return [
        NOTHING if source == PROC_NULL else target(place, after)
        for source, place in zip(near.sources, places, strict=True)
    ]


def neighbor_allgather(state: CommState, sendbuf: object, recvbuf: object, form: int = EQUAL) -> Build:
    """One block to all destinations, one from each source."""
    near = Neighbors(state)
    own = to_send(sendbuf)
    places = receive_blocks(recvbuf, len(near.sources), form)

    def build() -> Schedule:
        after: After = []
        schedule = Schedule(ALLGATHERS[form])
        collectives.neighbor_allgather(
            schedule, near.sources, near.destinations, packed(own), _places(near, places, after)
        )
        return finished(schedule, after)

    return build


neighbor_allgatherv = partial(neighbor_allgather, form=VECTOR)


def neighbor_alltoall(state: CommState, sendbuf: object, recvbuf: object, form: int = EQUAL) -> Build:
    """A block to each destination, one from each source."""
    near = Neighbors(state)
    given = near.ordered(send_blocks(sendbuf, len(near.destinations), form))
    places = receive_blocks(recvbuf, len(near.sources), form)

    def build() -> Schedule:
        after: After = []
        schedule = Schedule(ALLTOALLS[form])
        blocks = [packed(block) for block in given]
        collectives.neighbor_alltoall(
            schedule, near.sources, near.ordered(near.destinations), blocks, _places(near, places, after)
        )
        return finished(schedule, after)

    return build


neighbor_alltoallv = partial(neighbor_alltoall, form=VECTOR)
neighbor_alltoallw = partial(neighbor_alltoall, form=GENERAL)
