"""Blocks of one tree, fetched side by side before they are asked for one after the other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import attrs
import trio

from ...errors import BadBlock, ContentError, ContentMissing, ContentRefused
from ..formats.cid import Cid
from ..formats.walk import Walk

MAX_FETCHES = 16
"""Blocks that are fetched at one time."""
MAX_HELD = 16 * 1024 * 1024
"""Bytes of blocks that have come and were not asked for yet, beyond which no more are fetched."""


@attrs.define(eq=False)
class _Slot:
    """A block that is on its way, or has come."""

    came: trio.Event = attrs.Factory(trio.Event)
    data: bytes = b""


class ReadAhead:
    """Follows a walk, so that whoever reads the same tree in the same order seldom has to wait.

    `run` must be running. What is asked for and not on its way is fetched at once, so any order will do.

    Args:
        walk: through the tree.
        get: fetches and verifies one block; raises ContentMissing when it is not to be had in time.
        moved: called when another block has been found.
    """

    def __init__(
        self,
        walk: Walk,
        get: Callable[[Cid], Awaitable[bytes]],
        moved: Callable[[], None] = lambda: None,
    ) -> None:
        self._walk = walk
        self._get = get
        self._moved = moved
        self._slots: dict[Cid, _Slot] = {}
        self._on_way = 0
        self._held = 0
        self._came = 0
        self._failure: ContentError | None = None
        self._changed = trio.Event()

    async def run(self) -> None:
        """Fetch until the walk is done or has failed; what went wrong is told to whoever calls `take`."""
        async with trio.open_nursery() as nursery:
            while self._failure is None and not self._walk.done:
                changed = self._changed
                for cid in self._walk.wanted(MAX_FETCHES) if self._held <= MAX_HELD else ():
                    if cid not in self._slots and self._on_way < MAX_FETCHES:
                        self._slots[cid] = slot = _Slot()
                        self._on_way += 1
                        nursery.start_soon(self._bring, cid, slot)
                await changed.wait()
            if self._failure is not None:
                nursery.cancel_scope.cancel()

    async def take(self, cid: Cid) -> bytes:
        """One block.

        Raises:
            ContentMissing: nobody has it, or another block of the tree.
            ContentRefused: the tree goes over a limit, or makes no sense.
            ContentError: whatever else `get` raises.
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
            self._change()
        return slot.data

    async def _bring(self, cid: Cid, slot: _Slot) -> None:
        try:
            slot.data = await self._patiently(cid)
            self._walk.add_block(cid, slot.data)
        except BadBlock as error:
            self._fail(ContentRefused(str(error)))
        except ContentError as error:
            self._fail(error)
        else:
            self._held += len(slot.data)
            self._came += 1
            slot.came.set()
            self._moved()
        self._on_way -= 1
        self._change()

    async def _patiently(self, cid: Cid) -> bytes:
        """As long as other blocks come, this one may be waiting for its turn."""
        while True:
            came = self._came
            try:
                return await self._get(cid)
            except ContentMissing:
                if came == self._came:
                    raise

    def _fail(self, error: ContentError) -> None:
        if self._failure is None:
            self._failure = error
        for slot in self._slots.values():
            slot.came.set()

    def _drop_oldest(self) -> None:
        """The reader goes another way than the walk: what it has passed must not stop the rest."""
        if self._held <= MAX_HELD:
            return
        for cid, slot in self._slots.items():
            if slot.data:
                del self._slots[cid]
                self._held -= len(slot.data)
                self._change()
                return

    def _change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
