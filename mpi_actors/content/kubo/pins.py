"""Pins in an IPFS daemon, which knows only "pinned": whose they are is kept in a table of ours.

The table is written before the daemon is told to pin, and after it was told to unpin. So whatever is cut
off in the middle, nothing of ours stays pinned that the table does not know of.
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
"""What the owners in the table begin with; the daemon's id follows, since another daemon has other pins."""

Depth = Literal["tree", "block"]
"""What a pin keeps: all that is below the block, too, or not."""

_THEIRS = "theirs"
"""Marks what somebody else had pinned before us, so it stays pinned when our last owner goes."""
_MORE_THAN_ASKED = "already pinned recursively"
_NOT_OURS_TO_END = ("not pinned", "pinned indirectly", "is pinned recursively", "is pinned directly")
_UNDO_TIMEOUT = 5.0
"""Seconds for taking a pin back when pinning failed or was cancelled."""

_log = logging.getLogger(__name__)


class PinTable(Protocol):
    """Rows of a content identifier's text and an owner; see `database.Pins`. The methods block."""

    def add_pin(self, cid: str, owner: str) -> None:
        """Add a row. Idempotent."""
        ...

    def remove_pin(self, cid: str, owner: str) -> bool:
        """Remove a row; False if there was none."""
        ...

    def pins(self) -> Mapping[str, frozenset[str]]:
        """All rows: the owners of each identifier, also those of other backends."""
        ...


class KuboPins:
    """Pins with owners.

    Args:
        rpc: the daemon's API.
        table: where the owners are kept.
    """

    def __init__(self, rpc: Rpc, table: PinTable) -> None:
        self._rpc = rpc
        self._table = table

    async def add(self, cid: Cid, owner: str, depth: Depth = "tree", *, offline: bool = False) -> None:
        """Pin for an owner. Idempotent.

        Args:
            cid: what.
            owner: for whom.
            depth: what to keep.
            offline: pin only what the daemon has, do not search for the rest.

        Raises:
            ContentMissing: the daemon does not have it, and cannot get it.
            BackendUnavailable, DiskFull: see `ContentBackend`.
        """
        mine = await self._prefix()
        # asked before the table is read: a pin of ours is in the table before it is in the daemon
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
        """End `add`; False if that owner had not pinned it at that depth.

        Raises:
            BackendUnavailable: see `ContentBackend`; it is still pinned, then.
        """
        row, mine = f"{depth}:{owner}", await self._prefix()
        if row not in await self._rows(cid, mine):
            return False
        await self._release(cid, row, mine)
        return True

    async def keep_blocks(self, cids: Collection[Cid], owner: str) -> None:
        """Let these blocks, without what is below them, be all that an owner keeps in this way.

        Raises:
            ContentMissing: the daemon does not have one, and cannot get it.
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
        """What is pinned with all below it, and by which owners."""
        return await self._owned("tree")

    async def is_pinned(self, cid: Cid, kind: Literal["recursive", "direct"]) -> bool:
        """Whether anybody has pinned that very block, with or without what is below it.

        Raises:
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
            if not done:  # it failed after it had begun to answer, which hides the reason
                within = stall + self._rpc.timeout
                await self._rpc.ask("/pin/add", str(cid), options=limited, within=within)
        except Stalled as error:
            await self._rpc.identify()  # does it not answer at all?
            raise missing(f"all of {cid}", stall) from error
        except DaemonRefused as error:
            if is_not_here(error):
                raise missing(f"all of {cid}", stall) from error
            if _MORE_THAN_ASKED not in str(error):
                raise

    async def _put_nothing(self) -> None:
        """Give the daemon the block that it could wait for in vain: see `EMPTY_BLOCK`."""
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
        """Take one row out of the table, and out of the daemon what no other row needs."""
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
        if _THEIRS not in rows and again is not None:  # perhaps another process pinned it meanwhile
            await self._pin(cid, again, True)

    async def _undo(self, cid: Cid, row: str, mine: str) -> None:
        try:
            await self._release(cid, row, mine)
        except ContentError as error:
            _log.info("a pin of %s that failed could not be taken back: %s", cid, error)
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
        """Of this daemon, without the prefix."""
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
    """What the rows of one identifier need together."""
    if any(row.startswith("tree:") for row in rows):
        return "tree"
    return "block" if rows - {_THEIRS} else None


def _flag(value: bool) -> str:
    return "true" if value else "false"
