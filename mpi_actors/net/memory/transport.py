"""The in-memory network as one peer sees it."""

from __future__ import annotations

import logging
from contextlib import ExitStack
from typing import Protocol

import trio

from ...errors import CannotListen, DialFailed
from ...ids import PeerId
from ..transport import STREAM, Accept
from .stream import MemoryStream, PeerLife

logger = logging.getLogger(__name__)


class Switch(Protocol):
    """What a transport needs of the network that it shares with others."""

    dial_timeout: float
    """Seconds after which a dial fails."""

    def find(self, address: str) -> tuple[PeerLife | None, PeerId | None]:
        """Return who is at `address` (None: nobody), and which peer the address names (None: none)."""
        ...

    async def travel(self, sender: PeerLife, receiver: PeerLife, waiting: PeerLife) -> None:
        """Wait as long as one small packet takes."""
        ...

    def join(self, a: PeerLife, b: PeerLife) -> None:
        """Connect two peers; a connection that only one of them still has is closed first."""
        ...

    def open(self, a: PeerLife, b: PeerLife, connection: int) -> tuple[MemoryStream, MemoryStream]:
        """Open a stream over a connection; return its end at `a` and its end at `b`."""
        ...


class MemoryTransport:
    """A `Transport`, made by `MemoryNetwork.transport`.

    Once its peer is killed, each method that can raise an error raises `ConnectionLost`.
    """

    def __init__(self, network: Switch, life: PeerLife) -> None:
        self.life = life
        self._network = network

    @property
    def local(self) -> PeerId:
        """This peer's own identity."""
        return self.life.peer

    @property
    def addresses(self) -> tuple[str, ...]:
        """`/memory/<number>/p2p/<own id>`; empty before `run`, and after it."""
        return (self.life.address,) if self.life.listening else ()

    async def run(
        self, accept: Accept, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve incoming streams until cancelled, or until the peer is killed.

        Handlers run inside this call. At the end they are cancelled, and after them connections are closed.

        Raises:
            CannotListen: the transport runs already.
            ConnectionLost: the peer was killed before.
        """
        life = self.life
        life.check_alive()
        if life.nursery is not None:
            raise CannotListen(f"{life.peer} is listening already")
        try:
            async with trio.open_nursery() as life.nursery:
                life.served[STREAM], life.listening = accept, True
                try:
                    task_status.started()
                    await trio.sleep_forever()
                finally:
                    life.listening = False
        finally:
            life.nursery = None
            life.stop()

    def serve(self, protocol: str, accept: Accept) -> None:
        """From now on, serve incoming streams of another protocol, too, with `accept`."""
        self.life.served[protocol] = accept

    def connected(self) -> tuple[PeerId, ...]:
        """Return the peers to which this peer believes to be connected."""
        return tuple(peer for peer, first in self.life.connections.items() if first.usable)

    async def connect(self, address: str) -> PeerId:
        """Connect to the peer at `address`, unless that is so already; return its identity.

        Raises:
            BadAddress: the text is not an address.
            DialFailed: nobody answered in time, or another peer did.
            ConnectionLost: this peer was killed.
        """
        far, wanted = self._network.find(address)
        await trio.lowlevel.checkpoint()
        await self.life.wait_running()
        self._check_listening()
        if far is None:
            raise DialFailed(f"nobody is at {address}")
        if far is self.life:
            raise DialFailed(f"{address} is our own address")
        with trio.move_on_after(self._network.dial_timeout):
            return await self._dial(far, wanted or far.peer)
        await self.life.wait_running()
        raise DialFailed(f"{address} did not answer within {self._network.dial_timeout} s")

    async def open_stream(self, peer: PeerId, protocol: str = STREAM) -> MemoryStream:
        """Open a stream over the connection to `peer`.

        Raises:
            DialFailed: there is no connection, or `peer` did not answer in time or does not speak `protocol`.
            ConnectionLost: this peer was killed.
        """
        await trio.lowlevel.checkpoint()
        await self.life.wait_running()
        first = self.life.connections.get(peer)
        with ExitStack() as undo:
            if first is not None and first.usable:
                with trio.move_on_after(self._network.dial_timeout):
                    stream = await self._open(first, protocol, undo)
                    if stream is not None and first.usable:
                        undo.pop_all()
                        return stream
                await self.life.wait_running()
        raise DialFailed(f"there is no usable connection to {peer}: connect to it first")

    async def disconnect(self, peer: PeerId) -> None:
        """Drop the connection to `peer`, if there is one, and all its streams. Never raises."""
        first = self.life.connections.pop(peer, None)
        if first is not None:
            self.life.drop(first.connection)
        await trio.lowlevel.cancel_shielded_checkpoint()

    async def _dial(self, far: PeerLife, wanted: PeerId) -> PeerId:
        near = self.life
        if wanted == far.peer and self._connected(near, far):
            return far.peer
        await self._network.travel(near, far, near)
        while far.frozen:
            await near.bell.wait()
            near.check_alive()
        await self._network.travel(far, near, near)
        await near.wait_running()
        self._check_listening()
        if not far.listening:
            raise DialFailed(f"nobody listens at {far.address}")
        if wanted != far.peer:
            raise DialFailed(f"{far.peer} answered instead of {wanted}")
        if not (self._connected(near, far) and self._connected(far, near)):
            self._network.join(near, far)
        return far.peer

    async def _open(self, first: MemoryStream, protocol: str, undo: ExitStack) -> MemoryStream | None:
        near, far = self.life, first.far.life
        await self._network.travel(near, far, near)
        while far.frozen:
            await near.bell.wait()
            near.check_alive()
        if not (first.far.usable and far.listening) or far.nursery is None:
            return None
        accept = far.served.get(protocol)
        if accept is None:
            await self._network.travel(far, near, near)
            raise DialFailed(f"{far.peer} does not speak {protocol}")
        here, there = self._network.open(near, far, first.connection)
        undo.callback(here.close)
        far.nursery.start_soon(_serve, accept, there, name=f"stream from {near.peer}")
        await self._network.travel(far, near, near)
        await near.wait_running()
        return here

    def _connected(self, near: PeerLife, far: PeerLife) -> bool:
        first = near.connections.get(far.peer)
        return first is not None and first.usable

    def _check_listening(self) -> None:
        if not self.life.listening:
            raise DialFailed("our own transport is not running")


async def _serve(accept: Accept, stream: MemoryStream) -> None:
    try:
        await accept(stream)
    except Exception:
        logger.exception("the handler of a stream from %s failed", stream.remote)
    finally:
        stream.close()
