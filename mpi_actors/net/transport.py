"""What a network must offer: connections to peers by address, and byte streams over them.

Two packages implement it: `net.libp2p` (the real network) and `net.memory` (one process, virtual time).
Nothing above this layer knows which one it uses.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import trio

from ..ids import PeerId

STREAM = "/mpi-actors/stream"
"""The protocol that `Transport.run` serves. Its version is in the bytes that open each stream."""


class ByteStream(Protocol):
    """A reliable, ordered, two-way stream of bytes to one peer.

    At most one task may receive and one task may send at a time. Cancelling either may lose data or break
    the stream: cancel only to close the stream afterwards.
    """

    @property
    def remote(self) -> PeerId:
        """The authenticated identity of the other side."""
        ...

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of `data`. Waits while the other side is slow.

        Raises:
            ConnectionLost: the stream or its connection is broken or closed.
        """
        ...

    async def receive_some(self, max_bytes: int = 65536) -> bytes:
        """Receive between 1 and `max_bytes` bytes; `b""` means that the other side ended the stream.

        The stream of a killed peer ends in the same way. A protocol that must tell the two apart sends a
        goodbye before it closes.

        Raises:
            ConnectionLost: the stream was reset or its connection is broken.
        """
        ...

    async def aclose(self) -> None:
        """Close both directions at once; calls that wait on either side end. Idempotent.

        Never raises, and closes even when cancelled.
        """
        ...


Accept = Callable[[ByteStream], Awaitable[None]]
"""Serves one stream that a peer has opened, in a task of its own. The transport closes the stream when this
function returns or raises, and logs an `Exception` that it raises."""


class Transport(Protocol):
    """A network as one peer sees it."""

    @property
    def local(self) -> PeerId:
        """This peer's own identity."""
        ...

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where others can reach this peer: multiaddrs that end in `/p2p/<own id>`; empty before `run`."""
        ...

    async def run(
        self, accept: Accept, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Listen, and serve incoming streams until cancelled; `started()` once `addresses` are known.

        `accept` serves the streams of the protocol `STREAM`. At the end all connections are closed.

        Raises:
            CannotListen: the listening address cannot be used.
        """
        ...

    def serve(self, protocol: str, accept: Accept) -> None:
        """From now on, serve incoming streams of another protocol, too. Call it before or during `run`.

        If the protocol has a handler already, `accept` replaces it for new streams.
        """
        ...

    def connected(self) -> tuple[PeerId, ...]:
        """Return the peers to which there is a connection, whichever side made it."""
        ...

    async def connect(self, address: str) -> PeerId:
        """Connect to the peer at `address`, unless that is so already; return the identity that answered.

        An address with `/p2p/<id>` connects to that identity or fails. The call has a deadline of its own.

        Raises:
            BadAddress: the text is not an address.
            DialFailed: nobody answered in time, or another peer did.
        """
        ...

    async def open_stream(self, peer: PeerId, protocol: str = STREAM) -> ByteStream:
        """Open a stream over the connection to `peer`. The call has a deadline of its own.

        Raises:
            DialFailed: there is no usable connection to `peer`, or `peer` does not speak `protocol`.
        """
        ...

    async def disconnect(self, peer: PeerId) -> None:
        """Drop the connection to `peer`, if there is one, and all its streams. Never raises."""
        ...
