"""Two peers with a pair of streams between them, on the in-memory network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import trio

from mpi_actors.config import PeerLimits, Timing
from mpi_actors.ids import PeerId
from mpi_actors.net.memory.network import MemoryNetwork
from mpi_actors.net.memory.transport import MemoryTransport
from mpi_actors.net.pairing import Pairing, StreamPair, open_pair
from mpi_actors.net.transport import ByteStream


@attrs.frozen
class Acceptor:
    """A peer that joins the streams of another to pairs."""

    client: MemoryTransport
    pairing: Pairing
    accepted: trio.MemoryReceiveChannel[StreamPair]
    network: MemoryNetwork

    async def stream(self) -> ByteStream:
        """Open one stream."""
        return await self.client.open_stream(PeerId("server"))

    async def pairs(self) -> tuple[StreamPair, StreamPair]:
        """Open a pair of streams; return both sides, the opening one first."""
        near = await open_pair(self.client, PeerId("server"))
        return near, await self.accepted.receive()


@asynccontextmanager
async def accepting(
    network: MemoryNetwork | None = None, limits: PeerLimits | None = None
) -> AsyncIterator[Acceptor]:
    """Run a client connected with a server that queues the pairs it accepts."""
    net = network or MemoryNetwork()
    client, server = net.transport(PeerId("client")), net.transport(PeerId("server"))
    pairing = Pairing(Timing(), limits)
    put, take = trio.open_memory_channel[StreamPair](100)

    async def accept(stream: ByteStream) -> None:
        pair = await pairing.accept(stream)
        if pair is not None:
            await put.send(pair)
            await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        await nursery.start(client.run, accept)
        await nursery.start(server.run, accept)
        await client.connect(server.addresses[0])
        yield Acceptor(client, pairing, take, net)
        nursery.cancel_scope.cancel()
