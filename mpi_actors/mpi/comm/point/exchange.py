"""One call for a send and a receive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...constants import ANY_SOURCE, ANY_TAG
from ...errors.exception import Exception as MPIException
from ...requests.request import Request
from ..errors import handled
from ..state import CommState
from .joint import Joint
from .ranks import NOBODY, Point, nothing_received
from .receive import incoming, nothing_comes
from .send import nothing_sent, outgoing

if TYPE_CHECKING:
    from ...engine import Data, Transfer
    from ...status import Status


class Exchanges(Point):
    """Sendrecv, Sendrecv_replace, and the same without waiting. MPI 4.1, section 3.10."""

    __slots__ = ()

    @handled
    def Sendrecv(
        self,
        sendbuf: object,
        dest: int,
        sendtag: int = 0,
        recvbuf: object = None,
        source: int = ANY_SOURCE,
        recvtag: int = ANY_TAG,
        status: Status | None = None,
    ) -> None:
        """Send one buffer and receive into another one, at the same time."""
        to, world = self._dest(dest, sendtag), self._source(source, recvtag)
        data = b"" if to == NOBODY else outgoing(sendbuf)
        self._exchange(to, sendtag, data, world, recvtag, recvbuf, status)

    @handled
    def Sendrecv_replace(
        self,
        buf: object,
        dest: int,
        sendtag: int = 0,
        source: int = ANY_SOURCE,
        recvtag: int = ANY_TAG,
        status: Status | None = None,
    ) -> None:
        """Send a buffer, and receive a message into the same buffer."""
        to, world = self._dest(dest, sendtag), self._source(source, recvtag)
        data = b"" if to == NOBODY else copied(outgoing(buf))
        self._exchange(to, sendtag, data, world, recvtag, buf, status)

    @handled
    def Isendrecv(
        self,
        sendbuf: object,
        dest: int,
        sendtag: int = 0,
        recvbuf: object = None,
        source: int = ANY_SOURCE,
        recvtag: int = ANY_TAG,
    ) -> Request:
        """Begin a send and a receive. Return one request for both."""
        to, world = self._dest(dest, sendtag), self._source(source, recvtag)
        state = self._h
        into, finish = (None, None) if world == NOBODY else incoming(recvbuf)
        data = b"" if to == NOBODY else outgoing(sendbuf)
        return Request._of(
            both(state, to, sendtag, data, world, recvtag, into), state, finish, (sendbuf, recvbuf)
        )

    @handled
    def Isendrecv_replace(
        self, buf: object, dest: int, sendtag: int = 0, source: int = ANY_SOURCE, recvtag: int = ANY_TAG
    ) -> Request:
        """Begin to send a buffer and to receive into the same buffer. Return one request for both."""
        to, world = self._dest(dest, sendtag), self._source(source, recvtag)
        state = self._h
        into, finish = (None, None) if world == NOBODY else incoming(buf)
        data = b"" if to == NOBODY else copied(outgoing(buf))
        return Request._of(both(state, to, sendtag, data, world, recvtag, into), state, finish, buf)

    def _exchange(
        self,
        to: int,
        sendtag: int,
        data: Data,
        world: int,
        recvtag: int,
        recvbuf: object,
        status: Status | None,
    ) -> None:
        state = self._h
        engine = state.engine
        into, finish = (None, None) if world == NOBODY else incoming(recvbuf)
        sent = None if to == NOBODY else engine.isend(to, state.context, sendtag, data)
        error = 0
        if world == NOBODY:
            nothing_received(status)
        else:
            transfer = engine.recv(world, state.context, recvtag, into)
            if finish is not None:
                finish(transfer)
            if status is not None:
                status._set(state.index[transfer.source], transfer.tag, 0, transfer.count, False)
            error = transfer.error
        if sent is not None:
            engine.wait(sent)
        if error:
            raise MPIException(error)


def both(
    state: CommState, to: int, sendtag: int, data: Data, world: int, recvtag: int, into: memoryview | None
) -> Transfer:
    """Begin a receive and a send; `world` and `to` may be NOBODY. Return one transfer for both."""
    engine, context = state.engine, state.context
    received = nothing_comes() if world == NOBODY else engine.irecv(world, context, recvtag, into)
    sent = nothing_sent() if to == NOBODY else engine.isend(to, context, sendtag, data)
    return engine.inside(lambda: Joint((received, sent)))


def copied(data: Data) -> bytes:
    """A copy of the bytes, which stays the same when the program changes its buffer."""
    return b"".join(data) if isinstance(data, tuple) else bytes(data)
