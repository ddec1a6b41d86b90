"""Fetches blocks of one tree side by side, before a reader asks for them one after the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
import trio

from ...actors.bell import Bell
from ...errors import BadBlock, ContentError, ContentMissing, ContentRefused
from ..formats.cid import Cid
from ..formats.walk import Walk

MAX_FETCHES = 16
"""Blocks that are fetched at a time: fewer than `rpc.MAX_CALLS`, so that other calls find room."""
MAX_HELD = 16 * 1024 * 1024
"""Bytes of blocks in memory that the reader has not asked for, beyond which no more are fetched."""


@attrs.define(eq=False)
class _Slot:
    """A block that is on its way, or has come."""

    came: trio.Event = attrs.Factory(trio.Event)
    data: bytes = b""


class ReadAhead:
    """Fetches the blocks that a walk wants, so that a reader of the same tree seldom has to wait.

    `run` must be running. A block that is asked for and is not on its way is fetched at once, so a reader may
    go through the tree in any order.

    Args:
        walk: the way through the tree.
        get: fetches and checks one block; raises ContentMissing when no provider sends it in time.
        on_block: is called after each block that the walk has got.
    """

    def __init__(
        self,
        walk: Walk,
        get: Callable[[Cid], Awaitable[bytes]],
        on_block: Callable[[], None] = lambda: None,
    ) -> None:
        self._walk = walk
        self._get = get
        self._on_block = on_block
        self._slots: dict[Cid, _Slot] = {}
        self._on_way = 0
        self._held = 0
        self._received = 0
        self._failure: ContentError | None = None
        self._bell = Bell()

    async def run(self) -> None:
        """Fetch until the walk is done or has failed; `take` raises what went wrong."""
        async with trio.open_nursery() as nursery:
            while self._failure is None and not self._walk.done:
                for cid in self._walk.wanted(MAX_FETCHES) if self._held <= MAX_HELD else ():
                    if cid not in self._slots and self._on_way < MAX_FETCHES:
                        self._slots[cid] = slot = _Slot()
                        self._on_way += 1
                        nursery.start_soon(self._fetch, cid, slot)
                await self._bell.wait()
            if self._failure is not None:
                nursery.cancel_scope.cancel()

    async def take(self, cid: Cid) -> bytes:
        """Return one block.

        Raises:
            ContentMissing: no provider has it, or another block of the tree.
            ContentRefused: the tree goes over a limit, or makes no sense.
            ContentError: `get` raised it.
        """
        if self._failure is not None:
            raise self._failure
        slot = self._slots.get(cid)
        if slot is None:
            self._drop_oldest()
            return await self._get(cid)
        await slot.came.wait()
        if self._failure is not None:
            raise self._failure
        if self._slots.pop(cid, None) is not None:
            self._held -= len(slot.data)
            self._bell.ring()
        return slot.data

    async def _fetch(self, cid: Cid, slot: _Slot) -> None:
        try:
            slot.data = await self._patiently(cid)
            self._walk.add_block(cid, slot.data)
        except BadBlock as error:
            self._fail(ContentRefused(str(error)))
        except ContentError as error:
            self._fail(error)
        else:
            self._held += len(slot.data)
            self._received += 1
            slot.came.set()
            self._on_block()
        self._on_way -= 1
        self._bell.ring()

    async def _patiently(self, cid: Cid) -> bytes:
        """Get one block, and try again as long as others come: this one may only be waiting for its turn."""
        while True:
            before = self._received
            try:
                return await self._get(cid)
            except ContentMissing:
                if before == self._received:
                    raise

    def _fail(self, error: ContentError) -> None:
        if self._failure is None:
            self._failure = error
        for slot in self._slots.values():
            slot.came.set()

    def _drop_oldest(self) -> None:
        """Drop a block if too much is held: the reader takes another way, and the walk must go on."""
        if self._held <= MAX_HELD:
            return
        for cid, slot in self._slots.items():
            if slot.data:
                del self._slots[cid]
                self._held -= len(slot.data)
                self._bell.ring()
                return
