"""Matched messages: `Mprobe` takes one out of the queues, and only the handle's holder can receive it.

MPI 4.1, sections 3.8.2 and 3.8.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from ...constants import ANY_SOURCE, ANY_TAG, ERR_REQUEST, PROC_NULL
from ...datatypes import parse_recv
from ...engine import engine
from ...engine.transfer import done_transfer
from ...handle import Handle, constant, forget
from ...pickles.messages import loads
from ...requests.request import Request

if TYPE_CHECKING:
    from typing import Protocol

    from ...engine import Matched, Transfer
    from ...handle import HasErrhandler
    from ...status import Status

    class Probing(Protocol):
        """What `Message` uses of a communicator."""

        def Mprobe(self, source: int = ..., tag: int = ..., status: Status | None = ...) -> Message: ...

        def Improbe(
            self, source: int = ..., tag: int = ..., status: Status | None = ...
        ) -> Message | None: ...

        def mprobe(self, source: int = ..., tag: int = ..., status: Status | None = ...) -> Message: ...

        def improbe(
            self, source: int = ..., tag: int = ..., status: Status | None = ...
        ) -> Message | None: ...


class Held:
    """A matched message and the communicator that it came by; both are None for MESSAGE_NO_PROC."""

    __slots__ = ("comm", "matched")

    def __init__(self, matched: Matched | None, comm: HasErrhandler | None) -> None:
        self.matched = matched
        self.comm = comm


class Message(Handle):
    """A handle to a matched message; null once the message has been received. MPI 4.1, section 3.8.3."""

    __slots__ = ()
    _error = ERR_REQUEST
    _h: Held | None

    @classmethod
    def _of_matched(cls, matched: Matched, comm: HasErrhandler) -> Self:
        """Return a handle to the message that the engine's `mprobe` returned."""
        return cls._to(Held(matched, comm))

    def _destroy(self) -> None:
        """Drop the handle: a matched message can be received, but not freed."""
        self._h = None

    @classmethod
    def Probe(
        cls, comm: Probing, source: int = ANY_SOURCE, tag: int = ANY_TAG, status: Status | None = None
    ) -> Self:
        """Wait for a message from `source` with `tag`, and take it out of the queues."""
        return cls(comm.Mprobe(source, tag, status))

    @classmethod
    def Iprobe(
        cls, comm: Probing, source: int = ANY_SOURCE, tag: int = ANY_TAG, status: Status | None = None
    ) -> Self | None:
        """Take a message from `source` with `tag` out of the queues. Return None if there is none now."""
        message = comm.Improbe(source, tag, status)
        return None if message is None else cls(message)

    @classmethod
    def probe(
        cls, comm: Probing, source: int = ANY_SOURCE, tag: int = ANY_TAG, status: Status | None = None
    ) -> Self:
        """Wait for an object from `source` with `tag`, and take it out of the queues."""
        return cls(comm.mprobe(source, tag, status))

    @classmethod
    def iprobe(
        cls, comm: Probing, source: int = ANY_SOURCE, tag: int = ANY_TAG, status: Status | None = None
    ) -> Self | None:
        """Take an object from `source` with `tag` out of the queues. Return None if there is none now."""
        message = comm.improbe(source, tag, status)
        return None if message is None else cls(message)

    def _take(self) -> Held:
        """Return the message and make this handle null."""
        held: Held = self._require()
        if self is not MESSAGE_NO_PROC:
            self._h = None
        if held.matched is not None:
            forget(held)
        return held

    def Irecv(self, buf: Any) -> Request:
        """Begin to receive the message into a buffer."""
        nobody = self._require().matched is None
        target = parse_recv(buf, rank=PROC_NULL if nobody else 0)
        held = self._take()
        view, unpack = target.target()
        return Request._of(
            _start(held, view),
            held.comm,
            (lambda transfer: unpack(transfer.count)) if unpack is not None else None,
            buf,
        )

    def Recv(self, buf: Any, status: Status | None = None) -> None:
        """Receive the message into a buffer."""
        self.Irecv(buf).Wait(status)

    def irecv(self) -> Request:
        """Begin to receive the object."""
        held = self._take()
        return Request._of(_start(held, None), held.comm, _load)

    def recv(self, status: Status | None = None) -> Any:
        """Receive the object and return it."""
        return self.irecv().wait(status)


def _start(held: Held, into: memoryview | None) -> Transfer:
    if held.matched is None:
        return done_transfer(PROC_NULL)
    return engine().imrecv(held.matched, into)


def _load(transfer: Transfer) -> Any:
    return None if transfer.payload is None else loads(transfer.payload)


Message._kind = Message
MESSAGE_NULL = constant("MESSAGE_NULL", Message())
MESSAGE_NO_PROC = constant("MESSAGE_NO_PROC", Message._to(Held(None, None)))
