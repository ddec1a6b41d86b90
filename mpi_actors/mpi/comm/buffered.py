"""Buffered sends: messages that are copied, so that the send does not wait for its receiver.

The program attaches memory for that, to a communicator or for all of them. Here it only says how much may be
on its way: the copies are ordinary objects.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..constants import BSEND_OVERHEAD, ERR_BUFFER
from ..datatypes import BUFFER_AUTOMATIC
from ..exception import Exception as MPIException
from ..request import Prequest, Request
from .errors import handled
from .point import NOBODY, Point
from .send import nothing_sent, outgoing

if TYPE_CHECKING:
    from ..datatypes import Message
    from ..engine import Data, Engine, Transfer
    from .state import CommState


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
        self.size = None if self.memory is BUFFER_AUTOMATIC else writable_bytes(memory)
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


def bsend(state: CommState, world: int, tag: int, data: Data) -> None:
    """Send a copy of the data, within what is attached.

    Raises:
        MPI.Exception: ERR_BUFFER
    """
    buffer = state.buffer or process.buffer
    if buffer is None:
        raise MPIException(ERR_BUFFER, "no buffer is attached")
    copy = b"".join(data) if isinstance(data, tuple) else bytes(data)
    engine = state.engine
    with engine.lock:
        buffer.reserve(len(copy))
        buffer.hold(engine.isend(world, state.context, tag, copy), len(copy))


def writable_bytes(memory: object) -> int:
    """How large memory is; BufferError or TypeError if it cannot be written to."""
    view = memoryview(memory)  # type: ignore[arg-type]
    if view.readonly:
        raise BufferError("a buffer for sends must be writable")
    return view.nbytes


class BufferedSends(Point):
    """Bsend, Ibsend, Bsend_init; what is attached to a communicator."""

    __slots__ = ()

    @handled
    def Bsend(self, buf: object, dest: int, tag: int = 0) -> None:
        """Send a copy of a buffer; does not wait for the receiver."""
        world = self._dest(dest, tag)
        if world != NOBODY:
            bsend(self._h, world, tag, outgoing(buf))

    @handled
    def Ibsend(self, buf: object, dest: int, tag: int = 0) -> Request:
        """The same with a request, which is complete at once."""
        world = self._dest(dest, tag)
        if world != NOBODY:
            bsend(self._h, world, tag, outgoing(buf))
        return Request._of(nothing_sent(), self._h)

    @handled
    def Bsend_init(self, buf: object, dest: int, tag: int = 0) -> Prequest:
        """Prepare a buffered send, to be started many times."""
        world = self._dest(dest, tag)
        state = self._h
        if world == NOBODY:
            return Prequest._of(nothing_sent, state)
        from ..datatypes import parse_send

        message: Message = parse_send(buf)

        def start() -> Transfer:
            bsend(state, world, tag, message.packed())
            return nothing_sent()

        return Prequest._of(start, state)

    @handled
    def Attach_buffer(self, buf: object) -> None:
        """Attach memory for the buffered sends of this communicator. None: as much as is needed."""
        attach(self._live(), buf)

    @handled
    def Detach_buffer(self) -> object:
        """Wait until what is buffered is sent, and give the memory back."""
        state = self._live()
        return detach(state, state.engine)

    @handled
    def Flush_buffer(self) -> None:
        """Wait until what is buffered is sent."""
        state = self._live()
        flush(state, state.engine)

    @handled
    def Iflush_buffer(self) -> Request:
        """The same with a request."""
        state = self._live()
        return Request._of(nothing_sent(), state)
