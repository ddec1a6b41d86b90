"""The top of a store of interpreters: which there are, without fetching any of them."""

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

MAX_ENTRIES = 100_000
"""Entries of a store."""

_MAX_THREADS = 16
_log = logging.getLogger(__name__)


@attrs.frozen
class Interpreter:
    """One interpreter of a store."""

    cid: Cid
    size: int
    """Bytes of it in blocks, as the store's publisher says: at least what its files have."""


@attrs.frozen
class Spine:
    """What a store holds."""

    interpreters: Mapping[str, Interpreter]
    """By name, sorted."""
    blocks: tuple[Cid, ...]
    """Those of the store's directory, and of each interpreter's: all that was read."""


async def read_spine(root: Cid, block: GetBlock) -> Spine:
    """Read the directory at `root`, and of each entry just enough to tell whether it is an interpreter.

    What is none does not count, nor does one whose name cannot be used, which is logged.

    Raises:
        BadStore: it is no directory, makes no sense, is too large, or holds no interpreters.
        ContentError: what has to be read cannot be had.
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
        self._threads = trio.CapacityLimiter(_MAX_THREADS)  # they wait for others, so they are of their own
        self.read: dict[Cid, None] = {}

    async def is_interpreter(self, link: DagLink) -> bool:
        flaw = flaw_of(link.name)
        try:
            names = {below.name for below in await self.links(link.cid, tree.MAX_ENTRIES)}
        except NotADirectory:
            return False
        except ContentRefused as error:
            _log.warning("%s is no interpreter: %s", link.name, error)
            return False
        if not names.issuperset(REQUIRED):
            return False
        if flaw is not None:
            _log.warning("%r is no interpreter: its name %s", link.name, flaw)
        return flaw is None

    async def links(self, root: Cid, most: int) -> list[DagLink]:
        """The entries of a directory, be it in one block or many."""
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
