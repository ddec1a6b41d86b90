"""Plans of collective operations between two groups.

The root gives ROOT as the root, the other processes of its group give PROC_NULL and take no part, and the
processes of the other group give the root's rank. Data crosses over: every process receives what the other
group has (MPI 4.1, section 6.2.3).
"""

from __future__ import annotations

from ... import collectives
from ...constants import ERR_ROOT, PROC_NULL, ROOT
from ...datatypes import BufferMessage
from ...engine.schedule import Schedule
from ...errors.exception import Exception as MPIException
from ..state import CommState
from .blocks import After, finished, packed, receive_blocks, send_blocks, target, targets, to_receive, to_send
from .call import Build, Combine


def sizes(state: CommState) -> tuple[int, int, int]:
    """Rank, size of the local group, size of the remote group: the first arguments of the builders."""
    assert state.remote is not None
    return state.rank, len(state.members), len(state.remote)


def check_root(state: CommState, root: int) -> None:
    """Raise ERR_ROOT unless the argument is ROOT, PROC_NULL or a rank of the remote group."""
    assert state.remote is not None
    if not 0 <= root < len(state.remote) and root not in (ROOT, PROC_NULL):
        raise MPIException(
            ERR_ROOT, f"no root {root} among the {len(state.remote)} ranks of the remote group"
        )


def barrier(state: CommState) -> Build:
    """Wait for the other group."""

    def build() -> Schedule:
        schedule = Schedule(collectives.KIND_BARRIER)
        collectives.inter_barrier(schedule, *sizes(state))
        return schedule

    return build


def nothing(kind: int) -> Build:
    """What the other processes of the root's group do: nothing."""
    return lambda: Schedule(kind)


def bcast(state: CommState, buf: object, root: int) -> Build:
    """Send one buffer from the root to each process of the other group."""
    check_root(state, root)
    message = None if root == PROC_NULL else to_send(buf) if root == ROOT else to_receive(buf)

    def build() -> Schedule:
        after: After = []
        schedule = Schedule(collectives.KIND_BCAST)
        if message is not None:
            view = packed(message) if root == ROOT else target(message, after)
            collectives.inter_bcast(schedule, *sizes(state), view, root)
        return finished(schedule, after)

    return build


def gather(state: CommState, sendbuf: object, recvbuf: object, root: int, form: int, kind: int) -> Build:
    """Send a block from each process of the other group to the root."""
    check_root(state, root)
    places = receive_blocks(recvbuf, state.count, form) if root == ROOT else None
    own = to_send(sendbuf) if root >= 0 else None

    def build() -> Schedule:
        after: After = []
        schedule = Schedule(kind)
        blocks = None if places is None else targets(places, after)
        data = None if own is None else packed(own)
        collectives.inter_gather(schedule, *sizes(state), data, blocks, root)
        return finished(schedule, after)

    return build


def scatter(state: CommState, sendbuf: object, recvbuf: object, root: int, form: int, kind: int) -> Build:
    """Send a block from the root to each process of the other group."""
    check_root(state, root)
    given = send_blocks(sendbuf, state.count, form) if root == ROOT else None
    own = to_receive(recvbuf) if root >= 0 else None

    def build() -> Schedule:
        after: After = []
        schedule = Schedule(kind)
        blocks = None if given is None else [packed(block) for block in given]
        place = None if own is None else target(own, after)
        collectives.inter_scatter(schedule, *sizes(state), blocks, place, root)
        return finished(schedule, after)

    return build


def allgather(state: CommState, sendbuf: object, recvbuf: object, form: int, kind: int) -> Build:
    """Send a block from each process of the other group to every process of this one."""
    places = receive_blocks(recvbuf, state.count, form)
    own = to_send(sendbuf)

    def build() -> Schedule:
        after: After = []
        schedule = Schedule(kind)
        collectives.inter_allgather(schedule, *sizes(state), packed(own), targets(places, after))
        return finished(schedule, after)

    return build


def alltoall(state: CommState, sendbuf: object, recvbuf: object, form: int, kind: int) -> Build:
    """Exchange a block with each process of the other group."""
    places = receive_blocks(recvbuf, state.count, form)
    given = send_blocks(sendbuf, state.count, form)

    def build() -> Schedule:
        after: After = []
        schedule = Schedule(kind)
        blocks = [packed(block) for block in given]
        collectives.inter_alltoall(schedule, *sizes(state), blocks, targets(places, after))
        return finished(schedule, after)

    return build


def reduce(
    state: CommState, own: BufferMessage | None, place: BufferMessage | None, how: Combine, root: int
) -> Build:
    """Combine the buffers of the other group at the root. The root gives `place`, the other group `own`."""

    def build() -> Schedule:
        after: After = []
        schedule = Schedule(collectives.KIND_REDUCE)
        view = packed(own) if own is not None else target(place, after) if place is not None else None
        collectives.inter_reduce(schedule, *sizes(state), view, *how, root)
        return finished(schedule, after)

    return build


def allreduce(state: CommState, own: BufferMessage, place: BufferMessage, how: Combine) -> Build:
    """Combine the buffers of the other group; each process of this group receives the result."""

    def build() -> Schedule:
        after: After = []
        schedule = Schedule(collectives.KIND_ALLREDUCE)
        collectives.inter_allreduce(schedule, *sizes(state), packed(own), target(place, after), *how)
        return finished(schedule, after)

    return build


def reduce_scatter(
    state: CommState, own: BufferMessage, place: BufferMessage, counts: list[int], how: Combine, kind: int
) -> Build:
    """Combine the buffers of the other group; rank i of this group receives `counts[i]` elements."""

    def build() -> Schedule:
        after: After = []
        schedule = Schedule(kind)
        block = target(place, after)
        collectives.inter_reduce_scatter(schedule, *sizes(state), packed(own), counts, block, *how)
        return finished(schedule, after)

    return build
