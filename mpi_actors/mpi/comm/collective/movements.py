"""Plans of the collective operations that move data: broadcast, gather, scatter, allgather, alltoall.

The builders of schedules know bytes and blocks only. These plans check and parse the arguments, pack data
that is not contiguous, and unpack what was received in a last step.
"""

from __future__ import annotations

from functools import partial

from ... import collectives
from ...engine.schedule import Schedule
from ..state import CommState
from . import inter as inter
from .blocks import (
    EQUAL,
    GENERAL,
    VECTOR,
    After,
    check_own_block,
    copied,
    filled,
    finished,
    in_place,
    is_root,
    packed,
    receive_blocks,
    send_blocks,
    target,
    targets,
    to_receive,
    to_send,
)
from .call import Build

GATHERS = collectives.KIND_GATHER, collectives.KIND_GATHERV
SCATTERS = collectives.KIND_SCATTER, collectives.KIND_SCATTERV
ALLGATHERS = collectives.KIND_ALLGATHER, collectives.KIND_ALLGATHERV
ALLTOALLS = collectives.KIND_ALLTOALL, collectives.KIND_ALLTOALLV, collectives.KIND_ALLTOALLW
"""Kinds of schedules, by the form of the blocks: EQUAL, VECTOR, GENERAL."""


def barrier(state: CommState) -> Build:
    """Wait for all ranks."""
    if state.remote is not None:
        return inter.barrier(state)

    def build() -> Schedule:
        schedule = Schedule(collectives.KIND_BARRIER)
        collectives.barrier(schedule, state.rank, len(state.members))
        return schedule

    return build


def bcast(state: CommState, buf: object, root: int) -> Build:
    """Send one buffer from the root to all ranks."""
    if state.remote is not None:
        return inter.bcast(state, buf, root)
    here = is_root(state, root)
    message = to_send(buf) if here else to_receive(buf)

    def build() -> Schedule:
        after: After = []
        schedule = Schedule(collectives.KIND_BCAST)
        view = packed(message) if here else target(message, after)
        collectives.bcast(schedule, state.rank, len(state.members), view, root)
        return finished(schedule, after)

    return build


def gather(state: CommState, sendbuf: object, recvbuf: object, root: int, form: int = EQUAL) -> Build:
    """Send a block from each rank to the root."""
    if state.remote is not None:
        return inter.gather(state, sendbuf, recvbuf, root, form, GATHERS[form])
    rank, size = state.rank, len(state.members)
    here = is_root(state, root)
    places = receive_blocks(recvbuf, size, form) if here else None
    if places is not None and in_place(sendbuf):
        own = places[rank]
    else:
        own = to_send(sendbuf)
        if places is not None:
            check_own_block(own, places[rank])
    add = collectives.gather if form == EQUAL else collectives.gatherv

    def build() -> Schedule:
        after: After = []
        schedule = Schedule(GATHERS[form])
        blocks = None if places is None else targets(places, after)
        add(schedule, rank, size, packed(own), blocks, root)
        return finished(schedule, after)

    return build


gatherv = partial(gather, form=VECTOR)


def scatter(state: CommState, sendbuf: object, recvbuf: object, root: int, form: int = EQUAL) -> Build:
    """Send a block from the root to each rank."""
    if state.remote is not None:
        return inter.scatter(state, sendbuf, recvbuf, root, form, SCATTERS[form])
    rank, size = state.rank, len(state.members)
    here = is_root(state, root)
    given = send_blocks(sendbuf, size, form) if here else None
    own, unused = None, 0
    if given is not None and in_place(recvbuf):
        unused = given[rank].nbytes
    else:
        own = to_receive(recvbuf)
        if given is not None:
            check_own_block(given[rank], own)
    add = collectives.scatter if form == EQUAL else collectives.scatterv

    def build() -> Schedule:
        after: After = []
        schedule = Schedule(SCATTERS[form])
        blocks = None if given is None else [packed(block) for block in given]
        # in place, the block goes to memory that nobody reads: the root's own buffer may be read-only
        place = memoryview(bytearray(unused)) if own is None else target(own, after)
        add(schedule, rank, size, blocks, place, root)
        return finished(schedule, after)

    return build


scatterv = partial(scatter, form=VECTOR)


def allgather(state: CommState, sendbuf: object, recvbuf: object, form: int = EQUAL) -> Build:
    """Send a block from each rank to all ranks."""
    if state.remote is not None:
        return inter.allgather(state, sendbuf, recvbuf, form, ALLGATHERS[form])
    rank, size = state.rank, len(state.members)
    places = receive_blocks(recvbuf, size, form)
    own = None if in_place(sendbuf) else to_send(sendbuf)
    if own is not None:
        check_own_block(own, places[rank])
    add = collectives.allgather if form == EQUAL else collectives.allgatherv

    def build() -> Schedule:
        after: After = []
        schedule = Schedule(ALLGATHERS[form])
        blocks = [
            filled(place, after) if number == rank and own is None else target(place, after)
            for number, place in enumerate(places)
        ]
        if own is not None:
            blocks[rank][:] = packed(own)
        add(schedule, rank, size, blocks)
        return finished(schedule, after)

    return build


allgatherv = partial(allgather, form=VECTOR)


def alltoall(state: CommState, sendbuf: object, recvbuf: object, form: int = EQUAL) -> Build:
    """Send a block from each rank to each rank."""
    if state.remote is not None:
        return inter.alltoall(state, sendbuf, recvbuf, form, ALLTOALLS[form])
    rank, size = state.rank, len(state.members)
    places = receive_blocks(recvbuf, size, form)
    given = None if in_place(sendbuf) else send_blocks(sendbuf, size, form)
    if given is not None:
        check_own_block(given[rank], places[rank])
    add = collectives.alltoall if form == EQUAL else collectives.alltoallv

    def build() -> Schedule:
        after: After = []
        schedule = Schedule(ALLTOALLS[form])
        blocks = [copied(place) for place in places] if given is None else [packed(item) for item in given]
        add(schedule, rank, size, blocks, targets(places, after))
        return finished(schedule, after)

    return build


alltoallv = partial(alltoall, form=VECTOR)
alltoallw = partial(alltoall, form=GENERAL)
