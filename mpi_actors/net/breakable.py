"""A transport whose connections a test can cut and slow, without any right to change the machine's network.

It passes everything on to another transport. Where there is an obstacle, bytes wait: a cut keeps them until
it is healed, as a network does that drops packets; no connection ends by it.
"""

from __future__ import annotations

import attrs
import trio

from ..actors import Bell
from ..errors import ConnectionLost, DialFailed
from ..ids import PeerId
from .transport import STREAM, Accept, ByteStream, Transport

_DIAL_PATIENCE = 5.0
"""Seconds after which a dial through a cut gives up: as long as one to a host that does not answer."""


class Obstacles:
    """What stands between this peer and others."""

    def __init__(self) -> None:
        self.delays: dict[PeerId, float] = {}
        """Seconds for which bytes to a peer wait."""
        self._cut: set[PeerId] = set()
        self._changed = Bell()

    def set(self, peer: PeerId, *, cut: bool, delay: float) -> None:
        """From now on, let no bytes to or from the peer pass (`cut`), or let those to it wait (`delay`)."""
        if delay > 0:
            self.delays[peer] = delay
        else:
            self.delays.pop(peer, None)
        if cut:
            self._cut.add(peer)
        else:
            self._cut.discard(peer)
        self._changed.ring()

    def is_cut(self, peer: PeerId) -> bool:
        """Return whether no bytes pass."""
        return peer in self._cut

    async def passage(self, peer: PeerId, stream: BreakableStream | None = None) -> None:
        """Wait until bytes may pass, or the stream is closed on this side."""
        while peer in self._cut and not (stream is not None and stream.closed):
            await self._changed.wait()

    def on_closed(self) -> None:
        """A stream was closed: its waiting calls end."""
        self._changed.ring()


class BreakableStream:
    """A stream that waits where there is an obstacle."""

    def __init__(self, inner: ByteStream, obstacles: Obstacles) -> None:
        self._inner = inner
        self._obstacles = obstacles
        self.closed = False
        """Whether this side has closed the stream."""

    @property
    def remote(self) -> PeerId:
        """The authenticated identity of the other side."""
        return self._inner.remote

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of `data`, when nothing stands in the way.

        Raises:
            ConnectionLost: the stream or its connection is broken or closed.
        """
        obstacles, remote = self._obstacles, self._inner.remote
        if obstacles.is_cut(remote):
            await obstacles.passage(remote, self)
            if self.closed:
                raise ConnectionLost("this side closed the stream")
        if remote in obstacles.delays:
            await trio.sleep(obstacles.delays[remote])
        await self._inner.send_all(data)

    async def receive_some(self, max_bytes: int = 65536) -> bytes:
        """Receive between 1 and `max_bytes` bytes; `b""` at the end.

        Raises:
            ConnectionLost: the stream was reset or its connection is broken.
        """
        try:
            return await self._inner.receive_some(max_bytes)
        finally:
            # the end of a stream is news that does not pass either
            if self._obstacles.is_cut(self._inner.remote):
                await self._obstacles.passage(self._inner.remote, self)

    async def aclose(self) -> None:
        """Close both directions at once. Never raises."""
        self.closed = True
        self._obstacles.on_closed()
        await self._inner.aclose()


@attrs.frozen(eq=False)
class BreakableTransport:
    """A `Transport` that another one carries, behind obstacles."""

    inner: Transport
    obstacles: Obstacles

    @property
    def local(self) -> PeerId:
        """This peer's own identity."""
        return self.inner.local

    @property
    def addresses(self) -> tuple[str, ...]:
        """Where others can reach this peer."""
        return self.inner.addresses

    async def run(
        self, accept: Accept, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Listen, and serve incoming streams until cancelled."""
        await self.inner.run(self._behind(accept), task_status=task_status)

    def serve(self, protocol: str, accept: Accept) -> None:
        """From now on, serve incoming streams of another protocol, too."""
        self.inner.serve(protocol, self._behind(accept))

    def connected(self) -> tuple[PeerId, ...]:
        """Return the peers to which there is a connection."""
        return self.inner.connected()

    async def connect(self, address: str) -> PeerId:
        """Connect to the peer at `address`.

        Raises:
            BadAddress: the text is not an address.
            DialFailed: nobody answered in time, or another peer did.
        """
        _, named, peer = address.rpartition("/p2p/")
        if named:
            await self._dialled(PeerId(peer))
        return await self.inner.connect(address)

    async def open_stream(self, peer: PeerId, protocol: str = STREAM) -> ByteStream:
        """Open a stream over the connection to `peer`.

        Raises:
            DialFailed: there is no usable connection to `peer`, or `peer` does not speak `protocol`.
        """
        await self._dialled(peer)
        return BreakableStream(await self.inner.open_stream(peer, protocol), self.obstacles)

    async def disconnect(self, peer: PeerId) -> None:
        """Drop the connection to `peer`, if there is one, and all its streams. Never raises."""
        await self.inner.disconnect(peer)

    async def _dialled(self, peer: PeerId) -> None:
        with trio.move_on_after(_DIAL_PATIENCE):
            await self.obstacles.passage(peer)
            return
        raise DialFailed(f"{peer}: no answer within {_DIAL_PATIENCE:g} s")

    def _behind(self, accept: Accept) -> Accept:
        async def accepted(stream: ByteStream) -> None:
            await accept(BreakableStream(stream, self.obstacles))

        return accepted
