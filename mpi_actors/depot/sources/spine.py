"""The top of a store in IPFS: which interpreters there are, without fetching any of them."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping

import attrs
import trio

from ...content.formats.cid import Cid
from ...content.formats.dagpb import DagLink
from ...content.formats.visit import entries, open_directory
from ...content.store import tree
from ...content.store.threads import read_in_thread
from ...errors import BadStore, ContentError, ContentRefused, NotADirectory
from .directory import REQUIRED
from .source import flaw_of

GetBlock = Callable[[Cid], Awaitable[bytes]]
"""Returns a block, whose hash has been checked; raises ContentError."""

MAX_ENTRIES = 100_000
"""Entries of a store at most: each costs a block to fetch."""

_MAX_THREADS = 16
"""Worker threads at a time, each of which waits for the blocks of one entry."""
_log = logging.getLogger(__name__)


@attrs.frozen
class Interpreter:
    """One interpreter of a store."""

    cid: Cid
    size: int
    """Bytes of its blocks, as the store's publisher says: at least the bytes of its files."""


@attrs.frozen
class Spine:
    """What a store has."""

    interpreters: Mapping[str, Interpreter]
    """By name, sorted."""
    blocks: tuple[Cid, ...]
    """All blocks that were read: those of the store's directory, and of the directory of each entry."""


async def read_spine(root: Cid, block: GetBlock) -> Spine:
    """Read a store's directory, and of each entry just enough to see whether it is an interpreter.

    Other entries do not count. An interpreter whose name cannot be used is logged, and does not count.

    Args:
        root: the store's directory.
        block: gets the blocks.

    Raises:
        BadStore: `root` is not a directory, makes no sense, is too large, or has no interpreters.
        ContentError: a block cannot be got now.
    """
    reader = _Reader(block)
    try:
        top = await reader.links(root, MAX_ENTRIES)
    except NotADirectory:
        raise BadStore(f"{root} is a file. Name the directory that holds the interpreters.") from None
    except ContentRefused as error:
        raise BadStore(f"{root} cannot be a store: {error}") from error
    found: dict[str, Interpreter] = {}
    errors: list[ContentError] = []

    async def look_at(link: DagLink) -> None:
        try:
            if await reader.is_interpreter(link):
                found[link.name] = Interpreter(link.cid, link.tsize)
        except ContentError as error:
            errors.append(error)
            nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for link in top:
            nursery.start_soon(look_at, link)
    if errors:
        raise errors[0]
    if not found:
        raise BadStore(
            f"{root} holds no interpreters: no directory in it has {' and '.join(REQUIRED)}. "
            "Name the directory that holds them, not one of them."
        )
    return Spine(dict(sorted(found.items())), tuple(reader.read))


class _Reader:
    def __init__(self, block: GetBlock) -> None:
        self._block = block
        self._threads = trio.CapacityLimiter(_MAX_THREADS)  # these threads wait for other threads
        self.read: dict[Cid, None] = {}

    async def is_interpreter(self, link: DagLink) -> bool:
        flaw = flaw_of(link.name)
        try:
            names = {below.name for below in await self.links(link.cid, tree.MAX_ENTRIES)}
        except NotADirectory:
            return False
        except ContentRefused as error:
            _log.warning("%s is not an interpreter: %s", link.name, error)
            return False
        if not names.issuperset(REQUIRED):
            return False
        if flaw is not None:
            _log.warning("%r is not an interpreter: its name %s", link.name, flaw)
        return flaw is None

    async def links(self, root: Cid, most: int) -> list[DagLink]:
        """Return the entries of a directory, which may have many blocks."""
        read: list[Cid] = []

        async def block(cid: Cid) -> bytes:
            found = await self._block(cid)
            read.append(cid)
            return found

        def work(get: Callable[[Cid], bytes]) -> list[DagLink]:
            found: list[DagLink] = []
            for link in entries(open_directory(root, get), get):
                if len(found) >= most:
                    raise ContentRefused(f"{root} has more than {most} entries")
                found.append(link)
            return found

        found = await read_in_thread(work, block, self._threads)
        self.read.update(dict.fromkeys(read))
        return found
