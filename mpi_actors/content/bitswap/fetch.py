"""Gets all blocks of a tree into a store of blocks, from one provider after the other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

import attrs
import trio

from ...errors import BadBlock, ContentMissing, ContentRefused, NoProvider, ProviderFailed
from ...ids import PeerId
from ..formats.cid import Cid
from ..formats.limits import CHUNK, TreeLimits
from ..formats.walk import Walk
from ..store.backend import OnProgress
from ..store.progress import Meter
from .asking import BlockAbsent, BlockReceived, Provider
from .exchange import Exchange
from .wantlist import BlockSource

logger = logging.getLogger(__name__)

WINDOW = 8 * 1024 * 1024
"""Bytes that are on their way at a time: enough to fill a line of 1 Gbit/s with a round trip of 60 ms."""
_MAX_WANTS = 256
"""Blocks that are on their way at a time: a quarter of the wants that IPFS keeps of a peer, since several
fetches may share them."""
_MIN_WANTS = 4
"""Blocks that are asked for at a time even if they are large: so the provider sends while we store."""
_MAX_ABSENT = 256
"""Blocks that a provider may not have before another one is asked: it has only a part of the tree."""
_MAX_LOCAL_READ = 32 * 1024 * 1024
"""Bytes of our own blocks that are read in one call: then progress can be reported, or the call cancelled."""
_MAX_REASONS = 5
"""Providers whose failures an error message tells: more would not be read."""

_EMPTY = Cid.of(b"")

Providers = Callable[[], Sequence[PeerId]]
"""Names the peers to ask, the best first. It is called before each choice: providers may join meanwhile."""


class BlockSink(BlockSource, Protocol):
    """A store that takes blocks, such as `store.blocks.BlockStore`."""

    def put(self, cid: Cid, data: bytes | memoryview, *, checked: bool = False) -> bool:
        """Store a block; `checked` says that the caller has checked its hash.

        Raises:
            DiskFull: the disk has no room for it.
        """
        ...

    def writing(self) -> AbstractContextManager[None]:
        """Return a context in which no process removes blocks."""
        ...


class Plan(Protocol):
    """Which blocks are needed: those of a `Walk`, or a single one."""

    @property
    def done(self) -> bool:
        """Whether all blocks have been added."""
        ...

    @property
    def size_done(self) -> int:
        """Bytes of the blocks that were added."""
        ...

    @property
    def size_total(self) -> int | None:
        """Bytes of all blocks; None while that is not known."""
        ...

    def wanted(self, most: int) -> list[Cid]:
        """Return the next blocks that have not been added, `most` at most."""
        ...

    def add_block(self, cid: Cid, block: bytes | memoryview) -> None:
        """Take a block, whose hash the caller has checked."""
        ...


async def fetch_tree(
    root: Cid,
    *,
    blocks: BlockSink,
    exchange: Exchange,
    providers: Providers,
    limits: TreeLimits | None = None,
    on_progress: OnProgress | None = None,
) -> None:
    """Get all blocks of a tree that are not here. Blocks that came stay when this fails or is cancelled.

    Args:
        root: the tree's root.
        blocks: the store that receives the blocks.
        exchange: asks the providers.
        providers: names the peers to ask.
        limits: on the tree; by default those of `TreeLimits()`.
        on_progress: is called now and then with the bytes of blocks that are here.

    Raises:
        ContentMissing: no provider has all missing blocks; the text says whom we asked, and what they said.
        NoProvider: a block is missing, and there is no peer to ask.
        ContentRefused: the tree goes over a limit, or makes no sense.
        DiskFull: the disk has no room for the blocks.
    """
    await _Fetch(
        root, Walk(root, limits), blocks, exchange, providers, Meter(on_progress, trio.current_time)
    ).run()


async def fetch_block(cid: Cid, *, blocks: BlockSink, exchange: Exchange, providers: Providers) -> bytes:
    """Return one block; get it from a provider if it is not here.

    Raises:
        ContentMissing: no provider has it.
        NoProvider: there is no peer to ask.
        DiskFull: the disk has no room for it.
    """
    plan = _SingleBlock(cid)
    await _Fetch(cid, plan, blocks, exchange, providers, Meter(None)).run()
    assert plan.block is not None
    return plan.block


@attrs.define
class _SingleBlock:
    """The plan for a single block."""

    cid: Cid
    block: bytes | None = None

    @property
    def done(self) -> bool:
        return self.block is not None

    @property
    def size_done(self) -> int:
        return len(self.block or b"")

    @property
    def size_total(self) -> int | None:
        return None

    def wanted(self, most: int) -> list[Cid]:
        return [] if self.done or most < 1 else [self.cid]

    def add_block(self, cid: Cid, block: bytes | memoryview) -> None:
        if cid == self.cid:
            self.block = bytes(block)


@attrs.define(eq=False)
class _Fetch:
    root: Cid
    plan: Plan
    blocks: BlockSink
    exchange: Exchange
    providers: Providers
    meter: Meter
    said: dict[PeerId, str] = attrs.Factory(dict)
    """Why each provider that was asked did not give everything."""
    received: int = 0
    """How many blocks came from providers."""
    block_size: int = CHUNK
    """Bytes of the largest block lately."""

    async def run(self) -> None:
        """Fetch until the plan is done.

        Raises:
            ContentMissing, ContentRefused, DiskFull: see `fetch_tree`.
        """
        await self._pass_over_local()
        tried: set[PeerId] = set()
        before = self.received
        while not self.plan.done:
            peer = next((peer for peer in self.providers() if peer not in tried), None)
            if peer is not None:
                tried.add(peer)
                try:
                    await self._fetch_from(peer)
                except ProviderFailed as error:
                    logger.info("fetching %s: %s", self.root, error)
                    self.said[peer] = str(error)
            elif self.received > before:  # some had a part, or failed only for a while: ask all again
                tried.clear()
                before = self.received
            else:
                raise self._missing()
        self._report()
        self.meter.end()

    async def _fetch_from(self, peer: PeerId) -> None:
        lacking: set[Cid] = set()
        async with self.exchange.ask(peer) as provider:
            got: list[BlockReceived] = []
            while True:
                new, again = await self._advance(got, provider, lacking)
                if self.plan.done:
                    return
                provider.want(new)
                if len(lacking) > _MAX_ABSENT or (provider.finished and not again):
                    break
                got = []
                for answer in await provider.receive():
                    if isinstance(answer, BlockAbsent):
                        lacking.add(answer.cid)
                    else:
                        got.append(answer)
        if lacking:
            example = min(map(str, lacking))
            raise ProviderFailed(f"{peer} does not have {len(lacking)} of the blocks, such as {example}")

    async def _pass_over_local(self) -> None:
        """Add the blocks that are here to the plan."""
        again = True
        while again and not self.plan.done:
            _, again = await self._advance([], None, ())

    async def _advance(
        self, got: Sequence[BlockReceived], provider: Provider | None, lacking: Collection[Cid]
    ) -> tuple[list[Cid], bool]:
        """Store what came, and add what is here; return what to ask for, and whether more may be here."""
        for each in got:
            self.block_size = max(len(each.data), self.block_size - self.block_size // 16, 1)
        room = max(_MIN_WANTS, min(_MAX_WANTS, WINDOW // self.block_size))
        skip = set(lacking)
        if provider is not None:
            skip.update(provider.wanted)
            room -= provider.outstanding
        found = await self.exchange.offload.run(self._work, got, skip, room)
        self.received += len(got)
        for each in got:
            self.exchange.on_block_stored(each.cid)
        self._report()
        return found

    def _work(self, got: Sequence[BlockReceived], skip: set[Cid], room: int) -> tuple[list[Cid], bool]:
        """Do the part of `_advance` that uses the disk."""
        try:
            if got:
                # A collection marks what is reachable, then removes the rest. A block that came in between
                # would be removed, although the fetch goes on as if it was there.
                with self.blocks.writing():
                    for each in got:
                        self.blocks.put(each.cid, each.data, checked=True)
                        self.plan.add_block(each.cid, each.data)
            return self._look_here(skip, room)
        except BadBlock as error:
            raise ContentRefused(f"{self.root} cannot be used: {error}") from error

    def _look_here(self, skip: set[Cid], room: int) -> tuple[list[Cid], bool]:
        absent: list[Cid] = []
        passed = 0
        while not self.plan.done and len(absent) < room:
            new = [cid for cid in self.plan.wanted(len(skip) + room) if cid not in skip]
            if not new:
                break
            for cid in new:
                try:
                    block = self._own(cid)
                except ContentMissing:
                    absent.append(cid)
                    skip.add(cid)
                    if len(absent) >= room:
                        break
                else:
                    self.plan.add_block(cid, block)
                    passed += len(block)
                    if passed > _MAX_LOCAL_READ:
                        return absent, True
        return absent, False

    def _own(self, cid: Cid) -> bytes:
        if cid.digest == _EMPTY.digest:  # IPFS daemons say that they do not have the empty block
            self.blocks.put(cid, b"")
        return self.blocks.get(cid)

    def _report(self) -> None:
        self.meter.update(self.plan.size_done, self.plan.size_total)

    def _missing(self) -> ContentMissing:
        if not self.said:
            return NoProvider(f"{self.root} is not here, and there is no peer to ask. Connect to one first.")
        told = "; ".join(list(self.said.values())[:_MAX_REASONS])
        more = f"; and {len(self.said) - _MAX_REASONS} more" if len(self.said) > _MAX_REASONS else ""
        return ContentMissing(f"no peer that was asked has all of {self.root}: {told}{more}")
