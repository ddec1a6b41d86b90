"""Point-to-point communication of Python objects: their pickles are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...constants import ANY_SOURCE, ANY_TAG, GREATEST_TAG
from ...engine import STANDARD, SYNCHRONOUS
from ...errors.exception import Exception as MPIException
from ...pickles.messages import dumps, dumps_bytes, loads
from ...requests.request import Request
from ..errors import handled, report_and_raise
from .bsend import bsend
from .ranks import NOBODY, Point, nothing_received
from .receive import nothing_comes
from .send import nothing_sent

if TYPE_CHECKING:
    from ...engine import Transfer
    from ...status import Status


class ObjectMessages(Point):
    """send, ssend, bsend, isend …; recv, irecv; sendrecv: operations of MPI 4.1, chapter 3, on objects."""

    __slots__ = ()

    def send(self, obj: Any, dest: int, tag: int = 0) -> None:
        """Send an object. May return before the object is received."""
        state = self._h
        try:
            if 0 <= dest < state.count and 0 <= tag <= GREATEST_TAG:
                state.send(state.peers[dest], state.context, tag, dumps(obj))
            else:
                self._dest(dest, tag)
        except MPIException as error:
            report_and_raise(self, error)

    def recv(
        self,
        buf: object = None,
        source: int = ANY_SOURCE,
        tag: int = ANY_TAG,
        status: Status | None = None,
    ) -> Any:
        """Receive an object. `buf` is ignored, with a warning.

        Raises:
            Exception: Whatever loading the pickle raises; the message counts as received.
        """
        if buf is not None:
            warn_ignored()
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
            report_and_raise(self, error)
        return loads(transfer.payload)

    @handled
    def ssend(self, obj: Any, dest: int, tag: int = 0) -> None:
        """Send an object. Return when its receive has begun."""
        world = self._dest(dest, tag)
        if world != NOBODY:
            state = self._h
            state.send(world, state.context, tag, dumps(obj), SYNCHRONOUS)

    @handled
    def bsend(self, obj: Any, dest: int, tag: int = 0) -> None:
        """Send an object; its pickle counts against the attached buffer. Does not wait for the receiver."""
        world = self._dest(dest, tag)
        if world != NOBODY:
            bsend(self._h, world, tag, dumps_bytes(obj))

    @handled
    def isend(self, obj: Any, dest: int, tag: int = 0) -> Request:
        """Begin to send an object as it is now. Return a request."""
        return self._begin(STANDARD, obj, dest, tag)

    @handled
    def issend(self, obj: Any, dest: int, tag: int = 0) -> Request:
        """Begin to send an object as it is now. The request is complete when the receive has begun."""
        return self._begin(SYNCHRONOUS, obj, dest, tag)

    @handled
    def ibsend(self, obj: Any, dest: int, tag: int = 0) -> Request:
        """Do as `bsend`. Return a request, which is already complete."""
        world = self._dest(dest, tag)
        if world != NOBODY:
            bsend(self._h, world, tag, dumps_bytes(obj))
        return Request._of(nothing_sent(), self._h)

    @handled
    def irecv(self, buf: object = None, source: int = ANY_SOURCE, tag: int = ANY_TAG) -> Request:
        """Begin to receive an object, which the request's `wait` or `test` returns.

        `buf` may be memory for the pickle, and must then be large enough. Without memory, or with a number of
        bytes, the engine allocates memory when the message arrives.

        Raises:
            BufferError: The memory is read-only.
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
        """Send one object and receive another one, at the same time. Return the received object."""
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


def warn_ignored() -> None:
    """Warn that the memory that a program gave for an object is not used."""
    from warnings import warn

    warn("the argument buf of recv is ignored", stacklevel=3)
