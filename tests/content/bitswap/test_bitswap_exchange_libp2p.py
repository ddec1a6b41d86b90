"""Blocks over real streams, from disk to disk."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio
from exchange_scene import nobody, noise

from mpi_actors.content.bitswap.exchange import Exchange, ExchangeLimits
from mpi_actors.content.bitswap.fetch import fetch_tree
from mpi_actors.content.formats.cid import Cid
from mpi_actors.content.store.blocks import BlockStore
from mpi_actors.content.store.publish import publish
from mpi_actors.ids import PeerId
from mpi_actors.net.libp2p import identity
from mpi_actors.net.libp2p.transport import Libp2pTransport

LIMIT = 600.0


@attrs.frozen
class Peer:
    """A peer on loopback with a store of blocks."""

    transport: Libp2pTransport
    blocks: BlockStore
    exchange: Exchange

    def publish(self, directory: Path) -> Cid:
        """Publish a directory, to serve it, and return its root."""

        def put(cid: Cid, block: bytes) -> None:
            self.blocks.put(cid, block)

        return publish(directory, put).cid


@asynccontextmanager
async def running(directory: Path, limits: ExchangeLimits | None = None) -> AsyncIterator[Peer]:
    """Run a peer inside the context. A peer that hangs fails."""
    transport = Libp2pTransport(identity.ephemeral())
    blocks = BlockStore(directory)
    exchange = Exchange(transport, blocks, limits=limits)
    with trio.fail_after(LIMIT):
        async with trio.open_nursery() as nursery:
            await nursery.start(transport.run, nobody)
            await nursery.start(exchange.run)
            yield Peer(transport, blocks, exchange)
            nursery.cancel_scope.cancel()


def make_tree(directory: Path) -> Path:
    """Make a directory with a file of many blocks, a small file and an empty one."""
    (directory / "below").mkdir(parents=True)
    (directory / "large").write_bytes(noise(3_000_000))
    (directory / "below" / "small").write_text("small")
    (directory / "below" / "empty").write_bytes(b"")
    return directory


async def test_a_tree_comes_over_libp2p(tmp_path: Path) -> None:
    """A tree goes from one store on disk to another, and the connection stays for more."""
    tree = make_tree(tmp_path / "tree")
    async with running(tmp_path / "near") as near, running(tmp_path / "far") as far:
        root = far.publish(tree)
        peer = await near.transport.connect(far.transport.addresses[0])
        for _ in range(2):
            await fetch_tree(root, blocks=near.blocks, exchange=near.exchange, providers=lambda: [peer])
            assert near.blocks.missing(root) == []
        assert sorted(near.blocks) == sorted(far.blocks)
        assert near.transport.connected() == (peer,)


async def test_a_peer_that_ends_is_replaced(tmp_path: Path) -> None:
    """When a provider ends in the middle, the rest comes from another one."""
    tree = make_tree(tmp_path / "tree")
    async with running(tmp_path / "near") as near, running(tmp_path / "second") as second:
        root = second.publish(tree)
        peers: list[PeerId] = []
        async with trio.open_nursery() as nursery, running(tmp_path / "first") as first:
            first.publish(tree)
            for each in (first, second):
                peers.append(await near.transport.connect(each.transport.addresses[0]))  # noqa: PERF401
            came = trio.Event()
            nursery.start_soon(
                lambda: fetch_tree(
                    root,
                    blocks=near.blocks,
                    exchange=near.exchange,
                    providers=lambda: peers,
                    on_progress=lambda progress: came.set() if progress.done else None,
                )
            )
            await came.wait()
        assert sorted(near.blocks) == sorted(second.blocks)
