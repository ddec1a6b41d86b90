"""Whom a daemon asks for content, and how long it waits for providers, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from pool_scenes import PROGRAMS, eventually
from trio.testing import MockClock

from mpi_actors.actors import Mailbox
from mpi_actors.content.bitswap.exchange import Exchange
from mpi_actors.content.fetcher import PROVIDER_WAIT, PeerFetcher
from mpi_actors.content.formats.cid import Cid
from mpi_actors.content.formats.limits import TreeLimits
from mpi_actors.content.store.blocks import BlockStore
from mpi_actors.content.store.threads import Offload
from mpi_actors.daemon.providers import Providers
from mpi_actors.daemon.tree import Daemon
from mpi_actors.errors import ContentMissing, NoProvider
from mpi_actors.ids import PeerId
from mpi_actors.net.memory.network import MemoryNetwork
from mpi_actors.net.transport import ByteStream
from mpi_actors.programs.functions import FunctionStarter
from mpi_actors.wire.messages import Stock

DATA = b"a block"
CID = Cid.of(DATA)
NODE = PeerId("node")


class World:
    """Daemons of one pool, which find each other, and IPFS nodes outside the pool."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.network = MemoryNetwork()
        self.nursery = nursery
        self._bootstrap: list[str] = []

    async def daemon(self, name: str, stock: Stock = Stock()) -> Daemon:  # noqa: B008 - it is frozen
        """Start a new peer."""
        daemon = Daemon(
            transport=self.network.transport(PeerId(name)),
            starter=FunctionStarter(PROGRAMS),
            pool="memory",
            bootstrap=tuple(self._bootstrap),
            daemon_pid=1,
            stock=lambda: stock,
        )
        await self.nursery.start(daemon.run)
        self._bootstrap += daemon.transport.addresses
        return daemon

    async def node(self) -> str:
        """Start an IPFS node and return its address. `network.kill` ends it."""

        async def hang_up(_: ByteStream) -> None:
            await trio.lowlevel.checkpoint()

        transport = self.network.transport(NODE)
        await self.nursery.start(transport.run, hang_up)
        return transport.addresses[0]

    def peers(self, daemon: Daemon, *addresses: str) -> Providers:
        """Return the providers of a daemon, kept up to date."""
        peers = Providers(daemon, addresses)
        daemon.stock_bus.listen(peers.on_change)
        self.nursery.start_soon(peers.run, Mailbox("providers"))
        return peers


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Yield a world without daemons and nodes."""
    async with trio.open_nursery() as nursery:
        yield World(nursery)
        nursery.cancel_scope.cancel()


async def test_who_says_that_it_has_it_is_asked_first(autojump_clock: MockClock) -> None:
    """Other peers of the pool come next, and then everything else that there is a connection to."""
    async with world() as on:
        ann = await on.daemon("ann")
        await on.daemon("bob")
        await on.daemon("cid", Stock((), (str(CID),)))
        await on.node()
        peers = on.peers(ann)
        assert NODE not in peers.of(CID)
        await on.network.transport(NODE).connect(ann.transport.addresses[0])
        await eventually(lambda: peers.of(CID) == ("cid", "bob", NODE), within=5)


async def test_nodes_are_dialled_until_they_answer(autojump_clock: MockClock) -> None:
    """A node that a person named is connected when it starts, and again when it comes back."""
    async with world() as on:
        ann = await on.daemon("ann")
        address = await on.node()
        on.network.kill(NODE)
        peers = on.peers(ann, address)
        await trio.sleep(30)
        assert peers.of(CID) == ()
        for _ in range(2):
            change = peers.next_change()
            await on.node()
            with trio.fail_after(100):
                await change.wait()
            assert peers.of(CID) == (NODE,)
            on.network.kill(NODE)
            await eventually(lambda: peers.of(CID) == (), within=100)


async def test_nodes_that_peers_tell_of_are_dialled(autojump_clock: MockClock) -> None:
    """They are dialled as long as a peer names them. A text that is not an address does no harm."""
    async with world() as on:
        address = await on.node()
        ann = await on.daemon("ann")
        peers = on.peers(ann)
        bob = await on.daemon("bob", Stock((), (), (address, "nonsense")))
        await eventually(lambda: peers.of(CID) == ("bob", NODE), within=20)
        bob.stop()
        await eventually(lambda: "bob" not in peers.of(CID), within=20)


async def test_at_first_there_is_patience(autojump_clock: MockClock, tmp_path: Path) -> None:
    """While a daemon starts, it waits for providers; later on, missing content fails at once."""
    async with world() as on:
        ann = await on.daemon("ann")
        peers = on.peers(ann)
        here = BlockStore(tmp_path / "here")
        exchange = Exchange(ann.transport, here, offload=Offload(0))
        on.nursery.start_soon(exchange.run)
        fetcher = PeerFetcher(here, exchange, peers.of, peers.next_change)
        on.nursery.start_soon(_bring, on, BlockStore(tmp_path / "there"))
        assert await fetcher.fetch_block(CID) == DATA
        assert trio.current_time() < PROVIDER_WAIT
        assert here.get(CID) == DATA
        other = Cid.of(b"another block")
        with pytest.raises(ContentMissing):
            await fetcher.fetch_block(other)
        assert PROVIDER_WAIT <= trio.current_time() < PROVIDER_WAIT + 5
        before = trio.current_time()
        with pytest.raises(ContentMissing):
            await fetcher.fetch_tree(other, TreeLimits())
        assert trio.current_time() - before < 1


async def _bring(on: World, blocks: BlockStore) -> None:
    await trio.sleep(PROVIDER_WAIT / 2)
    blocks.put(CID, DATA)
    bob = await on.daemon("bob")
    await Exchange(bob.transport, blocks, offload=Offload(0)).run()


async def test_without_news_nobody_waits(autojump_clock: MockClock, tmp_path: Path) -> None:
    """A fetcher without news of providers asks those that there are, and does not wait for others."""
    async with world() as on:
        ann = await on.daemon("ann")
        here = BlockStore(tmp_path / "here")
        exchange = Exchange(ann.transport, here, offload=Offload(0))
        on.nursery.start_soon(exchange.run)
        fetcher = PeerFetcher(here, exchange, lambda _: ())
        with pytest.raises(NoProvider):
            await fetcher.fetch_block(CID)
        assert trio.current_time() == 0
