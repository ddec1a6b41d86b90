"""Attached memory for buffered sends: of a communicator, or of the process for all other communicators."""

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
    """The buffer for communicators without one of their own."""

    __slots__ = ("buffer",)

    def __init__(self) -> None:
        self.buffer: SendBuffer | None = None


process = Attached()


def attach(place: Attached | CommState, memory: object) -> None:
    """Attach memory to a communicator or to the process; ERR_BUFFER if there is one already."""
    if place.buffer is not None:
        raise MPIException(ERR_BUFFER, "a buffer is attached already")
    place.buffer = SendBuffer(memory)


def detach(place: Attached | CommState, engine: Engine) -> object:
    """Wait until what is buffered is sent, and give the memory back; ERR_BUFFER if there is none."""
    buffer = place.buffer
    if buffer is None:
        raise MPIException(ERR_BUFFER, "no buffer is attached")
    buffer.flush(engine)
    place.buffer = None
    return buffer.memory


def flush(place: Attached | CommState, engine: Engine) -> None:
    """Wait until what is buffered is sent."""
    if place.buffer is not None:
        place.buffer.flush(engine)


def flushing(place: Attached | CommState, engine: Engine) -> Transfer:
    """What is complete when all that is buffered now is sent."""
    with engine.lock:
        held = place.buffer.held if place.buffer is not None else []
        return Joint([transfer for transfer, _ in held])


def Attach_buffer(buf: object) -> None:
    """Attach memory for the buffered sends of all communicators without a buffer of their own."""
    attach(process, buf)


def Detach_buffer() -> object:
    """Wait until what is buffered is sent, and give the memory back."""
    return detach(process, the_engine())


def Flush_buffer() -> None:
    """Wait until what is buffered is sent."""
    flush(process, the_engine())


def Iflush_buffer() -> Request:
    """The same with a request."""
    return Request._of(flushing(process, the_engine()))
