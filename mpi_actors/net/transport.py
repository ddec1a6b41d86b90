"""What a network must offer: connections to peers by address, and byte streams over them.

Two backends implement it: `net.libp2p` (real) and `net.memory` (one process, virtual time). Nothing above
this layer knows which one it has.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import trio

from ..ids import PeerId

STREAM = "/mpi-actors/stream"
"""The protocol that `Transport.run` serves. It has no version: the bytes that open every stream carry it."""


class ByteStream(Protocol):
    """A reliable, ordered, two-way stream of bytes to one peer.

    At most one task may receive and one task may send at a time. Cancelling either may lose data or break
    the stream, so do it only when the stream is to be closed anyway.
    """

    @property
    def remote(self) -> PeerId:
        """The authenticated identity of the other side."""
        ...

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of `data`, waiting while the other side is slow.

        Raises:
            ConnectionLost: the stream or its connection is broken or closed.
        """
        ...

    async def receive_some(self, max_bytes: int = 65536) -> bytes:
        """Receive between 1 and `max_bytes` bytes; `b""` means that the other side ended the stream.

        A killed peer looks like an ended stream: whoever must tell the two apart sends a goodbye first.

        Raises:
            ConnectionLost: the stream was reset or its connection is broken.
        """
        ...

    async def aclose(self) -> None:
        """Close at once, both ways; waiting senders and receivers on both sides are woken. Idempotent.

        Never raises, and does its work even when cancelled.
        """
        ...


Accept = Callable[[ByteStream], Awaitable[None]]
"""Called in a task of its own for each stream that a peer opens. The stream is closed when it returns or
raises; what it raises (`Exception`) is logged and goes no further."""


class Transport(Protocol):
    """A network as one peer sees it."""

    @property
    def local(self) -> PeerId:
        """Our own identity."""
        ...

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where others can reach us, as multiaddrs that end in `/p2p/<our id>`; empty before `run`."""
        ...

    async def run(
        self, accept: Accept, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Listen, and serve incoming streams until cancelled; `started()` once `addresses` are known.

        `accept` serves those of the protocol `STREAM`.

        On the way out all connections are closed, whatever happens.

        Raises:
            CannotListen: the listening address cannot be used.
        """
        ...

    def serve(self, protocol: str, accept: Accept) -> None:
        """From now on, serve incoming streams of another protocol, too; before `run` or while it runs.

        A protocol that is served already gets the new handler for its new streams.
        """
        ...

    def connected(self) -> tuple[PeerId, ...]:
        """Every peer to which there is a connection, whoever made it and whatever it speaks."""
        ...

    async def connect(self, address: str) -> PeerId:
        """Make sure that there is a connection to the peer at `address`; returns who answered.

        An address with `/p2p/<id>` connects to that identity or fails. Has a deadline of its own.

        Raises:
            BadAddress: the text is no address.
            DialFailed: nobody answered, or somebody else.
        """
        ...

    async def open_stream(self, peer: PeerId, protocol: str = STREAM) -> ByteStream:
        """Open a stream over the connection to `peer`. Has a deadline of its own.

        Raises:
            DialFailed: there is no usable connection to that peer, or it does not speak that protocol.
        """
        ...

    async def disconnect(self, peer: PeerId) -> None:
        """Drop the connection to `peer` and all its streams, if there is one. Never raises."""
        ...
