"""Parsed buffers as builders of schedules want them: contiguous bytes, in blocks, and what to do after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from ...constants import ERR_BUFFER, ERR_COUNT, ERR_ROOT, ERR_TRUNCATE
from ...datatypes import (
    IN_PLACE,
    BufferMessage,
    parse_recv,
    parse_recv_v,
    parse_recv_w,
    parse_send,
    parse_send_v,
    parse_send_w,
)
from ...engine.schedule import Schedule
from ...errors.exception import Exception as MPIException
from ..state import CommState

After = list[Callable[[], None]]
"""What is left to do with received data: unpack it."""

EQUAL, VECTOR, GENERAL = range(3)
"""Forms of a buffer with several blocks: of one size, of any sizes, of any datatypes."""


def is_root(state: CommState, root: int) -> bool:
    """Whether this rank is the root in an intracommunicator; ERR_ROOT if nobody can be."""
    if not 0 <= root < len(state.members):
        raise MPIException(ERR_ROOT, f"root {root} in a communicator of {len(state.members)}")
    return root == state.rank


def in_place(buffer: object) -> bool:
    """Whether an argument that may be IN_PLACE is so; None means the same."""
    return buffer is None or buffer is IN_PLACE


def to_send(buffer: object) -> BufferMessage:
    """Parse a buffer to be sent; ERR_BUFFER for IN_PLACE where it has no meaning."""
    if buffer is IN_PLACE:
        raise MPIException(ERR_BUFFER, "MPI.IN_PLACE has no meaning here")
    return parse_send(buffer)


def to_receive(buffer: object) -> BufferMessage:
    """Parse a buffer to receive in; ERR_BUFFER for IN_PLACE where it has no meaning."""
    if buffer is IN_PLACE:
        raise MPIException(ERR_BUFFER, "MPI.IN_PLACE has no meaning here")
    return parse_recv(buffer)


def send_blocks(buffer: object, count: int, form: int) -> list[BufferMessage]:
    """Parse a buffer of `count` blocks to be sent."""
    if buffer is IN_PLACE:
        raise MPIException(ERR_BUFFER, "MPI.IN_PLACE has no meaning here")
    parsed = (parse_send, parse_send_v, parse_send_w)[form](buffer, blocks=count)
    return [parsed.block(number) for number in range(count)]


def receive_blocks(buffer: object, count: int, form: int) -> list[BufferMessage]:
    """Parse a buffer of `count` blocks to receive in."""
    if buffer is IN_PLACE:
        raise MPIException(ERR_BUFFER, "MPI.IN_PLACE has no meaning here")
    parsed = (parse_recv, parse_recv_v, parse_recv_w)[form](buffer, blocks=count)
    return [parsed.block(number) for number in range(count)]


def packed(message: BufferMessage) -> memoryview:
    """What a message sends."""
    data = message.packed()
    return data if isinstance(data, memoryview) else memoryview(data)


def copied(message: BufferMessage) -> memoryview:
    """The same in memory of its own, to be written to."""
    return memoryview(bytearray(message.packed()))


def target(message: BufferMessage, after: After) -> memoryview:
    """Where to receive a message; unpacking it, if it must be, is added to `after`."""
    view, unpack = message.target()
    if unpack is not None:
        after.append(partial(unpack, len(view)))
    return view


def targets(messages: Sequence[BufferMessage], after: After) -> list[memoryview]:
    """Where to receive several."""
    return [target(message, after) for message in messages]


def filled(message: BufferMessage, after: After) -> memoryview:
    """Where to receive a message, with what its memory holds now."""
    before = len(after)
    view = target(message, after)
    if len(after) > before:
        view[:] = message.packed()
    return view


def own_block(sent: BufferMessage, place: BufferMessage) -> None:
    """Check that what a rank sends to itself fits its own block: ERR_TRUNCATE or ERR_COUNT."""
    if sent.nbytes != place.nbytes:
        raise MPIException(
            ERR_TRUNCATE if sent.nbytes > place.nbytes else ERR_COUNT,
            f"a block of {sent.nbytes} bytes for one of {place.nbytes} bytes",
        )


def finished(schedule: Schedule, after: After) -> Schedule:
    """The schedule, with what is to be done when all has been received."""
    if after:
        schedule.fence()
        for step in after:
            schedule.compute(step)
    return schedule
