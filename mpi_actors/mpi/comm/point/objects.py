"""Point-to-point communication of Python objects: what is sent is their pickle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...constants import ANY_SOURCE, ANY_TAG, GREATEST_TAG
from ...engine import STANDARD, SYNCHRONOUS
from ...errors.exception import Exception as MPIException
from ...pickles.messages import dumps, dumps_bytes, loads
from ...requests.request import Request
from ..errors import handled, raised
from .bsend import bsend
from .ranks import NOBODY, Point, nothing_received
from .receive import nothing_comes
from .send import nothing_sent

if TYPE_CHECKING:
    from ...engine import Transfer
    from ...status import Status


class ObjectMessages(Point):
    """send, ssend, bsend, isend …; recv, irecv; sendrecv."""

    __slots__ = ()

    def send(self, obj: Any, dest: int, tag: int = 0) -> None:
        """Send an object, perhaps before it is received."""
        state = self._h
        try:
            if 0 <= dest < state.count and 0 <= tag <= GREATEST_TAG:
                state.send(state.peers[dest], state.context, tag, dumps(obj))
            else:
                self._dest(dest, tag)
        except MPIException as error:
            raised(self, error)

    def recv(
        self,
        buf: object = None,
        source: int = ANY_SOURCE,
        tag: int = ANY_TAG,
        status: Status | None = None,
    ) -> Any:
        """Receive an object. `buf` is of no use and says so.

        Raises:
            Exception: whatever loading the pickle raises; the message is received even so.
        """
        if buf is not None:
            ignored()
        state = self._h
        try:
            if 0 <= source < state.count and ANY_TAG <= tag <= GREATEST_TAG:
                world = state.peers[source]
            else:
                world = self._source(source, tag)
                if world == NOBODY:
                    return nothing_received(status)
            transfer = state.recv(world, state.context, tag, None)
            if status is not None:
                status._set(state.index[transfer.source], transfer.tag, 0, transfer.count, False)
            if transfer.error:
                raise MPIException(transfer.error)
        except MPIException as error:
            raised(self, error)
        return loads(transfer.payload)

    @handled
    def ssend(self, obj: Any, dest: int, tag: int = 0) -> None:
        """Send an object. Returns when its receive has begun."""
        world = self._dest(dest, tag)
        if world != NOBODY:
            state = self._h
            state.send(world, state.context, tag, dumps(obj), SYNCHRONOUS)

    @handled
    def bsend(self, obj: Any, dest: int, tag: int = 0) -> None:
        """Send an object by way of the attached buffer."""
        world = self._dest(dest, tag)
        if world != NOBODY:
            bsend(self._h, world, tag, dumps_bytes(obj))

    @handled
    def isend(self, obj: Any, dest: int, tag: int = 0) -> Request:
        """Begin to send an object as it is now."""
        return self._begin(STANDARD, obj, dest, tag)

    @handled
    def issend(self, obj: Any, dest: int, tag: int = 0) -> Request:
        """Begin to send an object as it is now; complete when its receive has begun."""
        return self._begin(SYNCHRONOUS, obj, dest, tag)

    @handled
    def ibsend(self, obj: Any, dest: int, tag: int = 0) -> Request:
        """Send an object by way of the attached buffer, with a request that is complete at once."""
        world = self._dest(dest, tag)
        if world != NOBODY:
            bsend(self._h, world, tag, dumps_bytes(obj))
        return Request._of(nothing_sent(), self._h)

    @handled
    def irecv(self, buf: object = None, source: int = ANY_SOURCE, tag: int = ANY_TAG) -> Request:
        """Begin to receive an object: the request's `wait` or `test` returns it.

        `buf`: memory for the pickle, which must then be large enough; by default (or a number of bytes)
        memory is found when the message comes.
        """
        world = self._source(source, tag)
        state = self._h
        if world == NOBODY:
            return Request._of(nothing_comes(), state)
        into = None if buf is None or isinstance(buf, int) else memoryview(buf).cast("B")  # type: ignore[arg-type]
        if into is not None and into.readonly:
            raise BufferError("the memory for a message must be writable")

        def finish(transfer: Transfer) -> Any:
            return loads(transfer.payload if into is None else bytearray(into[: transfer.count]))

        return Request._of(state.engine.irecv(world, state.context, tag, into), state, finish, buf)

    @handled
    def sendrecv(
        self,
        sendobj: Any,
        dest: int,
        sendtag: int = 0,
        recvbuf: object = None,
        source: int = ANY_SOURCE,
        recvtag: int = ANY_TAG,
        status: Status | None = None,
    ) -> Any:
        """Send one object and receive another, at the same time."""
        to = self._dest(dest, sendtag)
        self._source(source, recvtag)
        state = self._h
        if to == NOBODY:
            return self.recv(recvbuf, source, recvtag, status)
        sent = state.engine.isend(to, state.context, sendtag, dumps(sendobj))
        try:
            return self.recv(recvbuf, source, recvtag, status)
        finally:
            state.engine.wait(sent)

    def _begin(self, mode: int, obj: Any, dest: int, tag: int) -> Request:
        world = self._dest(dest, tag)
        state = self._h
        if world == NOBODY:
            return Request._of(nothing_sent(), state)
        return Request._of(state.engine.isend(world, state.context, tag, dumps_bytes(obj), mode), state)


def ignored() -> None:
    """A program gives memory for an object, which we do not need."""
    from warnings import warn

    warn("the argument buf of recv is ignored", stacklevel=3)
