"""All blocks of a tree from peers that have them, one peer at a time, into a store of blocks."""

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
"""Bytes that are on their way at a time."""
_MAX_WANTS = 256
"""Blocks that are on their way at a time; IPFS keeps 1024 wants of a peer, for all its fetches."""
_MIN_WANTS = 4
_MAX_ABSENT = 256
"""Blocks that a peer does not have, after which another one is asked."""
_MAX_LOCAL_READ = 32 * 1024 * 1024
"""Bytes of our own blocks that are read in one go."""
_MAX_REASONS = 5
"""Peers of which an error message tells what they said."""

_EMPTY = Cid.of(b"")

Providers = Callable[[], Sequence[PeerId]]
"""Whom to ask, the best first. It is asked again and again: who is new in it counts, too."""


class BlockSink(BlockSource, Protocol):
    """Where blocks are kept: `store.blocks.BlockStore`."""

    def put(self, cid: Cid, data: bytes | memoryview, *, checked: bool = False) -> bool:
        """Keep a block; `checked` says that it has been hashed.

        Raises:
            DiskFull: there is no room for it.
        """
        ...

    def writing(self) -> AbstractContextManager[None]:
        """Inside, nobody removes blocks."""
        ...


class Plan(Protocol):
    """Which blocks are needed: a `Walk`, or a single one."""

    @property
    def done(self) -> bool:
        """Whether all have been found."""
        ...

    @property
    def size_done(self) -> int:
        """Bytes of those that were found."""
        ...

    @property
    def size_total(self) -> int | None:
        """Bytes of all, if they are known."""
        ...

    def wanted(self, most: int) -> list[Cid]:
        """The next blocks that have not been found."""
        ...

    def add_block(self, cid: Cid, block: bytes | memoryview) -> None:
        """Take a block."""
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
    """Get all blocks below `root` that are not here. What came stays when this fails or is cancelled.

    Raises:
        ContentMissing: nobody has all of them; the text says who was asked, and what they said.
        NoProvider: something is missing, and there is nobody to ask.
        ContentRefused: the tree goes over a limit, or makes no sense.
        DiskFull: there is no room for them.
    """
    await _Fetch(
        root, Walk(root, limits), blocks, exchange, providers, Meter(on_progress, trio.current_time)
    ).run()


async def fetch_block(cid: Cid, *, blocks: BlockSink, exchange: Exchange, providers: Providers) -> bytes:
    """Get one block, if it is not here.

    Raises:
        ContentMissing: nobody has it.
        NoProvider: there is nobody to ask.
        DiskFull: there is no room for it.
    """
    one = _One(cid)
    await _Fetch(cid, one, blocks, exchange, providers, Meter(None)).run()
    assert one.block is not None
    return one.block


@attrs.define
class _One:
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
    """What those said that were asked and could not give everything."""
    came: int = 0
    """Blocks, of peers."""
    block_size: int = CHUNK
    """Of the largest lately."""

    async def run(self) -> None:
        """Fetch.

        Raises:
            ContentMissing, ContentRefused, DiskFull: see `fetch_tree`.
        """
        await self._advance_all_here()
        tried: set[PeerId] = set()
        before = self.came
        while not self.plan.done:
            peer = next((peer for peer in self.providers() if peer not in tried), None)
            if peer is not None:
                tried.add(peer)
                try:
                    await self._fetch_from(peer)
                except ProviderFailed as error:
                    logger.info("fetching %s: %s", self.root, error)
                    self.said[peer] = str(error)
            elif self.came > before:  # some had only a part, or failed for a while: once more
                tried.clear()
                before = self.came
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

    async def _advance_all_here(self) -> None:
        """Pass over the blocks that are here."""
        again = True
        while again and not self.plan.done:
            _, again = await self._advance([], None, ())

    async def _advance(
        self, got: Sequence[BlockReceived], provider: Provider | None, lacking: Collection[Cid]
    ) -> tuple[list[Cid], bool]:
        """Keep what came, pass over what is here; returns what to ask for, and whether there may be more."""
        for each in got:
            self.block_size = max(len(each.data), self.block_size - self.block_size // 16, 1)
        room = max(_MIN_WANTS, min(_MAX_WANTS, WINDOW // self.block_size))
        skip = set(lacking)
        if provider is not None:
            skip.update(provider.wanted)
            room -= provider.outstanding
        found = await self.exchange.offload.run(self._work, got, skip, room)
        self.came += len(got)
        for each in got:
            self.exchange.on_block_stored(each.cid)
        self._report()
        return found

    def _work(self, got: Sequence[BlockReceived], skip: set[Cid], room: int) -> tuple[list[Cid], bool]:
        """The part that uses the disk."""
        try:
            if got:
                # a collection looks first at what is reachable: a block that came between that and removing
                # the rest would go again, although the fetch goes on as if it was there
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
        if cid.digest == _EMPTY.digest:  # IPFS says of this one that it does not have it
            self.blocks.put(cid, b"")
        return self.blocks.get(cid)

    def _report(self) -> None:
        self.meter.update(self.plan.size_done, self.plan.size_total)

    def _missing(self) -> ContentMissing:
        if not self.said:
            return NoProvider(f"{self.root} is not here, and there is no peer to ask. Connect to one first.")
        told = "; ".join(list(self.said.values())[:_MAX_REASONS])
        more = f"; and {len(self.said) - _MAX_REASONS} more" if len(self.said) > _MAX_REASONS else ""
        return ContentMissing(f"nobody who was asked has all of {self.root}: {told}{more}")
