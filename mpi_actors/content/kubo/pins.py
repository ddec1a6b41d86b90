"""Pins with owners in an IPFS daemon. It only knows what is pinned: a table of ours keeps the owners.

An owner is written to the table before the IPFS daemon pins, and removed after the IPFS daemon has unpinned.
So if we are cut off in the middle, the table still names every pin of ours.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Literal, Protocol

import trio

from ...errors import ContentError
from ..formats.cid import Cid, Codec
from .errors import DaemonRefused, Stalled, is_not_here, missing
from .rpc import Item, Rpc
from .upload import EMPTY_BLOCK, Batch

PREFIX = "kubo:"
"""Beginning of owners in the table. The IPFS daemon's id follows, since each IPFS daemon has its own pins."""

Depth = Literal["tree", "block"]
"""What a pin keeps: the block and all below it, or the block alone."""

_THEIRS = "theirs"
"""The owner of what somebody else had pinned before us: it stays pinned when our last owner unpins it."""
_MORE_THAN_ASKED = "already pinned recursively"
_NOT_OURS_TO_END = ("not pinned", "pinned indirectly", "is pinned recursively", "is pinned directly")
_UNDO_TIMEOUT = 5.0
"""Seconds to undo a pin that failed or was cancelled: the caller is waiting to go on."""

_log = logging.getLogger(__name__)


class PinTable(Protocol):
    """Rows of an identifier's text and an owner, as in `store.database.Pins`. The methods block."""

    def add_pin(self, cid: str, owner: str) -> None:
        """Add a row. Idempotent."""
        ...

    def remove_pin(self, cid: str, owner: str) -> bool:
        """Remove a row; return False if there was none."""
        ...

    def pins(self) -> Mapping[str, frozenset[str]]:
        """Return all rows: the owners of each identifier, those of other backends too."""
        ...


class KuboPins:
    """Pins with owners.

    Args:
        rpc: the IPFS daemon's API.
        table: keeps the owners.
    """

    def __init__(self, rpc: Rpc, table: PinTable) -> None:
        self._rpc = rpc
        self._table = table

    async def add(self, cid: Cid, owner: str, depth: Depth = "tree", *, offline: bool = False) -> None:
        """Pin content for an owner. Idempotent.

        Args:
            cid: what to pin.
            owner: for whom.
            depth: what to keep.
            offline: pin only what the IPFS daemon has; do not search for the rest.

        Raises:
            ContentMissing: the IPFS daemon does not have all of it, and cannot get it.
            BackendUnavailable, DiskFull: see `ContentBackend`.
        """
        mine = await self._prefix()
        # ask before reading the table: a pin of ours is in the table before it is in the IPFS daemon
        was_pinned = await self.is_pinned(cid, "recursive") or await self.is_pinned(cid, "direct")
        rows = await self._rows(cid, mine)
        row = f"{depth}:{owner}"
        if was_pinned and not rows:
            await self._write(cid, mine + _THEIRS)
        await self._write(cid, mine + row)
        pinned = False
        try:
            await self._pin(cid, depth, offline)
            pinned = True
        finally:
            if not pinned and row not in rows:
                with trio.CancelScope(shield=True), trio.move_on_after(_UNDO_TIMEOUT):
                    await self._undo(cid, row, mine)

    async def remove(self, cid: Cid, owner: str, depth: Depth = "tree") -> bool:
        """Undo `add`; return False if that owner had not pinned it at that depth.

        Raises:
            BackendUnavailable: see `ContentBackend`; the content is still pinned then.
        """
        row, mine = f"{depth}:{owner}", await self._prefix()
        if row not in await self._rows(cid, mine):
            return False
        await self._release(cid, row, mine)
        return True

    async def keep_blocks(self, cids: Collection[Cid], owner: str) -> None:
        """Pin these blocks for an owner, without what is below them, and unpin all others of that kind.

        Raises:
            ContentMissing: the IPFS daemon does not have one of them, and cannot get it.
            BackendUnavailable, DiskFull: see `ContentBackend`.
        """
        kept = (await self._owned("block")).items()
        before = {cid for cid, owners in kept if owner in owners}
        for cid in cids:
            if cid not in before:
                await self.add(cid, owner, "block")
        for cid in before.difference(cids):
            await self.remove(cid, owner, "block")

    async def trees(self) -> dict[Cid, frozenset[str]]:
        """Return what is pinned with all below it, and the owners of each."""
        return await self._owned("tree")

    async def is_pinned(self, cid: Cid, kind: Literal["recursive", "direct"]) -> bool:
        """Whether anybody has pinned that very block, with (recursive) or without (direct) what is below it.

        Raises:
            DaemonRefused: the IPFS daemon cannot say.
            BackendUnavailable: see `ContentBackend`.
        """
        try:
            await self._rpc.ask("/pin/ls", str(cid), options={"type": kind})
        except DaemonRefused as error:
            if "not pinned" in str(error):
                return False
            raise
        return True

    # --- the daemon ---------------------------------------------------------------------------------------

    async def _pin(self, cid: Cid, depth: Depth, offline: bool) -> None:
        options = {"recursive": _flag(depth == "tree"), "offline": _flag(offline)}
        fetched: object = 0
        done = False

        def take(item: Item) -> bool:
            nonlocal done, fetched
            before, fetched = fetched, item.get("Progress", fetched)
            done = done or "Pins" in item
            return done or fetched != before

        stall = self._rpc.stall
        watched, limited = {**options, "progress": "true"}, {**options, "timeout": f"{stall}s"}
        if depth == "tree" and not offline:
            await self._put_nothing()
        try:
            await self._rpc.stream("/pin/add", str(cid), on_item=take, options=watched, silence=stall)
            if not done:  # the call failed after the answer had begun, which hides the reason
                within = stall + self._rpc.timeout
                await self._rpc.ask("/pin/add", str(cid), options=limited, within=within)
        except Stalled as error:
            await self._rpc.identify()  # raises if the IPFS daemon does not answer at all
            raise missing(f"all of {cid}", stall) from error
        except DaemonRefused as error:
            if is_not_here(error):
                raise missing(f"all of {cid}", stall) from error
            if _MORE_THAN_ASKED not in str(error):
                raise

    async def _put_nothing(self) -> None:
        """Give the IPFS daemon the block that it might never get from others: see `EMPTY_BLOCK`."""
        batch = Batch()
        batch.add(Cid.of(EMPTY_BLOCK, Codec.RAW, 1), EMPTY_BLOCK)
        await batch.send(self._rpc)

    async def _unpin(self, cid: Cid, depth: Depth) -> None:
        try:
            await self._rpc.ask("/pin/rm", str(cid), options={"recursive": _flag(depth == "tree")})
        except DaemonRefused as error:
            if not any(sign in str(error) for sign in _NOT_OURS_TO_END):
                raise

    async def _release(self, cid: Cid, row: str, mine: str) -> None:
        """Remove one row from the table, and unpin in the IPFS daemon what no other row needs."""
        rows = await self._rows(cid, mine)
        if _THEIRS not in rows:
            before, after = _depth_of(rows | {row}), _depth_of(rows - {row})
            if before is not None and before != after:
                await self._unpin(cid, before)
                if after is not None:
                    await self._pin(cid, after, True)
        await self._strike(cid, row, mine)
        rows = await self._rows(cid, mine)
        again = _depth_of(rows)
        if _THEIRS not in rows and again is not None:  # another process has pinned it meanwhile
            await self._pin(cid, again, True)

    async def _undo(self, cid: Cid, row: str, mine: str) -> None:
        try:
            await self._release(cid, row, mine)
        except ContentError as error:
            _log.info("a pin of %s that failed could not be undone: %s", cid, error)
            await self._strike(cid, row, mine)

    # --- the table ---------------------------------------------------------------------------------------

    async def _prefix(self) -> str:
        return f"{PREFIX}{(await self._rpc.daemon()).peer}:"

    async def _write(self, cid: Cid, owner: str) -> None:
        await trio.to_thread.run_sync(self._table.add_pin, str(cid), owner)

    async def _strike(self, cid: Cid, row: str, mine: str) -> None:
        await trio.to_thread.run_sync(self._table.remove_pin, str(cid), mine + row)
        if await self._rows(cid, mine) == {_THEIRS}:
            await trio.to_thread.run_sync(self._table.remove_pin, str(cid), mine + _THEIRS)

    async def _rows(self, cid: Cid, mine: str) -> frozenset[str]:
        """Return this IPFS daemon's rows for `cid`, without the prefix."""
        return (await self._all_rows(mine)).get(str(cid), frozenset())

    async def _all_rows(self, mine: str) -> dict[str, frozenset[str]]:
        found = {}
        for cid, owners in (await trio.to_thread.run_sync(self._table.pins)).items():
            rows = frozenset(owner.removeprefix(mine) for owner in owners if owner.startswith(mine))
            if rows:
                found[cid] = rows
        return found

    async def _owned(self, depth: Depth) -> dict[Cid, frozenset[str]]:
        found, start = {}, f"{depth}:"
        for text, rows in (await self._all_rows(await self._prefix())).items():
            owners = frozenset(row.removeprefix(start) for row in rows if row.startswith(start))
            if owners:
                found[Cid.parse(text)] = owners
        return found


def _depth_of(rows: frozenset[str]) -> Depth | None:
    """Return what the rows of one identifier together need; None if they need no pin of ours."""
    if any(row.startswith("tree:") for row in rows):
        return "tree"
    return "block" if rows - {_THEIRS} else None


def _flag(value: bool) -> str:
    return "true" if value else "false"
