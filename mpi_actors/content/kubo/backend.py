"""The content backend that uses an IPFS daemon (Kubo), by way of its RPC API.

The IPFS daemon only relays blocks of strangers, so each block is checked here. Directories that are published
are cut into blocks here, too; the IPFS daemon only stores the blocks.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Awaitable, Callable, Collection, Mapping
from pathlib import Path
from typing import TypeVar

import trio

from ...errors import BackendUnavailable, ContentMissing, DialFailed
from ..formats.cid import Cid
from ..formats.limits import MAX_BLOCK, TreeLimits
from ..formats.path import ContentPath
from ..formats.walk import Walk
from ..store.backend import PUBLISHED, Collected, DirectoryEntry, OnAdded, OnProgress
from ..store.export import export, list_directory, resolve
from ..store.progress import Meter
from ..store.publish import publish
from ..store.threads import check_cancelled, from_thread, read_in_thread
from .ahead import ReadAhead
from .errors import DaemonRefused, is_not_here, missing, refusal
from .forget import forget
from .identity import KuboIdentity
from .pins import KuboPins, PinTable
from .rpc import Item, Rpc
from .upload import EMPTY_BLOCK, Batch

TIMEOUT = 20.0
"""Seconds without progress after which the IPFS daemon counts as unavailable: a busy one may pause."""
STALL = 30.0
"""Seconds for which the IPFS daemon searches for a block: it may have to ask peers all over the world."""
COLLECTION_SILENCE = 600.0
"""Seconds for which the IPFS daemon may say nothing while it collects garbage: it first marks all blocks that
are pinned, and reports only what it removes then."""

_T = TypeVar("_T")


async def probe(address: str, *, within: float = 5.0) -> KuboIdentity:
    """Ask what IPFS daemon has its RPC API at an address.

    Args:
        address: see `KuboBackend`.
        within: seconds without progress after which the IPFS daemon counts as unavailable.

    Raises:
        BadAddress: `address` is not an address of an RPC API.
        BackendUnavailable: no IPFS daemon answers there, or one that is not Kubo, or is too old.
    """
    rpc = Rpc(address, timeout=within, stall=within)
    try:
        return await rpc.identify()
    finally:
        rpc.close()


class KuboBackend:
    """Content in an IPFS daemon; see `ContentBackend`.

    The backend connects at its first call, and again whenever the IPFS daemon has been away.

    Args:
        address: of the RPC API: a multiaddr such as `/ip4/127.0.0.1/tcp/5001` or
            `/dns4/localhost/tcp/5001/http`.
        table: keeps the owners of pins.
        timeout: seconds without progress after which the IPFS daemon counts as unavailable.
        stall: seconds without progress for which the IPFS daemon searches for content.
    """

    def __init__(
        self, address: str, table: PinTable, *, timeout: float = TIMEOUT, stall: float = STALL
    ) -> None:
        self._rpc = Rpc(address, timeout=timeout, stall=stall)
        self._pins = KuboPins(self._rpc, table)

    def close(self) -> None:
        """Close idle connections to the IPFS daemon. The backend can still be used."""
        self._rpc.close()

    # --- the daemon ---------------------------------------------------------------------------------------

    @property
    def description(self) -> str:
        """See `ContentBackend.description`."""
        known = self._rpc.known
        return f"the IPFS daemon at {self._rpc.address}" + (f" (kubo {known.version})" if known else "")

    async def daemon(self) -> KuboIdentity:
        """Ask the IPFS daemon what it is.

        Raises:
            BadAddress: the backend's address is not an address of an RPC API.
            BackendUnavailable: no IPFS daemon answers there, or one that is not Kubo, or is too old.
        """
        return await self._rpc.identify()

    async def addresses(self) -> tuple[str, ...]:
        """Ask for the addresses at which others reach the IPFS daemon: multiaddrs with its id.

        Raises:
            BackendUnavailable: the IPFS daemon does not answer.
        """
        return (await self._rpc.identify()).addresses

    async def dial(self, address: str) -> None:
        """Let the IPFS daemon connect to another one, or to a peer, at a multiaddr with its id.

        Raises:
            DialFailed: the IPFS daemon cannot connect; the text says why.
            BackendUnavailable: the IPFS daemon does not answer.
        """
        limit = {"timeout": f"{self._rpc.stall}s"}
        try:
            await self._rpc.ask("/swarm/connect", address, options=limit, within=self._patience)
        except DaemonRefused as error:
            raise DialFailed(f"the IPFS daemon cannot connect to {address}: {error}") from error

    # --- reading ------------------------------------------------------------------------------------------

    async def block(self, cid: Cid) -> bytes:
        """See `ContentBackend.block`.

        Raises:
            ContentMissing: the IPFS daemon does not have the block, and found no provider in time.
        """
        return await self._block(cid, {"timeout": f"{self._rpc.stall}s"}, self._patience)

    async def resolve(self, path: ContentPath) -> Cid:
        """See `ContentBackend.resolve`."""
        return await read_in_thread(lambda get: resolve(path, get), self.block)

    async def list(self, cid: Cid) -> tuple[DirectoryEntry, ...]:
        """See `ContentBackend.list`."""
        ahead = ReadAhead(Walk(cid, pieces=False), self.block)
        return await _beside(
            ahead.run, lambda: read_in_thread(lambda get: list_directory(cid, get), ahead.take)
        )

    async def fetch(
        self,
        cid: Cid,
        destination: Path,
        *,
        limits: TreeLimits | None = None,
        on_progress: OnProgress | None = None,
    ) -> None:
        """See `ContentBackend.fetch`.

        Raises:
            FileExistsError: `destination` exists.
            ContentMissing: a block is missing, and the IPFS daemon found no provider in time.
            ContentRefused: the tree goes over a limit, or would write outside of its directory.
        """
        if await trio.to_thread.run_sync(os.path.lexists, destination):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(destination))
        limits = limits or TreeLimits()
        walk = Walk(cid, limits)
        meter = Meter(on_progress, trio.current_time)
        ahead = ReadAhead(walk, self.block, lambda: meter.update(walk.size_done, walk.size_total))
        await _beside(
            ahead.run,
            lambda: read_in_thread(lambda get: export(cid, get, destination, limits=limits), ahead.take),
        )
        meter.update(walk.size_done, walk.size_total)
        meter.end()

    # --- writing ------------------------------------------------------------------------------------------

    async def publish(
        self,
        directory: Path,
        *,
        cid_version: int = 0,
        owner: str = PUBLISHED,
        on_added: OnAdded | None = None,
        on_progress: OnProgress | None = None,
    ) -> Cid:
        """See `ContentBackend.publish`.

        Raises:
            BackendUnavailable: the IPFS daemon does not answer, or lost blocks to its garbage collection
                before they were pinned.
            BadStore: the directory cannot be published.
        """
        await self._rpc.daemon()  # fail before anything is read

        def work() -> Cid:
            batch = Batch()

            def put(cid: Cid, block: bytes) -> None:
                nonlocal batch
                batch.add(cid, block)
                if batch.is_full:
                    full, batch = batch, Batch()
                    trio.from_thread.run(full.send, self._rpc)

            root = publish(
                directory,
                put,
                cid_version=cid_version,
                on_added=from_thread(on_added),
                on_progress=from_thread(on_progress),
                stopped=check_cancelled,
            )
            if not batch.is_empty:
                trio.from_thread.run(batch.send, self._rpc)
            return root.cid

        root = await trio.to_thread.run_sync(work)
        try:
            await self._pins.add(root, owner, offline=True)
        except ContentMissing as error:
            raise BackendUnavailable(
                f"the IPFS daemon at {self._rpc.address} lost blocks of {directory} before they were pinned: "
                "its garbage collection ran meanwhile. Publish it again."
            ) from error
        return root

    async def pin(self, cid: Cid, owner: str) -> None:
        """See `ContentBackend.pin`."""
        await self._pins.add(cid, owner)

    async def pin_blocks(self, cids: Collection[Cid], owner: str) -> None:
        """See `ContentBackend.pin_blocks`."""
        await self._pins.keep_blocks(cids, owner)

    async def unpin(self, cid: Cid, owner: str) -> bool:
        """See `ContentBackend.unpin`."""
        return await self._pins.remove(cid, owner)

    async def pins(self) -> dict[Cid, frozenset[str]]:
        """See `ContentBackend.pins`."""
        return await self._pins.trees()

    async def forget(self, cid: Cid) -> None:
        """See `ContentBackend.forget`. What its own file system (`ipfs files`) holds stays, too.

        If the IPFS daemon has so much pinned that removal would take too long, everything stays until
        `collect`.
        """
        if not await self._pins.is_pinned(cid, "recursive"):
            await forget(self._rpc, cid, self._local_block)

    async def collect(self) -> Collected:
        """See `ContentBackend.collect`. The size says by how much the IPFS daemon's repository has shrunk.

        Raises:
            DaemonRefused: the garbage collection failed; the text says why.
            DiskFull: the IPFS daemon's disk is full.
        """
        before, blocks = await self._repository_size(), 0
        errors: list[str] = []

        def take(item: Item) -> bool:
            nonlocal blocks
            if item.get("Error"):
                errors.append(str(item["Error"]))
            else:
                blocks += 1
            return True

        options = {"stream-errors": "true"}
        await self._rpc.stream("/repo/gc", on_item=take, options=options, silence=COLLECTION_SILENCE)
        if errors:
            raise refusal(f"its garbage collection failed: {errors[0]}", self._rpc.address)
        return Collected(blocks, max(0, before - await self._repository_size()))

    async def _repository_size(self) -> int:
        size = (await self._rpc.ask("/repo/stat", options={"size-only": "true"})).get("RepoSize")
        return size if isinstance(size, int) else 0

    # --- one block ----------------------------------------------------------------------------------------

    @property
    def _patience(self) -> float:
        """Seconds to wait for calls that the IPFS daemon itself ends after `stall`."""
        return self._rpc.stall + self._rpc.timeout

    async def _local_block(self, cid: Cid) -> bytes:
        return await self._block(cid, {"offline": "true"}, self._rpc.timeout)

    async def _block(self, cid: Cid, options: Mapping[str, str], within: float) -> bytes:
        if cid.matches(EMPTY_BLOCK):
            return EMPTY_BLOCK
        try:
            data = await self._rpc.read(
                "/block/get", str(cid), limit=MAX_BLOCK, options=options, within=within
            )
        except DaemonRefused as error:
            if is_not_here(error):
                raise missing(cid, self._rpc.stall) from error
            raise
        if not cid.matches(data):
            raise ContentMissing(
                f"the IPFS daemon at {self._rpc.address} has a damaged {cid}. Run `ipfs repo verify` there."
            )
        return data


async def _beside(run: Callable[[], Awaitable[None]], work: Callable[[], Awaitable[_T]]) -> _T:
    """Return what `work` returns, while `run`, which raises nothing, runs; cancel `run` then."""
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        try:
            result = await work()
        except Exception as error:  # noqa: BLE001 - raised below, without the nursery's group around it
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return result
