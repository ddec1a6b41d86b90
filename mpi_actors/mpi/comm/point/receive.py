"""Receives into buffers: `Recv` waits, `Irecv` returns a request, `Recv_init` returns one to start later."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ...constants import ANY_SOURCE, ANY_TAG, GREATEST_TAG, PROC_NULL
from ...datatypes import fast_target, parse_recv
from ...engine import done_transfer
from ...errors.exception import Exception as MPIException
from ...requests.request import Prequest, Request
from ..errors import handled, report_and_raise
from .ranks import NOBODY, Point, nothing_received

if TYPE_CHECKING:
    from ...engine import Transfer
    from ...status import Status

    Finish = Callable[[Transfer], object] | None


class BufferReceives(Point):
    """Recv, Irecv, Recv_init. MPI 4.1, sections 3.2.4, 3.7 and 3.9."""

    __slots__ = ()

    def Recv(
        self, buf: object, source: int = ANY_SOURCE, tag: int = ANY_TAG, status: Status | None = None
    ) -> None:
        """Receive a message into a buffer. The message may be shorter than the buffer.

        Raises:
            MPI.Exception: ERR_TRUNCATE, if the message is longer than the buffer.
        """
        state = self._h
        try:
            if 0 <= source < state.count and ANY_TAG <= tag <= GREATEST_TAG:
                world = state.peers[source]
            else:
                world = self._source(source, tag)
                if world == NOBODY:
                    return nothing_received(status)
            into = fast_target(buf)
            if into is None:
                into, unpack = parse_recv(buf).target()
                transfer = state.recv(world, state.context, tag, into)
                if unpack is not None:
                    unpack(transfer.count)
            else:
                transfer = state.recv(world, state.context, tag, into)
            if status is not None:
                status._set(state.index[transfer.source], transfer.tag, 0, transfer.count, False)
            if transfer.error:
                raise MPIException(transfer.error)
        except MPIException as error:
            report_and_raise(self, error)

    @handled
    def Irecv(self, buf: object, source: int = ANY_SOURCE, tag: int = ANY_TAG) -> Request:
        """Begin a receive. The buffer holds the message once the request is complete."""
        world = self._source(source, tag)
        state = self._h
        if world == NOBODY:
            return Request._of(nothing_comes(), state)
        into, finish = incoming(buf)
        return Request._of(state.engine.irecv(world, state.context, tag, into), state, finish, buf)

    @handled
    def Recv_init(self, buf: object, source: int = ANY_SOURCE, tag: int = ANY_TAG) -> Prequest:
        """Return a request for a receive that can be started many times."""
        world = self._source(source, tag)
        state = self._h
        if world == NOBODY:
            return Prequest._of(nothing_comes, state)
        into, finish = incoming(buf)
        irecv, context = state.engine.irecv, state.context

        def start() -> Transfer:
            return irecv(world, context, tag, into)

        return Prequest._of(start, state, finish)


def incoming(buf: object) -> tuple[memoryview, Finish]:
    """The memory to receive a message in, and the function that then unpacks it, if that is needed."""
    view = fast_target(buf)
    if view is not None:
        return view, None
    into, unpack = parse_recv(buf).target()
    if unpack is None:
        return into, None

    def finish(transfer: Transfer) -> None:
        unpack(transfer.count)

    return into, finish


def nothing_comes() -> Transfer:
    """A receive from PROC_NULL: complete, with no data."""
    return done_transfer(PROC_NULL, ANY_TAG)
