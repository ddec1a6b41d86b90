"""Memory that a program attaches for buffered sends: to a communicator, to a session or to the process.

A communicator without a buffer of its own uses the buffer of the process. MPI 4.1, section 3.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...constants import ERR_BUFFER
from ...engine import engine as the_engine
from ...errors.exception import Exception as MPIException
from ...requests.request import Request
from ..send_buffer import SendBuffer
from .joint import Joint

if TYPE_CHECKING:
    from ...engine import Engine, Transfer
    from ..state import CommState


class Attached:
    """A place other than a communicator that a buffer can be attached to: the process, or a session."""

    __slots__ = ("buffer",)

    def __init__(self) -> None:
        self.buffer: SendBuffer | None = None


process = Attached()
"""The buffer for communicators without one of their own."""


def attach(place: Attached | CommState, memory: object) -> None:
    """Attach memory to a place.

    Raises:
        MPI.Exception: ERR_BUFFER, if the place has a buffer already.
    """
    if place.buffer is not None:
        raise MPIException(ERR_BUFFER, "a buffer is attached already")
    place.buffer = SendBuffer(memory)


def detach(place: Attached | CommState, engine: Engine) -> object:
    """Wait until all buffered messages are sent. Detach the memory and return it.

    Raises:
        MPI.Exception: ERR_BUFFER, if the place has no buffer.
    """
    buffer = place.buffer
    if buffer is None:
        raise MPIException(ERR_BUFFER, "no buffer is attached: call Attach_buffer first")
    buffer.flush(engine)
    place.buffer = None
    return buffer.memory


def flush(place: Attached | CommState, engine: Engine) -> None:
    """Wait until all messages that are buffered at a place are sent."""
    if place.buffer is not None:
        place.buffer.flush(engine)


def flushing(place: Attached | CommState, engine: Engine) -> Transfer:
    """Return a transfer that is complete when all messages that are buffered now are sent."""
    held = place.buffer.held if place.buffer is not None else []
    return engine.inside(lambda: Joint([transfer for transfer, _ in held]))


def Attach_buffer(buf: object) -> None:
    """Attach memory for the buffered sends of all communicators without a buffer of their own."""
    attach(process, buf)


def Detach_buffer() -> object:
    """Wait until all buffered messages are sent. Detach the memory of the process and return it."""
    return detach(process, the_engine())


def Flush_buffer() -> None:
    """Wait until all messages in the buffer of the process are sent."""
    flush(process, the_engine())


def Iflush_buffer() -> Request:
    """Return a request that is complete when all messages now in the buffer of the process are sent."""
    return Request._of(flushing(process, the_engine()))
