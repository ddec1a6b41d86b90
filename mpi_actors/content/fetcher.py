"""Gets content from other peers into the store of blocks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import trio

from ..errors import ContentMissing
from ..ids import PeerId
from .bitswap.exchange import Exchange
from .bitswap.fetch import fetch_block, fetch_tree
from .formats.cid import Cid
from .formats.limits import TreeLimits
from .store.backend import OnProgress
from .store.blocks import BlockStore

PROVIDER_WAIT = 10.0
"""Seconds after the first request during which providers may still connect: long enough for a daemon that
has just started to find its peers."""

_T = TypeVar("_T")
Providers = Callable[[Cid], Sequence[PeerId]]
"""Names the peers to ask for a piece of content, the best first."""


class PeerFetcher:
    """Fetches content from the peers that `providers` names; an `embedded.Fetcher`.

    Args:
        blocks: the store that receives the blocks.
        exchange: asks the peers.
        providers: names the peers to ask.
        next_change: returns an event that is set when the providers may have changed. While the daemon is
            young (see `PROVIDER_WAIT`), missing content is tried again after each such event. None to ask
            only the providers that there are now.
    """

    def __init__(
        self,
        blocks: BlockStore,
        exchange: Exchange,
        providers: Providers,
        next_change: Callable[[], trio.Event] | None = None,
    ) -> None:
        self._blocks = blocks
        self._exchange = exchange
        self._providers = providers
        self._next_change = next_change
        self._patient_until: float | None = None

    async def fetch_tree(self, root: Cid, limits: TreeLimits, on_progress: OnProgress | None = None) -> None:
        """See `embedded.Fetcher.fetch_tree`."""

        async def fetch() -> None:
            await fetch_tree(
                root,
                blocks=self._blocks,
                exchange=self._exchange,
                providers=lambda: self._providers(root),
                limits=limits,
                on_progress=on_progress,
            )

        await self._patiently(fetch)

    async def fetch_block(self, cid: Cid) -> bytes:
        """See `embedded.Fetcher.fetch_block`."""

        async def fetch() -> bytes:
            return await fetch_block(
                cid, blocks=self._blocks, exchange=self._exchange, providers=lambda: self._providers(cid)
            )

        return await self._patiently(fetch)

    async def _patiently(self, fetch: Callable[[], Awaitable[_T]]) -> _T:
        if self._patient_until is None:
            self._patient_until = trio.current_time() + PROVIDER_WAIT
        if self._next_change is not None:
            with trio.move_on_at(self._patient_until):
                while True:
                    change = self._next_change()
                    try:
                        return await fetch()
                    except ContentMissing:
                        await change.wait()
        return await fetch()
