"""The in-memory network as one peer sees it: see `net.memory`."""

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
    """What a transport needs of the network that it shares with the others."""

    dial_timeout: float

    def find(self, address: str) -> tuple[PeerLife | None, PeerId | None]:
        """Who is at `address`, if anybody, and who ought to be, if it says so."""
        ...

    async def travel(self, sender: PeerLife, receiver: PeerLife, waiting: PeerLife) -> None:
        """Wait as long as one small packet takes."""
        ...

    def join(self, a: PeerLife, b: PeerLife) -> None:
        """Connect two peers that are not connected, or no longer."""
        ...

    def open(self, a: PeerLife, b: PeerLife, connection: int) -> tuple[MemoryStream, MemoryStream]:
        """A new stream over a connection: its end at `a`, its end at `b`."""
        ...


class MemoryTransport:
    """A `Transport`; made by `MemoryNetwork.transport`.

    Once its peer is killed, each of its methods that can raise raises `ConnectionLost`.
    """

    def __init__(self, network: Switch, node: PeerLife) -> None:
        self.node = node
        self._network = network

    @property
    def local(self) -> PeerId:
        """Our own identity."""
        return self.node.peer

    @property
    def addresses(self) -> tuple[str, ...]:
        """`/memory/<number>/p2p/<our id>`; empty before `run`, and after it."""
        return (self.node.address,) if self.node.listening else ()

    async def run(
        self, accept: Accept, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve incoming streams until cancelled. Returns when the peer is killed.

        Handlers run in here; they are cancelled first, and the connections are closed after them.

        Raises:
            CannotListen: it is running already.
            ConnectionLost: the peer was killed before.
        """
        node = self.node
        node.check()
        if node.nursery is not None:
            raise CannotListen(f"{node.peer} is listening already")
        try:
            async with trio.open_nursery() as node.nursery:
                node.served[STREAM], node.listening = accept, True
                try:
                    task_status.started()
                    await trio.sleep_forever()
                finally:
                    node.listening = False
        finally:
            node.nursery = None
            node.stop()

    def serve(self, protocol: str, accept: Accept) -> None:
        """From now on, serve incoming streams of another protocol, too."""
        self.node.served[protocol] = accept

    def connected(self) -> tuple[PeerId, ...]:
        """Every peer to which this one believes to have a connection."""
        return tuple(peer for peer, control in self.node.connections.items() if control.usable)

    async def connect(self, address: str) -> PeerId:
        """Make sure that there is a connection to the peer at `address`.

        Raises:
            BadAddress: the text is no address.
            DialFailed: nobody answered in time, or somebody else.
            ConnectionLost: our own peer was killed.
        """
        far, wanted = self._network.find(address)
        await trio.lowlevel.checkpoint()
        await self.node.running()
        self._check_listening()
        if far is None:
            raise DialFailed(f"nobody is at {address}")
        if far is self.node:
            raise DialFailed(f"{address} is our own address")
        with trio.move_on_after(self._network.dial_timeout):
            return await self._dial(far, wanted or far.peer)
        await self.node.running()
        raise DialFailed(f"{address} did not answer within {self._network.dial_timeout} s")

    async def open_stream(self, peer: PeerId, protocol: str = STREAM) -> MemoryStream:
        """Open a stream over the connection to `peer`.

        Raises:
            DialFailed: there is no connection, it did not answer in time, or does not speak that protocol.
            ConnectionLost: our own peer was killed.
        """
        await trio.lowlevel.checkpoint()
        await self.node.running()
        control = self.node.connections.get(peer)
        with ExitStack() as undo:
            if control is not None and control.usable:
                with trio.move_on_after(self._network.dial_timeout):
                    stream = await self._open(control, protocol, undo)
                    if stream is not None and control.usable:
                        undo.pop_all()
                        return stream
                await self.node.running()
        raise DialFailed(f"there is no usable connection to {peer}: connect to it first")

    async def disconnect(self, peer: PeerId) -> None:
        """Drop the connection to `peer` and all its streams, if there is one. Never raises."""
        control = self.node.connections.pop(peer, None)
        if control is not None:
            self.node.drop(control.connection)
        await trio.lowlevel.cancel_shielded_checkpoint()

    async def _dial(self, far: PeerLife, wanted: PeerId) -> PeerId:
        near = self.node
        if wanted == far.peer and self._connected(near, far):
            return far.peer
        await self._network.travel(near, far, near)
        while far.frozen:
            await near.bell.park()
            near.check()
        await self._network.travel(far, near, near)
        await near.running()
        self._check_listening()
        if not far.listening:
            raise DialFailed(f"nobody listens at {far.address}")
        if wanted != far.peer:
            raise DialFailed(f"{far.peer} answered instead of {wanted}")
        if not (self._connected(near, far) and self._connected(far, near)):
            self._network.join(near, far)
        return far.peer

    async def _open(self, control: MemoryStream, protocol: str, undo: ExitStack) -> MemoryStream | None:
        near, far = self.node, control.far.node
        await self._network.travel(near, far, near)
        while far.frozen:
            await near.bell.park()
            near.check()
        if not (control.far.usable and far.listening) or far.nursery is None:
            return None
        accept = far.served.get(protocol)
        if accept is None:
            await self._network.travel(far, near, near)
            raise DialFailed(f"{far.peer} does not speak {protocol}")
        here, there = self._network.open(near, far, control.connection)
        undo.callback(here.close)
        far.nursery.start_soon(_serve, accept, there, name=f"stream from {near.peer}")
        await self._network.travel(far, near, near)
        await near.running()
        return here

    def _connected(self, near: PeerLife, far: PeerLife) -> bool:
        control = near.connections.get(far.peer)
        return control is not None and control.usable

    def _check_listening(self) -> None:
        if not self.node.listening:
            raise DialFailed("our own transport is not running")


async def _serve(accept: Accept, stream: MemoryStream) -> None:
    try:
        await accept(stream)
    except Exception:
        logger.exception("the handler of a stream from %s failed", stream.remote)
    finally:
        stream.close()
