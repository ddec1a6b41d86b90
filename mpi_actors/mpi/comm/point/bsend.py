"""Buffered sends: they send copies, so they do not wait for their receivers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...constants import ERR_BUFFER
from ...datatypes import parse_send
from ...errors.exception import Exception as MPIException
from ...requests.request import Prequest, Request
from ..errors import handled
from .buffered import attach, detach, flush, flushing, process
from .exchange import copied
from .ranks import NOBODY, Point
from .send import nothing_sent, outgoing

if TYPE_CHECKING:
    from ...engine import Data, Transfer
    from ..state import CommState


def bsend(state: CommState, world: int, tag: int, data: Data) -> None:
    """Send a copy of the data. The copy counts against the attached memory until it is sent.

    Raises:
        MPI.Exception: ERR_BUFFER, if no memory is attached or too little of it is free.
    """
    buffer = state.buffer or process.buffer
    if buffer is None:
        raise MPIException(ERR_BUFFER, "no buffer is attached: call Attach_buffer first")
    copy = copied(data)
    engine = state.engine
    with engine.lock:
        buffer.reserve(len(copy))
        buffer.hold(engine.isend(world, state.context, tag, copy), len(copy))


class BufferedSends(Point):
    """Bsend, Ibsend, Bsend_init; Attach_buffer …. MPI 4.1, sections 3.4, 3.6, 3.7 and 3.9."""

    __slots__ = ()

    @handled
    def Bsend(self, buf: object, dest: int, tag: int = 0) -> None:
        """Send a copy of a buffer without waiting for the receiver."""
        world = self._dest(dest, tag)
        if world != NOBODY:
            bsend(self._h, world, tag, outgoing(buf))

    @handled
    def Ibsend(self, buf: object, dest: int, tag: int = 0) -> Request:
        """Do as `Bsend`. Return a request, which is already complete."""
        world = self._dest(dest, tag)
        if world != NOBODY:
            bsend(self._h, world, tag, outgoing(buf))
        return Request._of(nothing_sent(), self._h)

    @handled
    def Bsend_init(self, buf: object, dest: int, tag: int = 0) -> Prequest:
        """Return a request for a buffered send that can be started many times."""
        world = self._dest(dest, tag)
        state = self._h
        if world == NOBODY:
            return Prequest._of(nothing_sent, state)
        message = parse_send(buf)

        def start() -> Transfer:
            bsend(state, world, tag, message.packed())
            return nothing_sent()

        return Prequest._of(start, state)

    @handled
    def Attach_buffer(self, buf: object) -> None:
        """Attach memory for the buffered sends of this communicator. None means as much as they need."""
        attach(self._live(), buf)

    @handled
    def Detach_buffer(self) -> object:
        """Wait until all buffered messages are sent. Detach the memory and return it."""
        state = self._live()
        return detach(state, state.engine)

    @handled
    def Flush_buffer(self) -> None:
        """Wait until all buffered messages are sent."""
        state = self._live()
        flush(state, state.engine)

    @handled
    def Iflush_buffer(self) -> Request:
        """Return a request that is complete when all messages that are buffered now are sent."""
        state = self._live()
        return Request._of(flushing(state, state.engine), state)
