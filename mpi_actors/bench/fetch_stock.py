"""The yardstick of `fetch`: the bitswap client of py-libp2p, with its own files and trees.

Its hosts have the same settings and work-arounds as ours. It keeps blocks in memory, where it is fastest.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import trio
from libp2p.network.swarm import Swarm
from libp2p.peer.id import ID
from multiaddr import Multiaddr

from ..content.formats.limits import CHUNK
from ..errors import MpiActorsError
from ..net import addresses
from ..net.libp2p import identity
from ..net.libp2p.dial import dial
from ..net.libp2p.transport import build_host

_PATIENCE = 60.0
"""Seconds that the client waits for a file: a multiple of what the largest one takes."""


def _client(host: Any) -> Any:
    from libp2p.bitswap import BitswapClient, MemoryBlockStore

    return BitswapClient(host, MemoryBlockStore())


async def serve(file: Path, announce: Callable[[str, str], Awaitable[None]]) -> None:
    """Serve a file until cancelled; call `announce(address, root)` when it can be fetched."""
    from libp2p.bitswap.dag import MerkleDag

    host = build_host(identity.ephemeral())
    async with host.run([Multiaddr("/ip4/127.0.0.1/tcp/0")]), trio.open_nursery() as nursery:
        client = _client(host)
        client.set_nursery(nursery)
        await client.start()
        try:
            dag = MerkleDag(client)
            root = await dag.add_file(str(file), chunk_size=CHUNK, wrap_with_directory=False)
            await announce(str(host.get_addrs()[0]), bytes(root).hex())
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await client.stop()
                await host.close()


async def fetch(address: str, root: str, size: int) -> float:
    """Fetch the file; return the seconds that this took.

    Raises:
        MpiActorsError: the file does not have `size` bytes.
    """
    from libp2p.bitswap.dag import MerkleDag

    key_pair = identity.ephemeral()
    host = build_host(key_pair)
    async with host.run([]), trio.open_nursery() as nursery:
        client = _client(host)
        client.set_nursery(nursery)
        await client.start()
        try:
            swarm = host.get_network()
            assert isinstance(swarm, Swarm)
            peer = await dial(swarm, addresses.parse(address), identity.peer_id(key_pair))
            start = perf_counter()
            data, _ = await MerkleDag(client).fetch_file(
                bytes.fromhex(root), ID.from_string(peer), timeout=_PATIENCE
            )
            seconds = perf_counter() - start
        finally:
            with trio.CancelScope(shield=True):
                await client.stop()
                await host.close()
        nursery.cancel_scope.cancel()
    if len(data) != size:
        raise MpiActorsError(f"the yardstick fetched {len(data)} of {size} bytes")
    return seconds
