"""Streams between peers of one process, and what is known of each peer: see `net.memory`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf

import trio

from ...errors import ConnectionLost
from ...ids import PeerId
from ..transport import Accept
from .arrivals import Pipe


class PeerLife:
    """One life of one peer: killed once, killed for good."""

    def __init__(self, peer: PeerId, address: str) -> None:
        self.peer = peer
        self.address = address
        self.frozen = False
        self.dead = False
        self.listening = False
        self.served: dict[str, Accept] = {}
        """The handler of each protocol."""
        self.nursery: trio.Nursery | None = None
        self.ends: dict[MemoryStream, None] = {}
        """The streams that are open at this side; a dict, because it keeps its order."""
        self.connections: dict[PeerId, MemoryStream] = {}
        """Each connection's first stream, which carries nothing but the connection's end."""
        self.bell = trio.lowlevel.ParkingLot()
        """Rung when a fault begins or ends that this peer may be waiting for."""
        self._held: list[Callable[[float], None]] = []

    def check(self) -> None:
        """Refuse to work for a killed peer.

        Raises:
            ConnectionLost: this peer was killed.
        """
        if self.dead:
            raise ConnectionLost(f"peer {self.peer} was killed")

    async def running(self) -> None:
        """Wait while frozen.

        Raises:
            ConnectionLost: this peer was killed.
        """
        while self.frozen:
            await self.bell.park()
        self.check()

    def leave(self, send: Callable[[float], None]) -> None:
        """Do `send(now)` at once or, since a frozen peer sends nothing, when thawed or killed."""
        if self.frozen:
            self._held.append(send)
        else:
            send(trio.current_time())

    def thaw(self) -> None:
        """Go on after having been frozen."""
        self.frozen = False
        held, self._held = self._held, []
        for send in held:
            send(trio.current_time())
        self.bell.unpark_all()

    def drop(self, connection: int) -> None:
        """Close this side of one connection with all its streams."""
        for end in [end for end in self.ends if end.connection == connection]:
            end.close()

    def stop(self) -> None:
        """Close everything, in good order."""
        self.connections.clear()
        for end in list(self.ends):
            end.close()

    def kill(self) -> None:
        """End everything as SIGKILL does."""
        self.dead = True
        self.listening = False
        self.thaw()
        self.connections.clear()
        for end in list(self.ends):
            end.kill()
        if self.nursery is not None:
            self.nursery.cancel_scope.cancel()


class MemoryStream:
    """One end of a stream: a `ByteStream`."""

    def __init__(self, node: PeerLife, remote: PeerId, connection: int) -> None:
        self.node = node
        self.connection = connection
        self.far: MemoryStream
        self._remote = remote
        self._inbound: Pipe
        self._outbound: Pipe
        self._bell = trio.lowlevel.ParkingLot()
        self._lost: str | None = None
        self._busy: set[str] = set()
        node.ends[self] = None

    def attach(self, far: MemoryStream, inbound: Pipe, outbound: Pipe) -> None:
        """Tie this end to the other one; the second half of construction."""
        self.far, self._inbound, self._outbound = far, inbound, outbound

    @property
    def remote(self) -> PeerId:
        """The identity of the other side."""
        return self._remote

    @property
    def usable(self) -> bool:
        """Whether this side believes the stream to be open."""
        return self._lost is None and self._inbound.end_due > trio.current_time()

    def wake(self) -> None:
        """Let whoever waits at this end look again."""
        self._bell.unpark_all()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of `data`; waits while the far side has a full buffer, or this peer is frozen.

        Raises:
            ConnectionLost: the stream is closed, reset or ended by the far side, or this peer was killed.
        """
        with self._alone("send_all"), memoryview(data).cast("B") as view:
            await trio.lowlevel.checkpoint()
            sent = 0
            while True:
                await self._ready()
                if self._inbound.end_due <= trio.current_time():
                    raise ConnectionLost(f"{self._remote} ended the stream")
                piece = view[sent : sent + self._outbound.room_for(len(view) - sent)]
                if piece:
                    # Copied, because the caller may change it meanwhile; a whole `bytes` cannot change.
                    whole = data if isinstance(data, bytes) and len(piece) == len(data) else bytes(piece)
                    self._outbound.push(whole, trio.current_time())
                    sent += len(piece)
                if sent == len(view):
                    return
                await self._park_until(self._inbound.end_due)

    async def receive_some(self, max_bytes: int = 65536) -> bytes:
        """Receive between 1 and `max_bytes` bytes, or `b""` at the end; waits while this peer is frozen.

        Raises:
            ConnectionLost: the stream is closed at this side or reset, or this peer was killed.
        """
        if max_bytes < 1:
            raise ValueError(f"cannot receive {max_bytes} bytes")
        with self._alone("receive_some"):
            await trio.lowlevel.checkpoint()
            while True:
                await self._ready()
                tight = self._inbound.tight
                data = self._inbound.take(max_bytes, trio.current_time())
                if data is not None:
                    if tight:
                        self.far.wake()
                    return data
                await self._park_until(self._inbound.next_due)

    async def aclose(self) -> None:
        """Close both ways; what was sent before still arrives at the far side, then the end."""
        self.close()
        await trio.lowlevel.cancel_shielded_checkpoint()

    def close(self) -> None:
        """The work of `aclose`."""
        if self._lost is None:
            self._end_here("this side closed the stream")
            self.node.leave(self._outbound.finish)

    def kill(self) -> None:
        """End as a killed process does: what it sent last may be lost, and nobody says goodbye."""
        if self._lost is None:
            self._end_here(f"peer {self.node.peer} was killed")
            self._outbound.abort(trio.current_time())

    def reset(self) -> None:
        """Break both ends at once; what was not received is lost."""
        for end in (self, self.far):
            if end._lost is None:
                end._end_here(f"the connection to {end._remote} was reset")

    def _end_here(self, why: str) -> None:
        self._lost = why
        self._inbound.discard()
        self.node.ends.pop(self, None)
        self.wake()

    async def _ready(self) -> None:
        await self.node.running()
        if self._lost is not None:
            raise ConnectionLost(self._lost)

    async def _park_until(self, due: float) -> None:
        if due == inf:
            await self._bell.park()
        else:
            with trio.move_on_at(due):
                await self._bell.park()

    @contextmanager
    def _alone(self, what: str) -> Iterator[None]:
        """Two tasks that send would mix their bytes; two that receive would share them out at random."""
        if what in self._busy:
            raise trio.BusyResourceError(f"another task is in {what}() of this stream")
        self._busy.add(what)
        try:
            yield
        finally:
            self._busy.discard(what)
