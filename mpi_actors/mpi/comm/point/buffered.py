"""Memory that a program attaches for buffered sends: to a communicator, or to the process for all others.

Here it only says how much may be on its way: the copies that are sent are ordinary objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...constants import BSEND_OVERHEAD, ERR_BUFFER
from ...datatypes import BUFFER_AUTOMATIC
from ...datatypes.acquire import acquire
from ...engine import engine as the_engine
from ...errors.exception import Exception as MPIException
from ...requests.request import Request
from .joint import Joint

if TYPE_CHECKING:
    from ...engine import Engine, Transfer
    from ..state import CommState


class SendBuffer:
    """Memory that a program has attached, and the messages that it is thought to hold.

    Attributes:
        memory: what was attached, to be given back.
        size: its bytes; None: as many as are needed.
        held: messages that are not sent yet, with their bytes.
    """

    __slots__ = ("held", "memory", "size")

    def __init__(self, memory: object) -> None:
        self.memory = BUFFER_AUTOMATIC if memory is None else memory
        self.size: int | None = None
        if self.memory is not BUFFER_AUTOMATIC:
            self.size = acquire(memory, True, False).view.nbytes
        self.held: list[tuple[Transfer, int]] = []

    def reserve(self, nbytes: int) -> None:
        """Make sure that a message has a place.

        Raises:
            MPI.Exception: ERR_BUFFER, if those that are not sent yet leave none.
        """
        self.held = [(transfer, size) for transfer, size in self.held if not transfer.done]
        if self.size is None:
            return
        needed = sum(size for _, size in self.held) + nbytes + BSEND_OVERHEAD
        if needed > self.size:
            raise MPIException(ERR_BUFFER, f"a buffer of {self.size} bytes, where {needed} are needed")

    def hold(self, transfer: Transfer, nbytes: int) -> None:
        """Remember a message until it is sent."""
        if not transfer.done:
            self.held.append((transfer, nbytes + BSEND_OVERHEAD))

    def flush(self, engine: Engine) -> None:
        """Wait until all messages are sent."""
        engine.wait_all([transfer for transfer, _ in self.held])
        self.held = []


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
