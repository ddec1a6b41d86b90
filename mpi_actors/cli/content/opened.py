"""Opens the content of one peer, whether or not its daemon runs."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import trio

from ...content.access import open_access
from ...content.bitswap.exchange import Exchange
from ...content.fetcher import PeerFetcher
from ...content.formats.cid import Cid
from ...content.store.blocks import BlockStore
from ...content.store.embedded import EmbeddedBackend
from ...errors import BadAddress, DialFailed
from ...ids import PeerId
from ...net.transport import ByteStream, Transport
from .content import Content


@attrs.frozen(kw_only=True)
class ContentOptions:
    """Which peer's content to open, and from whom to fetch."""

    path: Path
    """The peer's directory."""
    api: str | None = None
    """The address of an IPFS daemon, or `embedded`; None for this machine's daemon if there is one."""
    peers: tuple[str, ...] = ()
    """Addresses of peers or IPFS nodes from which the embedded store fetches what it lacks."""


@asynccontextmanager
async def open_content(options: ContentOptions) -> AsyncIterator[Content]:
    """Open the content of a peer.

    Raises:
        BackendUnavailable: the IPFS daemon at `options.api` does not answer.
        DialFailed: none of `options.peers` can be reached.
        StoreDamaged: the peer's directory cannot be used.
    """
    async with open_access(options.path, options.api) as access:
        if options.peers and access.embedded is not None and access.blocks is not None:
            async with _connected(access.embedded, access.blocks, options.peers):
                yield Content(access)
        else:
            yield Content(access)


@asynccontextmanager
async def _connected(
    backend: EmbeddedBackend, blocks: BlockStore, addresses: Sequence[str]
) -> AsyncIterator[None]:
    # imported here: libp2p takes a second to load, and most commands need no peer
    from ...net.libp2p.identity import ephemeral
    from ...net.libp2p.transport import Libp2pTransport

    transport = Libp2pTransport(ephemeral())
    exchange = Exchange(transport, blocks)
    reached: dict[str, PeerId] = {}

    def providers(_: Cid) -> Sequence[PeerId]:
        return [reached[address] for address in addresses if address in reached]

    async with trio.open_nursery() as nursery:
        await nursery.start(transport.run, _refuse)
        await nursery.start(exchange.run)
        failures: list[str] = []
        async with trio.open_nursery() as dials:
            for address in addresses:
                dials.start_soon(_dial, transport, address, reached, failures)
        if not reached:
            raise DialFailed(f"none of the given peers can be reached: {'; '.join(failures)}")
        backend.fetcher = PeerFetcher(blocks, exchange, providers)
        try:
            yield
        finally:
            backend.fetcher = None
        nursery.cancel_scope.cancel()


async def _dial(transport: Transport, address: str, reached: dict[str, PeerId], failures: list[str]) -> None:
    try:
        reached[address] = await transport.connect(address)
    except (BadAddress, DialFailed) as error:
        failures.append(str(error))


async def _refuse(_: ByteStream) -> None:
    """Close the streams of other peers at once: this process is not a peer of a pool."""
