"""Plans of the collective operations that combine data: reduce, allreduce, reduce-scatter, scan, exscan.

The schedules combine data in the receive buffer if that is contiguous, else in a contiguous copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import index as integer

from ... import collectives
from ...constants import ERR_ARG, ERR_OP, ROOT
from ...datatypes import BufferMessage, Datatype
from ...engine.schedule import Schedule
from ...errors.exception import Exception as MPIException
from ...op import Op
from ...op.user import user_reducer
from ..state import CommState
from . import inter as inter
from .blocks import After, copied, filled, finished, in_place, is_root, packed, target, to_receive, to_send
from .call import Build, Combine, execute


def combine(op: Op, datatype: Datatype) -> Combine:
    """How an operation combines elements of a datatype.

    Raises:
        TypeError: `op` is not an operation.
        MPI.Exception: ERR_OP, if the operation is null or not defined for the datatype.
    """
    if not isinstance(op, Op):
        raise TypeError(f"expected an MPI.Op, got {type(op).__name__}")
    if not op:
        raise MPIException(ERR_OP, "MPI.OP_NULL combines nothing")
    op._reducer(datatype, 0)
    state = op._live()
    # the program may free both handles before the operation starts: keep handles of our own
    kept = datatype if datatype.is_predefined else Datatype(datatype)
    if state.function is not None:
        return Combine(partial(user_reducer, state.function, kept), kept.size, False)
    own = Op(op)
    return Combine(lambda count: own._reducer(kept, count), kept.size, own._divisible)


def paired(sendbuf: object, recvbuf: object) -> tuple[BufferMessage | None, BufferMessage]:
    """Parse both buffers of a reduction within one group; the first result is None for IN_PLACE.

    Raises:
        ValueError: The buffers differ in datatype or count.
    """
    place = to_receive(recvbuf)
    return None if in_place(sendbuf) else alike(sendbuf, place), place


def alike(sendbuf: object, place: BufferMessage) -> BufferMessage:
    """Parse a buffer to be sent that has as many elements of the same datatype as the receive buffer.

    Raises:
        ValueError: The buffers differ in datatype or count.
    """
    own = to_send(sendbuf)
    check_same_type(own, place)
    if own.count != place.count:
        raise ValueError(f"there are {own.count} elements to send, but room for {place.count}")
    return own


def check_same_type(own: BufferMessage, place: BufferMessage) -> None:
    """Raise ValueError if two buffers have different datatypes."""
    if own.datatype != place.datatype:
        raise ValueError("the datatypes of the buffers to send and to receive differ")


def contribution(own: BufferMessage | None, place: BufferMessage, after: After) -> memoryview:
    """The memory to receive the result in; it holds what this rank contributes."""
    if own is None:
        return filled(place, after)
    view = target(place, after)
    view[: own.nbytes] = packed(own)
    return view


def reduce(state: CommState, sendbuf: object, recvbuf: object, op: Op, root: int) -> Build:
    """Combine the buffers of all ranks at the root."""
    if state.remote is not None:
        return _reduce_across(state, sendbuf, recvbuf, op, root)
    rank, size = state.rank, len(state.members)
    own: BufferMessage | None
    place: BufferMessage | None
    if is_root(state, root):
        own, place = paired(sendbuf, recvbuf)
        message = place
    else:
        own, place = None, None
        message = to_send(sendbuf)
    how = combine(op, message.datatype)

    def build() -> Schedule:
        after: After = []
        schedule = Schedule(collectives.KIND_REDUCE)
        view = packed(message) if place is None else contribution(own, place, after)
        collectives.reduce(schedule, rank, size, view, *how, root)
        return finished(schedule, after)

    return build


def _reduce_across(state: CommState, sendbuf: object, recvbuf: object, op: Op, root: int) -> Build:
    inter.check_root(state, root)
    own = to_send(sendbuf) if root >= 0 else None
    place = to_receive(recvbuf) if root == ROOT else None
    message = own or place
    if message is None:
        return inter.nothing(collectives.KIND_REDUCE)
    return inter.reduce(state, own, place, combine(op, message.datatype), root)


def allreduce(state: CommState, sendbuf: object, recvbuf: object, op: Op) -> Build:
    """Combine the buffers of all ranks; every rank receives the result."""
    if state.remote is not None:
        place = to_receive(recvbuf)
        return inter.allreduce(state, alike(sendbuf, place), place, combine(op, place.datatype))
    own, place = paired(sendbuf, recvbuf)
    how = combine(op, place.datatype)

    def build() -> Schedule:
        after: After = []
        schedule = Schedule(collectives.KIND_ALLREDUCE)
        view = contribution(own, place, after)
        collectives.allreduce(schedule, state.rank, len(state.members), view, *how)
        return finished(schedule, after)

    return build


def reduce_scatter_block(state: CommState, sendbuf: object, recvbuf: object, op: Op) -> Build:
    """Combine the buffers of all ranks; rank i receives block i of the result. All blocks have one size.

    Raises:
        ValueError: The counts or datatypes of the two buffers do not fit.
    """
    size = len(state.members)
    if state.remote is None and in_place(sendbuf):
        own, place = None, to_receive(recvbuf)
        if place.datatype.size and place.count % size:
            raise ValueError(f"{place.count} elements cannot be divided into {size} equal blocks")
        count = place.count // size
    else:
        place, own = to_receive(recvbuf), to_send(sendbuf)
        check_same_type(own, place)
        count = place.count
        if own.count != count * size:
            raise ValueError(f"there are {own.count} elements to send, but room for {size} times {count}")
    return _reduce_scatter(state, own, place, [count] * size, op, collectives.KIND_REDUCE_SCATTER_BLOCK)


def reduce_scatter(
    state: CommState, sendbuf: object, recvbuf: object, recvcounts: Sequence[int] | None, op: Op
) -> Build:
    """Combine the buffers of all ranks; rank i receives `recvcounts[i]` elements of the result.

    Without `recvcounts` each rank receives as many elements as it has room for: the ranks exchange these
    counts.

    Raises:
        TypeError: `recvcounts` is missing with IN_PLACE or between two groups.
        ValueError: The counts or datatypes of the buffers do not fit.
        MPI.Exception: ERR_ARG, for a negative count.
    """
    rank, size = state.rank, len(state.members)
    own, place = None, to_receive(recvbuf)
    if state.remote is not None or not in_place(sendbuf):
        own = to_send(sendbuf)
        check_same_type(own, place)
    if recvcounts is None and own is not None and state.remote is None:
        counts = _counts(state, place.count)
    elif recvcounts is None:
        raise TypeError("Reduce_scatter needs recvcounts with MPI.IN_PLACE and between two groups")
    else:
        counts = [integer(count) for count in recvcounts]
        if len(counts) != size:
            raise ValueError(f"expected {size} counts, got {len(counts)}")
    if any(count < 0 for count in counts):
        raise MPIException(ERR_ARG, f"a count of {counts} is negative")
    whole = place if own is None else own
    if whole.count != sum(counts):
        raise ValueError(f"the buffer has {whole.count} elements, the counts {counts} need {sum(counts)}")
    if own is not None and place.count != counts[rank]:
        raise ValueError(f"there is room for {place.count} elements, but rank {rank} receives {counts[rank]}")
    return _reduce_scatter(state, own, place, counts, op, collectives.KIND_REDUCE_SCATTER)


def _reduce_scatter(
    state: CommState, own: BufferMessage | None, place: BufferMessage, counts: list[int], op: Op, kind: int
) -> Build:
    how = combine(op, place.datatype)
    if state.remote is not None:
        assert own is not None
        return inter.reduce_scatter(state, own, place, counts, how, kind)

    def build() -> Schedule:
        after: After = []
        schedule = Schedule(kind)
        view, into = copied(place) if own is None else packed(own), place
        if own is None:
            into = BufferMessage(place.view, place.offset, counts[state.rank], place.datatype)
        block = target(into, after)
        collectives.reduce_scatter(schedule, state.rank, len(state.members), view, counts, block, *how)
        return finished(schedule, after)

    return build


def _counts(state: CommState, count: int) -> list[int]:
    """Ask all ranks for how many elements they have room."""
    size = len(state.members)
    whole = memoryview(bytearray(8 * size))
    numbers = whole.cast("q")
    numbers[state.rank] = count
    schedule = Schedule(collectives.KIND_ALLGATHER)
    blocks = [whole[8 * rank : 8 * rank + 8] for rank in range(size)]
    collectives.allgather(schedule, state.rank, size, blocks)
    execute(state, schedule)
    return numbers.tolist()


def scan(state: CommState, sendbuf: object, recvbuf: object, op: Op) -> Build:
    """Combine, for each rank, the buffers of rank 0 to that rank."""
    own, place = paired(sendbuf, recvbuf)
    how = combine(op, place.datatype)

    def build() -> Schedule:
        after: After = []
        schedule = Schedule(collectives.KIND_SCAN)
        view = contribution(own, place, after)
        collectives.scan(schedule, state.rank, len(state.members), view, *how)
        return finished(schedule, after)

    return build


def exscan(state: CommState, sendbuf: object, recvbuf: object, op: Op) -> Build:
    """Combine, for each rank, the buffers of the ranks below it. Rank 0 keeps what its buffer held."""
    own, place = paired(sendbuf, recvbuf)
    how = combine(op, place.datatype)

    def build() -> Schedule:
        after: After = []
        schedule = Schedule(collectives.KIND_EXSCAN)
        view = contribution(own, place, after) if state.rank else copied(own or place)
        collectives.exscan(schedule, state.rank, len(state.members), view, *how)
        return finished(schedule, after)

    return build
