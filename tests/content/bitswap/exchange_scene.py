"""Peers on the in-memory network: some exchange blocks that they keep in memory, others misbehave."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import TypeVar, TypeVarTuple

import trio

from mpi_actors.content.bitswap.exchange import Exchange, ExchangeLimits
from mpi_actors.content.formats import bitswap
from mpi_actors.content.formats.bitswap import BitswapMessage, Block, Decoder, Presence
from mpi_actors.content.formats.cid import Cid
from mpi_actors.content.formats.importer import Built, FileBuilder, build_directory
from mpi_actors.content.formats.limits import CHUNK
from mpi_actors.content.store.threads import Offload
from mpi_actors.errors import ContentMissing
from mpi_actors.ids import PeerId
from mpi_actors.net.memory.network import MemoryNetwork
from mpi_actors.net.transport import ByteStream, Transport

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")

LIMIT = 3600.0
"""Seconds of virtual time after which a scene hangs."""


class MemoryBlocks(dict[bytes, bytes]):
    """Blocks by digest."""

    def __init__(self) -> None:
        super().__init__()
        self.puts: list[Cid] = []

    def get(self, cid: Cid) -> bytes:  # type: ignore[override]
        """Return a block; raise ContentMissing."""
        try:
            return self[cid.digest]
        except KeyError:
            raise ContentMissing(f"{cid} is not here") from None

    def has(self, cid: Cid) -> bool:
        """Whether the block is here."""
        return cid.digest in self

    def put(self, cid: Cid, data: bytes | memoryview, *, checked: bool = False) -> bool:
        """Keep a block."""
        assert checked or not data
        assert cid.matches(data)
        self.puts.append(cid)
        new = cid.digest not in self
        self[cid.digest] = bytes(data)
        return new

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Return a context in which no blocks are removed."""
        yield

    def add(self, data: bytes) -> Cid:
        """Keep a block of these bytes, even if they make no sense."""
        cid = Cid.of(data)
        self[cid.digest] = data
        return cid

    def add_tree(self, files: Mapping[str, bytes], *, version: int = 0, chunk: int = CHUNK) -> Cid:
        """Keep the blocks of a directory, and return its root."""

        def put(cid: Cid, block: bytes) -> None:
            self[cid.digest] = bytes(block)

        entries: dict[str, Built] = {}
        for name, data in files.items():
            builder = FileBuilder(put, cid_version=version, chunk=chunk)
            builder.add(data)
            entries[name] = builder.finish()
        return build_directory(entries, put, cid_version=version).cid


def noise(size: int, seed: int = 0) -> bytes:
    """Return bytes without repetitions."""
    return random.Random(seed).randbytes(size)


class SlowDisk(Offload):
    """Takes its time, chosen at random, before and after each function that it runs."""

    def __init__(self, longest: float, seed: int = 0) -> None:
        super().__init__(0)
        self._longest = longest
        self._rng = random.Random(seed)

    async def run(self, function: Callable[[*_Ts], _T], *args: *_Ts) -> _T:
        """See `Offload.run`."""
        await self._take_time()
        try:
            return function(*args)
        finally:
            await self._take_time()

    async def _take_time(self) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(self._rng.uniform(0, self._longest))


async def nobody(_: ByteStream) -> None:
    """Handle a protocol that no peer speaks here."""


class Scene:
    """Some peers, each of which is connected to every other one."""

    def __init__(
        self,
        nursery: trio.Nursery,
        network: MemoryNetwork,
        limits: ExchangeLimits | None,
        offload: Offload | None,
    ) -> None:
        self.network = network
        self.limits = limits
        self.offload = offload
        self.nursery = nursery
        self._addresses: list[str] = []
        self._scopes: dict[str, trio.CancelScope] = {}

    async def transport(self, name: str) -> Transport:
        """Return a new peer's transport, connected to all earlier peers."""
        transport = self.network.transport(PeerId(name))
        self._scopes[name] = await self.nursery.start(self._run, transport.run, nobody)
        for address in self._addresses:
            await transport.connect(address)
        self._addresses.append(transport.addresses[0])
        return transport

    async def _run(
        self,
        run: Callable[..., Awaitable[object]],
        *args: object,
        task_status: trio.TaskStatus[trio.CancelScope],
    ) -> None:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                await nursery.start(run, *args)
                task_status.started(scope)

    async def peer(self, name: str) -> Party:
        """Return a new peer that exchanges blocks."""
        transport = await self.transport(name)
        blocks = MemoryBlocks()
        offload = self.offload or Offload(0)
        exchange = Exchange(transport, blocks, limits=self.limits, offload=offload)
        self._scopes[f"{name} exchange"] = await self.nursery.start(self._run, exchange.run)
        return Party(transport, blocks, exchange)

    async def peers(self, *names: str) -> list[Party]:
        """Return several new peers that exchange blocks."""
        return [await self.peer(name) for name in names]

    def stop(self, name: str) -> None:
        """End a peer in good order."""
        self._scopes[f"{name} exchange"].cancel()
        self._scopes[name].cancel()

    async def rogue(self, name: str) -> Rogue:
        """Return a new peer whose messages the test writes and reads."""
        return Rogue(await self.transport(name))


class Party:
    """A peer that exchanges blocks."""

    def __init__(self, transport: Transport, blocks: MemoryBlocks, exchange: Exchange) -> None:
        self.transport = transport
        self.blocks = blocks
        self.exchange = exchange

    @property
    def id(self) -> PeerId:
        """The peer's id."""
        return self.transport.local


class Rogue:
    """A peer whose messages the test writes and reads."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._put, self._take = trio.open_memory_channel[BitswapMessage](1000)
        self.streams: list[ByteStream] = []
        """Those that were opened to it."""
        transport.serve(bitswap.PROTOCOL, self._accept)

    @property
    def id(self) -> PeerId:
        """The peer's id."""
        return self.transport.local

    async def _accept(self, stream: ByteStream) -> None:
        self.streams.append(stream)
        decoder = Decoder()
        while data := await stream.receive_some():
            for message in decoder.feed(data):
                await self._put.send(message)

    async def open(self, to: Party) -> ByteStream:
        """Open a stream to a peer."""
        return await self.transport.open_stream(to.id, bitswap.PROTOCOL)

    async def receive(self) -> BitswapMessage:
        """Return the next message that came, on any stream."""
        return await self._take.receive()

    async def wanted(self, count: int) -> list[Cid]:
        """Return the next blocks that the peer was asked for."""
        found: list[Cid] = []
        while len(found) < count:
            for want in (await self.receive()).wants:
                assert isinstance(want.cid, Cid)
                if not want.cancel:
                    found.append(want.cid)
        return found


def with_blocks(*blocks: bytes) -> bytes:
    """Return the bytes of a message with blocks."""
    return bitswap.encode(BitswapMessage(blocks=[Block(Cid.of(data).prefix, data) for data in blocks]))


def with_refusals(cids: Iterable[Cid]) -> bytes:
    """Return the bytes of a message that says that its sender does not have these blocks."""
    return bitswap.encode(BitswapMessage(presences=[Presence(cid, have=False) for cid in cids]))


@asynccontextmanager
async def scene(
    network: MemoryNetwork | None = None,
    limits: ExchangeLimits | None = None,
    offload: Offload | None = None,
) -> AsyncIterator[Scene]:
    """Enter a scene. A scene that hangs fails."""
    with trio.fail_after(LIMIT):
        async with trio.open_nursery() as nursery:
            yield Scene(nursery, network or MemoryNetwork(), limits, offload)
            nursery.cancel_scope.cancel()
