"""Brokers of several peers with cables instead of links, and ranks without a process."""

from __future__ import annotations

import socket
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import trio

from mpi_actors.actors import Mailbox
from mpi_actors.ids import JobId, PeerId
from mpi_actors.lanes import Client, LaneBroker
from mpi_actors.lanes.news import HostNews
from mpi_actors.lanes.router import Router
from mpi_actors.net.link import FrameSource
from mpi_actors.wire.channel import ChannelKind, ChannelMessage
from mpi_actors.wire.frame import Frame
from mpi_actors.wire.messages import ControlMessage

JOB = JobId("0" * 16)
HOME, ANN, BOB = (PeerId(name) for name in ("home", "ann", "bob"))


@attrs.define(eq=False)
class Cable:
    """One direction of a link. It carries frames unless a test holds it."""

    fabric: Fabric
    near: Router
    far: Router
    held: bool = False
    mute: bool = False
    """Whether control messages are lost."""
    broken: bool = False
    carried: list[Frame] = attrs.field(factory=list)
    _ready: dict[FrameSource, None] = attrs.field(factory=dict)
    _wire: deque[Frame] = attrs.field(factory=deque)

    @property
    def remote(self) -> PeerId:
        return self.far.local

    def mark_ready(self, source: FrameSource) -> None:
        self._ready[source] = None
        self.fabric.wake()

    def forward(self, frame: Frame) -> None:
        self._wire.append(frame)
        self.fabric.wake()

    def send_control(self, message: ControlMessage) -> None:
        if not self.mute:
            self.far.dispatch(self.near.local, message)

    def move(self) -> bool:
        """Take one frame of a source that has one, and deliver one."""
        if self.held or self.broken:
            return False
        moved = False
        if self._ready:
            source = next(iter(self._ready))
            del self._ready[source]
            frame = source.next_frame(self, 50_000)  # type: ignore[arg-type]
            moved = True
            if frame is not None:
                self._ready[source] = None
                self._wire.append(attrs.evolve(frame, payload=bytes(frame.payload)))
        if self._wire:
            moved = True
            self.carried.append(self._wire[0])
            self.far.route(self._wire.popleft(), self.near.local)
        return moved


@attrs.define(eq=False)
class Member:
    """A rank whose channel the test reads: the messages that it got, and its lanes."""

    client: Client
    told: list[ChannelMessage] = attrs.field(factory=list)
    lanes: dict[int, list[socket.socket]] = attrs.field(factory=dict)

    def post(self, message: ChannelMessage, lane: socket.socket | None) -> None:
        self.told.append(message)
        if lane is not None:
            assert message.kind is ChannelKind.LANE
            lane.setblocking(False)
            self.lanes.setdefault(message.rank, []).append(lane)

    def lane(self, rank: int) -> socket.socket:
        """Return the newest lane to that rank."""
        return self.lanes[rank][-1]

    def heard(self, kind: ChannelKind) -> list[ChannelMessage]:
        return [message for message in self.told if message.kind is kind]

    def close(self) -> None:
        for lanes in self.lanes.values():
            for lane in lanes:
                lane.close()


class Fabric:
    """Three peers: home coordinates, and is linked with the two others, which have no link."""

    def __init__(self) -> None:
        boxes: dict[PeerId, Mailbox[HostNews]] = {peer: Mailbox(peer) for peer in (HOME, ANN, BOB)}
        self.routers = {peer: Router(peer, box) for peer, box in boxes.items()}
        self.lanes = {peer: LaneBroker(router, cores=4) for peer, router in self.routers.items()}
        self.cables: dict[tuple[PeerId, PeerId], Cable] = {}
        self.members: list[Member] = []
        self._bell = trio.Event()
        for router in self.routers.values():
            router.open_job(JOB, HOME)
        self.link(HOME, ANN)
        self.link(HOME, BOB)

    def link(self, a: PeerId, b: PeerId) -> None:
        for near, far in ((a, b), (b, a)):
            self.cables[near, far] = Cable(self, self.routers[near], self.routers[far])
        for near, far in ((a, b), (b, a)):
            self.routers[near].on_link_up(self.cables[near, far])  # type: ignore[arg-type]
        self.wake()

    def unlink(self, a: PeerId, b: PeerId) -> None:
        cables = [self.cables.pop(pair) for pair in ((a, b), (b, a))]
        for cable in cables:
            cable.broken = True
        for cable in cables:
            cable.near.on_link_down(cable)  # type: ignore[arg-type]

    def place(self, rank: int, peer: PeerId, incarnation: int = 0) -> None:
        """Tell every peer where a rank is."""
        for router in self.routers.values():
            router.place(JOB, rank, incarnation, peer)

    def join(self, rank: int, peer: PeerId, incarnation: int = 0) -> Member:
        """Start a process of that rank there, and tell every peer."""
        self.place(rank, peer, incarnation)
        client = Client(JOB, rank, incarnation, 8, lambda message, lane: member.post(message, lane))
        member = Member(client)
        self.members.append(member)
        self.lanes[peer].attach(client)
        return member

    def want(self, member: Member, rank: int) -> None:
        place = self.routers[HOME].place_of(JOB, member.client.rank)
        assert place is not None
        self.lanes[place.peer].want(member.client, rank)

    def wake(self) -> None:
        self._bell.set()

    async def carry(self) -> None:
        """Let the cables carry what they can, for ever."""
        while True:
            self._bell = trio.Event()
            while sum(cable.move() for cable in tuple(self.cables.values())):
                await trio.lowlevel.checkpoint()
            await self._bell.wait()


@asynccontextmanager
async def running_fabric() -> AsyncIterator[Fabric]:
    """Yield a fabric whose cables carry and whose brokers run."""
    fabric = Fabric()
    async with trio.open_nursery() as nursery:
        for peer, lanes in fabric.lanes.items():
            nursery.start_soon(lanes.run, Mailbox[object](peer))
        nursery.start_soon(fabric.carry)
        await trio.testing.wait_all_tasks_blocked()
        yield fabric
        nursery.cancel_scope.cancel()
    for member in fabric.members:
        member.close()


async def receive(sock: socket.socket, most: int = 1 << 20) -> bytes:
    """Wait for bytes; return b"" at the end."""
    while True:
        try:
            return sock.recv(most)
        except BlockingIOError:
            await trio.lowlevel.wait_readable(sock)
        except ConnectionResetError:
            return b""


async def receive_all(sock: socket.socket, count: int) -> bytes:
    """Return that many bytes, or fewer if the stream ends before."""
    data = bytearray()
    while len(data) < count and (piece := await receive(sock, count - len(data))):
        data += piece
    return bytes(data)


async def send_all(sock: socket.socket, data: bytes) -> bool:
    """Write all bytes; return False if the other end was closed before."""
    view = memoryview(data)
    while view:
        try:
            view = view[sock.send(view) :]
        except BlockingIOError:
            await trio.lowlevel.wait_writable(sock)
        except OSError:
            return False
    return True
