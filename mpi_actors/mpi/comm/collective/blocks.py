"""Parsed buffers in the form that builders of schedules take: contiguous bytes, divided into blocks.

Data that is not contiguous is packed before it is sent, and unpacked after it was received.
"""

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
"""What remains to be done when all data has been received: unpacking."""

EQUAL, VECTOR, GENERAL = range(3)
"""Forms of a buffer with several blocks: one size, any sizes (…v), any datatypes (…w)."""


def is_root(state: CommState, root: int) -> bool:
    """Whether this rank is the root in an intracommunicator. Raises ERR_ROOT if no rank has this number."""
    if not 0 <= root < len(state.members):
        raise MPIException(ERR_ROOT, f"no root {root} among {len(state.members)} ranks")
    return root == state.rank


def in_place(buffer: object) -> bool:
    """Whether an argument that may be IN_PLACE is IN_PLACE; None means the same."""
    return buffer is None or buffer is IN_PLACE


def to_send(buffer: object) -> BufferMessage:
    """Parse a buffer to be sent. Raises ERR_BUFFER for IN_PLACE."""
    return parse_send(_memory(buffer))


def to_receive(buffer: object) -> BufferMessage:
    """Parse a buffer to receive in. Raises ERR_BUFFER for IN_PLACE."""
    return parse_recv(_memory(buffer))


def send_blocks(buffer: object, count: int, form: int) -> list[BufferMessage]:
    """Parse a buffer of `count` blocks to be sent. Raises ERR_BUFFER for IN_PLACE."""
    parsed = (parse_send, parse_send_v, parse_send_w)[form](_memory(buffer), blocks=count)
    return [parsed.block(number) for number in range(count)]


def receive_blocks(buffer: object, count: int, form: int) -> list[BufferMessage]:
    """Parse a buffer of `count` blocks to receive in. Raises ERR_BUFFER for IN_PLACE."""
    parsed = (parse_recv, parse_recv_v, parse_recv_w)[form](_memory(buffer), blocks=count)
    return [parsed.block(number) for number in range(count)]


def _memory(buffer: object) -> object:
    """The buffer itself, which must not be IN_PLACE: callers have handled the cases where that is allowed."""
    if buffer is IN_PLACE:
        raise MPIException(ERR_BUFFER, "MPI.IN_PLACE is not allowed for this buffer")
    return buffer


def packed(message: BufferMessage) -> memoryview:
    """The bytes that a message sends."""
    data = message.packed()
    return data if isinstance(data, memoryview) else memoryview(data)


def copied(message: BufferMessage) -> memoryview:
    """A writable copy of the bytes that a message sends."""
    return memoryview(bytearray(message.packed()))


def target(message: BufferMessage, after: After) -> memoryview:
    """The memory to receive a message in. If the message must be unpacked then, that is added to `after`."""
    view, unpack = message.target()
    if unpack is not None:
        after.append(partial(unpack, len(view)))
    return view


def targets(messages: Sequence[BufferMessage], after: After) -> list[memoryview]:
    """The memory to receive each of several messages in; see `target`."""
    return [target(message, after) for message in messages]


def filled(message: BufferMessage, after: After) -> memoryview:
    """The memory to receive a message in, holding what the program's buffer holds now."""
    before = len(after)
    view = target(message, after)
    if len(after) > before:
        view[:] = message.packed()
    return view


def check_own_block(sent: BufferMessage, place: BufferMessage) -> None:
    """Check that the block a rank sends to itself has the size of its place: ERR_TRUNCATE or ERR_COUNT."""
    if sent.nbytes != place.nbytes:
        raise MPIException(
            ERR_TRUNCATE if sent.nbytes > place.nbytes else ERR_COUNT,
            f"a block to send has {sent.nbytes} bytes, its place has {place.nbytes} bytes",
        )


def finished(schedule: Schedule, after: After) -> Schedule:
    """Return the schedule, followed by what is to be done when all data has been received."""
    if after:
        schedule.fence()
        for step in after:
            schedule.compute(step)
    return schedule
