"""Programs, and a stranger who speaks raw bytes, for tests of whole pools in virtual time."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

import attrs
import trio

from mpi_actors.config import Settings
from mpi_actors.daemon.tree import Daemon
from mpi_actors.errors import ConnectionLost
from mpi_actors.events import Event, RankLost
from mpi_actors.ids import PeerId
from mpi_actors.jobs.job import Job
from mpi_actors.net.memory.network import MemoryNetwork
from mpi_actors.net.memory.transport import MemoryTransport
from mpi_actors.net.transport import ByteStream
from mpi_actors.pool.memory import MemoryPool, open_memory_pool
from mpi_actors.programs.functions import ProgramFunction, RankContext
from mpi_actors.wire.codec import ControlDecoder, encode
from mpi_actors.wire.frame import Frame
from mpi_actors.wire.messages import Accepted, Capacity, ControlMessage, Hello
from mpi_actors.wire.preamble import TOKEN_SIZE, Preamble, StreamKind

Message = TypeVar("Message", bound=ControlMessage)

RING = tuple(str(3 * (lap + 1)) for lap in range(10))
"""What rank 0 of a `ring` of three logs."""


async def ring(rank: RankContext) -> None:
    """Pass a token round ten times; each rank but 0 holds it for 0.3 s and adds its number."""
    right, left = (rank.rank + 1) % rank.size, (rank.rank - 1) % rank.size
    token = 0
    for _ in range(10):
        if rank.rank == 0:
            await rank.send(right, str(token))
            token = int(await rank.receive(left))
            await rank.log(str(token))
        else:
            token = int(await rank.receive(left))
            await trio.sleep(0.3)
            await rank.send(right, str(token + rank.rank))


async def chatty(rank: RankContext) -> None:
    """Log a hundred long lines, at each rank."""
    for number in range(100):
        await rank.log(f"{number:020000}")


async def idle(rank: RankContext) -> None:
    """Never end."""
    await trio.sleep_forever()


PROGRAMS: dict[str, ProgramFunction] = {"ring": ring, "chatty": chatty, "idle": idle}


def listen(daemon: Daemon) -> list[Event]:
    """Return a list that grows with the daemon's events from now on."""
    events: list[Event] = []
    daemon.bus.listen(events.append)
    return events


@attrs.define(eq=False)
class RawLink:
    """Both streams of a link, for a test that breaks the rules."""

    control: ByteStream
    data: ByteStream
    decoder: ControlDecoder = attrs.field(factory=ControlDecoder)
    heard: list[ControlMessage] = attrs.field(factory=list)
    _turn: trio.Lock = attrs.field(factory=trio.Lock)

    async def say(self, *messages: ControlMessage) -> None:
        """Send control messages."""
        async with self._turn:
            await self.control.send_all(b"".join(map(encode, messages)))

    async def send(self, *frames: Frame) -> None:
        """Send data frames."""
        await self.data.send_all(b"".join(frame.header() + bytes(frame.payload) for frame in frames))

    async def hear(self, kind: type[Message]) -> Message:
        """Wait for a message of that class; others are kept in `heard`."""
        while not (found := [message for message in self.heard if isinstance(message, kind)]):
            data = await self.control.receive_some()
            if not data:
                raise ConnectionLost("the other side ended the stream")
            self.heard += self.decoder.feed(data)
        return found[-1]

    async def closed(self) -> None:
        """Wait until the other side has closed both streams."""
        await ended(self.control)
        await ended(self.data)


async def ended(stream: ByteStream) -> None:
    """Wait for the end of a stream; drop what still comes."""
    try:
        while await stream.receive_some():
            pass
    except ConnectionLost:
        return


@attrs.frozen
class Stranger:
    """A peer of the network that is not a daemon."""

    transport: MemoryTransport

    async def stream(self, to: Daemon) -> ByteStream:
        """Open a stream, and send nothing."""
        return await self.transport.open_stream(await self.transport.connect(to.transport.addresses[0]))

    async def link(self, to: Daemon) -> RawLink:
        """Open both streams of a link with good preambles."""
        token = secrets.token_bytes(TOKEN_SIZE)
        streams = []
        for kind in (StreamKind.CONTROL, StreamKind.DATA):
            streams.append(await self.stream(to))
            await streams[-1].send_all(Preamble(kind, token).encode())
        control, data = streams
        return RawLink(control, data)

    async def greeted(self, to: Daemon, hello: Hello | None = None) -> RawLink:
        """Open a link and exchange hellos, so that the stranger is a member of the pool."""
        link = await self.link(to)
        await link.say(hello or self.hello(to))
        await link.hear(Hello)
        if self.transport.local < to.local:
            await link.say(Accepted())
            await eventually(lambda: to.roster.get(self.transport.local) is not None)
        else:
            await link.hear(Accepted)
        return link

    def hello(self, to: Daemon, *, pool: str | None = None, instance: str = "first") -> Hello:
        """Make a valid hello, except for the given fields."""
        return Hello(pool or to.pool, instance, "stranger", (), Capacity())


@attrs.frozen
class Scene:
    """Two honest peers whose job runs, and a stranger."""

    pool: MemoryPool
    stranger: Stranger
    job: Job

    @property
    def home(self) -> Daemon:
        """The daemon that coordinates the job."""
        return self.pool.peer(0).daemon

    @property
    def host(self) -> Daemon:
        """The daemon that only hosts ranks."""
        return self.pool.peer(1).daemon


@asynccontextmanager
async def running_transport(network: MemoryNetwork, name: str) -> AsyncIterator[MemoryTransport]:
    """Run a bare transport that leaves its incoming streams alone."""
    transport = network.transport(PeerId(name))

    async def leave(stream: ByteStream) -> None:
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        await nursery.start(transport.run, leave)
        yield transport
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def under_attack(
    name: str = "stranger", *, settings: Settings | None = None, network: MemoryNetwork | None = None
) -> AsyncIterator[Scene]:
    """Do as you please in this block: the job of the two others must end well, and lose nobody over it.

    "stranger" is larger than the peers' ids, "another" smaller: the smaller one of two decides about links.
    """
    async with (
        open_memory_pool(PROGRAMS, peers=2, settings=settings, network=network) as pool,
        running_transport(pool.network, name) as transport,
    ):
        events = listen(pool.peer(0).daemon)
        job = await pool.start("ring", 3)
        await eventually(lambda: len(tuple(job.decisions.placed())) == 3)
        assert {seat.peer for seat in job.decisions.seats} == {peer.id for peer in pool.peers}
        yield Scene(pool, Stranger(transport), job)
        with trio.fail_after(60):
            result = await job.wait()
        assert result.output == RING, result.reason
        assert not [event for event in events if isinstance(event, RankLost)]


def children(daemon: Daemon, *names: str) -> int:
    """Count the children of these supervisors of a daemon."""
    tree = {child.id: child.nested for child in daemon.supervisor.snapshot().children}
    return sum(len(nested.children) for name in names if (nested := tree[name]) is not None)


async def eventually(condition: Callable[[], object], *, within: float = 30.0) -> None:
    """Wait until `condition()` holds; look every millisecond of virtual time."""
    with trio.fail_after(within):
        while not condition():  # noqa: ASYNC110 - any condition, of things that know no test
            await trio.sleep(0.001)
