"""Sends of buffers, in the modes standard, synchronous and ready.

`Send`, `Ssend` and `Rsend` wait. `Isend` … return a request. `Send_init` … return a request to be started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...constants import ANY_TAG, GREATEST_TAG, PROC_NULL
from ...datatypes import fast_view, parse_send
from ...engine import READY, STANDARD, SYNCHRONOUS, done_transfer
from ...errors.exception import Exception as MPIException
from ...requests.request import Prequest, Request
from ..errors import handled, report_and_raise
from .ranks import NOBODY, Point

if TYPE_CHECKING:
    from ...engine import Data, Transfer


class BufferSends(Point):
    """Send, Ssend, Rsend; Isend …; Send_init … MPI 4.1, sections 3.2.1, 3.4, 3.7 and 3.9."""

    __slots__ = ()

    def Send(self, buf: object, dest: int, tag: int = 0) -> None:
        """Send a buffer. Return when the program may change the buffer, perhaps before it is received."""
        state = self._h
        try:
            if 0 <= dest < state.count and 0 <= tag <= GREATEST_TAG:
                data: Data | None = fast_view(buf)
                if data is None:
                    data = parse_send(buf).packed()
                state.send(state.peers[dest], state.context, tag, data)
            else:
                self._dest(dest, tag)
        except MPIException as error:
            report_and_raise(self, error)

    @handled
    def Ssend(self, buf: object, dest: int, tag: int = 0) -> None:
        """Send a buffer. Return when its receive has begun."""
        self._send_as(SYNCHRONOUS, buf, dest, tag)

    @handled
    def Rsend(self, buf: object, dest: int, tag: int = 0) -> None:
        """Send a buffer. The program promises that the receive is already posted."""
        self._send_as(READY, buf, dest, tag)

    @handled
    def Isend(self, buf: object, dest: int, tag: int = 0) -> Request:
        """Begin a send. The program must not change the buffer until the request is complete."""
        return self._begin_send(STANDARD, buf, dest, tag)

    @handled
    def Issend(self, buf: object, dest: int, tag: int = 0) -> Request:
        """Begin a send. The request is complete when the receive has begun."""
        return self._begin_send(SYNCHRONOUS, buf, dest, tag)

    @handled
    def Irsend(self, buf: object, dest: int, tag: int = 0) -> Request:
        """Begin a send. The program promises that the receive is already posted."""
        return self._begin_send(READY, buf, dest, tag)

    @handled
    def Send_init(self, buf: object, dest: int, tag: int = 0) -> Prequest:
        """Return a request for a send that can be started many times."""
        return self._prepare_send(STANDARD, buf, dest, tag)

    @handled
    def Ssend_init(self, buf: object, dest: int, tag: int = 0) -> Prequest:
        """Return a request for a synchronous send that can be started many times."""
        return self._prepare_send(SYNCHRONOUS, buf, dest, tag)

    @handled
    def Rsend_init(self, buf: object, dest: int, tag: int = 0) -> Prequest:
        """Return a request for a send. The program promises that a receive is posted before each start."""
        return self._prepare_send(READY, buf, dest, tag)

    def _send_as(self, mode: int, buf: object, dest: int, tag: int) -> None:
        world = self._dest(dest, tag)
        if world != NOBODY:
            state = self._h
            state.send(world, state.context, tag, outgoing(buf), mode)

    def _begin_send(self, mode: int, buf: object, dest: int, tag: int) -> Request:
        world = self._dest(dest, tag)
        state = self._h
        if world == NOBODY:
            return Request._of(nothing_sent(), state)
        return Request._of(
            state.engine.isend(world, state.context, tag, outgoing(buf), mode), state, None, buf
        )

    def _prepare_send(self, mode: int, buf: object, dest: int, tag: int) -> Prequest:
        world = self._dest(dest, tag)
        state = self._h
        if world == NOBODY:
            return Prequest._of(nothing_sent, state)
        message = parse_send(buf)
        isend, context = state.engine.isend, state.context

        def start() -> Transfer:
            return isend(world, context, tag, message.packed(), mode)

        return Prequest._of(start, state)


def outgoing(buf: object) -> Data:
    """The bytes that a program's buffer for a send describes."""
    data = fast_view(buf)
    return parse_send(buf).packed() if data is None else data


def nothing_sent() -> Transfer:
    """A send to PROC_NULL: complete."""
    return done_transfer(PROC_NULL, ANY_TAG)
