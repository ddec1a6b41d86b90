"""Streams between peers of one process, and one life of a peer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf

import trio

from ...actors import Bell
from ...errors import ConnectionLost
from ...ids import PeerId
from ..transport import Accept
from .arrivals import Pipe


class PeerLife:
    """One life of one peer. A killed peer stays dead: if it comes again, it has a new `PeerLife`."""

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
        """The streams that are open at this side; a dict, because that keeps their order."""
        self.connections: dict[PeerId, MemoryStream] = {}
        """The first stream of each connection. It carries no data; its end is the connection's end."""
        self.bell = Bell()
        """Rings when a fault ends that tasks of this peer may wait for."""
        self._held: list[Callable[[float], None]] = []

    def check_alive(self) -> None:
        """Refuse to go on for a killed peer.

        Raises:
            ConnectionLost: this peer was killed.
        """
        if self.dead:
            raise ConnectionLost(f"peer {self.peer} was killed")

    async def wait_running(self) -> None:
        """Wait while this peer is frozen.

        Raises:
            ConnectionLost: this peer was killed.
        """
        while self.frozen:
            await self.bell.wait()
        self.check_alive()

    def send_when_running(self, send: Callable[[float], None]) -> None:
        """Call `send(now)`: at once, or when a frozen peer, which sends nothing, is thawed or killed."""
        if self.frozen:
            self._held.append(send)
        else:
            send(trio.current_time())

    def thaw(self) -> None:
        """Go on after `frozen`."""
        self.frozen = False
        held, self._held = self._held, []
        for send in held:
            send(trio.current_time())
        self.bell.ring()

    def drop(self, connection: int) -> None:
        """Close this side of one connection and of all its streams."""
        for end in [end for end in self.ends if end.connection == connection]:
            end.close()

    def stop(self) -> None:
        """Close all connections and streams in good order."""
        self.connections.clear()
        for end in list(self.ends):
            end.close()

    def kill(self) -> None:
        """End this life as SIGKILL does."""
        self.dead = True
        self.listening = False
        self.thaw()
        self.connections.clear()
        for end in list(self.ends):
            end.kill()
        if self.nursery is not None:
            self.nursery.cancel_scope.cancel()


class MemoryStream:
    """One end of a stream: a `ByteStream`. `connection` is the number of the connection that carries it."""

    def __init__(self, life: PeerLife, remote: PeerId, connection: int) -> None:
        self.life = life
        self.connection = connection
        self.far: MemoryStream
        self._remote = remote
        self._inbound: Pipe
        self._outbound: Pipe
        self._bell = Bell()
        self._lost: str | None = None
        self._busy: set[str] = set()
        life.ends[self] = None

    def attach(self, far: MemoryStream, inbound: Pipe, outbound: Pipe) -> None:
        """Join this end to the other one: the second half of construction."""
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
        """Wake the tasks that wait at this end."""
        self._bell.ring()

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send all of `data`. Waits while the far side's buffer is full, or this peer is frozen.

        Raises:
            ConnectionLost: the stream is closed, reset or ended by the far side, or this peer was killed.
            trio.BusyResourceError: another task sends.
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
                    # Copy, because the caller may change the buffer meanwhile; a whole `bytes` cannot change.
                    whole = data if isinstance(data, bytes) and len(piece) == len(data) else bytes(piece)
                    self._outbound.push(whole, trio.current_time())
                    sent += len(piece)
                if sent == len(view):
                    return
                await self._park_until(self._inbound.end_due)

    async def receive_some(self, max_bytes: int = 65536) -> bytes:
        """Receive between 1 and `max_bytes` bytes, or `b""` at the end. Waits while this peer is frozen.

        Raises:
            ConnectionLost: the stream is closed at this side or reset, or this peer was killed.
            ValueError: `max_bytes` is less than 1.
            trio.BusyResourceError: another task receives.
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
        """Close both directions. What was sent before still arrives at the far side, and then the end."""
        self.close()
        await trio.lowlevel.cancel_shielded_checkpoint()

    def close(self) -> None:
        """Do what `aclose` does, without a checkpoint."""
        if self._lost is None:
            self._end_here("this side closed the stream")
            self.life.send_when_running(self._outbound.finish)

    def kill(self) -> None:
        """End as the kernel does for a killed process: what it sent last may be lost."""
        if self._lost is None:
            self._end_here(f"peer {self.life.peer} was killed")
            self._outbound.abort(trio.current_time())

    def reset(self) -> None:
        """Break both ends at once. What was not received is lost."""
        for end in (self, self.far):
            if end._lost is None:
                end._end_here(f"the connection to {end._remote} was reset")

    def _end_here(self, why: str) -> None:
        self._lost = why
        self._inbound.discard()
        self.life.ends.pop(self, None)
        self.wake()

    async def _ready(self) -> None:
        await self.life.wait_running()
        if self._lost is not None:
            raise ConnectionLost(self._lost)

    async def _park_until(self, due: float) -> None:
        if due == inf:
            await self._bell.wait()
        else:
            with trio.move_on_at(due):
                await self._bell.wait()

    @contextmanager
    def _alone(self, what: str) -> Iterator[None]:
        """Refuse a second task: two senders would mix their bytes, two receivers share them at random."""
        if what in self._busy:
            raise trio.BusyResourceError(f"another task is in {what}() of this stream")
        self._busy.add(what)
        try:
            yield
        finally:
            self._busy.discard(what)
