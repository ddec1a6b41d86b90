"""Our own content backend: blocks on disk, and a fetcher that asks other peers for missing ones."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Collection
from pathlib import Path
from typing import Protocol

import trio

from ...errors import BadCid, ContentMissing
from ..formats.cid import Cid
from ..formats.limits import TreeLimits
from ..formats.path import ContentPath
from .backend import PUBLISHED, Collected, DirectoryEntry, OnAdded, OnProgress
from .blocks import BlockStore
from .database import Pins
from .export import export, list_directory, resolve
from .publish import publish
from .threads import check_cancelled, from_thread

_SHALLOW = "blocks:"
"""Beginning of owners that keep single blocks, without what is below them."""
_FETCHING = "fetching:"
"""Beginning of owners, before a process id, that keep what that process is fetching."""

_MAX_READERS = 8
"""Worker threads that may wait for missing blocks at a time."""


class Fetcher(Protocol):
    """Gets missing blocks from others."""

    async def fetch_tree(self, root: Cid, limits: TreeLimits, on_progress: OnProgress | None = None) -> None:
        """Get all missing blocks of a tree into the store of blocks.

        Raises:
            ContentMissing: no provider has all of them.
            ContentRefused: the tree goes over a limit, or makes no sense.
        """
        ...

    async def fetch_block(self, cid: Cid) -> bytes:
        """Get one block into the store of blocks, and return its bytes.

        Raises:
            ContentMissing: no provider has it.
        """
        ...


class EmbeddedBackend:
    """Content in a store of blocks of our own; see `ContentBackend`.

    Args:
        blocks: the store of blocks. Other processes may use it at the same time.
        pins: the table of what must stay.
        fetcher: gets missing blocks; None if there is no peer to ask. It may be set later.
    """

    def __init__(self, blocks: BlockStore, pins: Pins, fetcher: Fetcher | None = None) -> None:
        self._blocks = blocks
        self._pins = pins
        self.fetcher = fetcher
        self._busy: Counter[Cid] = Counter()
        # these threads wait for other threads, so they must not take all that there are
        self._readers = trio.CapacityLimiter(_MAX_READERS)

    @property
    def description(self) -> str:
        """See `ContentBackend.description`."""
        return f"the embedded store in {self._blocks.directory}"

    async def publish(
        self,
        directory: Path,
        *,
        cid_version: int = 0,
        owner: str = PUBLISHED,
        on_added: OnAdded | None = None,
        on_progress: OnProgress | None = None,
    ) -> Cid:
        """See `ContentBackend.publish`."""

        def put(cid: Cid, block: bytes) -> None:
            self._blocks.put(cid, block, checked=True)

        def work() -> Cid:
            # until the last block is there, nothing refers to the others: a collection has to wait
            with self._blocks.writing():
                root = publish(
                    directory,
                    put,
                    cid_version=cid_version,
                    on_added=from_thread(on_added),
                    on_progress=from_thread(on_progress),
                    stopped=check_cancelled,
                )
                self._pins.add_pin(str(root.cid), owner)
                return root.cid

        return await trio.to_thread.run_sync(work)

    async def block(self, cid: Cid) -> bytes:
        """See `ContentBackend.block`."""
        try:
            return await trio.to_thread.run_sync(self._blocks.get, cid)
        except ContentMissing as error:
            return await self._fetch_block(cid, error)

    async def resolve(self, path: ContentPath) -> Cid:
        """See `ContentBackend.resolve`."""
        return await trio.to_thread.run_sync(resolve, path, self._get_anywhere, limiter=self._readers)

    async def list(self, cid: Cid) -> tuple[DirectoryEntry, ...]:
        """See `ContentBackend.list`."""
        return await trio.to_thread.run_sync(list_directory, cid, self._get_anywhere, limiter=self._readers)

    async def fetch(
        self,
        cid: Cid,
        destination: Path,
        *,
        limits: TreeLimits | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        """See `ContentBackend.fetch`."""
        limits = limits or TreeLimits()

        def work() -> None:
            export(cid, self._blocks.get, destination, limits=limits, stopped=check_cancelled)

        async with self._keeping(cid):
            await self._complete(cid, limits, on_progress)
            try:
                await trio.to_thread.run_sync(work)
            except ContentMissing:
                # a block was there, but damaged: it has been removed, and can be fetched
                await self._complete(cid, limits, on_progress)
                await trio.to_thread.run_sync(work)

    async def pin(self, cid: Cid, owner: str) -> None:
        """See `ContentBackend.pin`."""
        async with self._keeping(cid):
            await self._complete(cid, TreeLimits(), None)
            await trio.to_thread.run_sync(self._pins.add_pin, str(cid), owner)

    async def pin_blocks(self, cids: Collection[Cid], owner: str) -> None:
        """See `ContentBackend.pin_blocks`."""
        for cid in cids:
            await self.block(cid)
        await trio.to_thread.run_sync(self._pins.set_pins, [str(cid) for cid in cids], _SHALLOW + owner)

    async def unpin(self, cid: Cid, owner: str) -> bool:
        """See `ContentBackend.unpin`."""
        return await trio.to_thread.run_sync(self._pins.remove_pin, str(cid), owner)

    async def pins(self) -> dict[Cid, frozenset[str]]:
        """See `ContentBackend.pins`."""
        found = {}
        for cid, owners in (await trio.to_thread.run_sync(self._all_pins)).items():
            lasting = frozenset(owner for owner in owners if not owner.startswith((_SHALLOW, _FETCHING)))
            if lasting:
                found[cid] = lasting
        return found

    async def forget(self, cid: Cid) -> None:
        """See `ContentBackend.forget`."""
        await trio.to_thread.run_sync(self._collect, cid)

    async def collect(self) -> Collected:
        """See `ContentBackend.collect`."""
        return await trio.to_thread.run_sync(self._collect, None)

    # --- what is not here ---------------------------------------------------------------------------------

    async def _complete(self, cid: Cid, limits: TreeLimits, on_progress: OnProgress | None) -> None:
        if self.fetcher is not None:
            await self.fetcher.fetch_tree(cid, limits, on_progress)
            return
        missing = await trio.to_thread.run_sync(self._blocks.missing, cid, limits)
        if missing:
            raise ContentMissing(f"{len(missing)} blocks of {cid} are not here, and {_NOBODY}")

    async def _fetch_block(self, cid: Cid, error: ContentMissing) -> bytes:
        if self.fetcher is None:
            raise ContentMissing(f"{cid} is not here, and {_NOBODY}") from error
        return await self.fetcher.fetch_block(cid)

    def _get_anywhere(self, cid: Cid) -> bytes:
        """Return a block from here or from others; for worker threads."""
        try:
            return self._blocks.get(cid)
        except ContentMissing as error:
            return trio.from_thread.run(self._fetch_block, cid, error)

    # --- what stays ---------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def _keeping(self, cid: Cid) -> AsyncIterator[None]:
        """Enter a context in which no process collects blocks of a tree."""
        owner = f"{_FETCHING}{os.getpid()}"
        self._busy[cid] += 1
        try:
            await trio.to_thread.run_sync(self._pins.add_pin, str(cid), owner)
            yield
        finally:
            self._busy[cid] -= 1
            if not self._busy[cid]:
                del self._busy[cid]
                with trio.CancelScope(shield=True):
                    await trio.to_thread.run_sync(self._pins.remove_pin, str(cid), owner)

    def _all_pins(self) -> dict[Cid, frozenset[str]]:
        found = {}
        for text, owners in self._pins.pins().items():
            ours = frozenset(owner for owner in owners if _is_ours(owner))
            with contextlib.suppress(BadCid):  # a later release may have written it
                if ours:
                    found[Cid.parse(text)] = ours
        return found

    def _collect(self, below: Cid | None) -> Collected:
        with self._blocks.collecting():
            for text, owners in self._pins.pins().items():
                for owner in owners:
                    if owner.startswith(_FETCHING) and not _is_alive(owner.removeprefix(_FETCHING)):
                        self._pins.remove_pin(text, owner)
            pins = self._all_pins()
            trees = [cid for cid, owners in pins.items() if not all(o.startswith(_SHALLOW) for o in owners)]
            single = [cid for cid, owners in pins.items() if any(o.startswith(_SHALLOW) for o in owners)]
            return self._blocks.collect(trees, single=single, below=below)


_NOBODY = "there is nobody to ask: name a peer that has it with -peer, or an IPFS daemon with -ipfs-api"


def _is_ours(owner: str) -> bool:
    """Whether an owner's pins are in this store: owners of other backends have a colon in them, too."""
    return ":" not in owner or owner.startswith((_SHALLOW, _FETCHING))


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (PermissionError, ValueError):
        return True
    return True
