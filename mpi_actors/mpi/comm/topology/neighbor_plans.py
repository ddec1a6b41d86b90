"""Plans of the collective operations with the neighbours of a topology.

Messages between two processes are matched in the order of the edges that join them. In a grid two edges may
join the same two processes, where a dimension wraps around and has one or two places. Then what a process
sends backwards must arrive as what its neighbour receives from ahead: the standard defines the operations by
MPI_Cart_shift (MPI 4.1, section 8.6). So in grids the two sends of each dimension change places.
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
"""Kinds of schedules, by the form of the blocks: EQUAL, VECTOR, GENERAL."""

NOTHING = memoryview(bytearray())
"""Stands where a neighbour beyond the edge of a grid would receive."""


class Neighbors:
    """The ranks that a process exchanges blocks with.

    Attributes:
        sources: ranks to receive from, in the order of the received blocks.
        destinations: ranks to send to, in the order of the sent blocks.
        send_order: indices of `destinations` in the order in which to start the sends; see above.
    """

    __slots__ = ("destinations", "send_order", "sources")

    def __init__(self, state: CommState) -> None:
        self.sources, self.destinations = topology_of(state, Topology).neighbors(state.rank)
        self.send_order = list(range(len(self.destinations)))
        if isinstance(state.topology, Cartesian):
            self.send_order = [place ^ 1 for place in self.send_order]

    def ordered(self, blocks: Sequence[T]) -> list[T]:
        """Order a list that has one item for each destination as the sends are started."""
        return [blocks[place] for place in self.send_order]


def _places(near: Neighbors, places: Sequence[BufferMessage], after: After) -> list[memoryview]:
    """The memory to receive each block in. The place of a neighbour beyond the edge stays as it is."""
    return [
        NOTHING if source == PROC_NULL else target(place, after)
        for source, place in zip(near.sources, places, strict=True)
    ]


def neighbor_allgather(state: CommState, sendbuf: object, recvbuf: object, form: int = EQUAL) -> Build:
    """Send one block to all destinations and receive one from each source."""
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
    """Send a block to each destination and receive one from each source."""
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
