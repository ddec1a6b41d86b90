"""A store of interpreters in IPFS: a directory with an identifier, whose entries are interpreters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

from ...content.formats.cid import Cid, Codec
from ...content.formats.limits import TreeLimits
from ...content.formats.path import ContentPath
from ...content.store import tree
from ...content.store.backend import ContentBackend
from ...errors import BadStore, ContentRefused, NotADirectory
from .spine import Interpreter, Spine, read_spine

INSTALLED = "installed"
"""The owner of pins on installed interpreters."""
SPINE = "store"
"""The owner of the blocks that say what the store has."""


class IpfsSource:
    """The interpreters in the directory at `path`; see `InterpreterSource`.

    Args:
        backend: gets and keeps their content.
        path: of the store's directory.
        pool: the pool's name; None for one that all peers with the same path share.
    """

    def __init__(self, backend: ContentBackend, path: ContentPath, pool: str | None = None) -> None:
        self._backend = backend
        self._path = path
        self._pool = pool or pool_of(path)
        self._spine: Spine | None = None

    @property
    def pool(self) -> str:
        """See `InterpreterSource.pool`."""
        return self._pool

    @property
    def path(self) -> ContentPath:
        """The path of the store's directory."""
        return self._path

    @property
    def opened(self) -> bool:
        """See `InterpreterSource.opened`."""
        return self._spine is not None

    async def open(self) -> None:
        """See `InterpreterSource.open`. The blocks that were read are pinned, to serve them to others.

        Raises:
            BadStore: what was found is not a store, or has no interpreters.
            ContentError: no peer that has the store can be reached now.
        """
        if self._spine is not None:
            return
        try:
            root = await self._backend.resolve(self._path)
            spine = await read_spine(root, self._backend.block)
        except (NotADirectory, ContentRefused) as error:
            raise BadStore(f"{self._path} is not a store: {error}") from error
        await self._backend.pin_blocks(spine.blocks, SPINE)
        self._spine = spine

    def names(self) -> tuple[str, ...]:
        """See `InterpreterSource.names`."""
        return () if self._spine is None else tuple(self._spine.interpreters)

    def size(self, name: str) -> int:
        """See `InterpreterSource.size`: what the publisher says, but `fetch` refuses more than that.

        Raises:
            KeyError: the store has none of that name.
        """
        return self._interpreters()[name].size

    def version(self, name: str) -> str:
        """See `InterpreterSource.version`: the identifier of the interpreter's directory.

        Raises:
            KeyError: the store has none of that name.
        """
        return str(self._interpreters()[name].cid)

    async def fetch(self, name: str, directory: Path) -> None:
        """See `InterpreterSource.fetch`.

        Raises:
            KeyError: the store has none of that name.
            ContentError: the interpreter cannot be fetched now, or is refused.
            OSError: the directory cannot be made or written.
        """
        interpreter = self._interpreters()[name]
        limits = TreeLimits(size=interpreter.size, entries=tree.MAX_ENTRIES, depth=tree.MAX_DEPTH)
        await self._backend.fetch(interpreter.cid, directory, limits=limits)

    async def retain(self, version: str) -> None:
        """See `InterpreterSource.retain`.

        Raises:
            ContentError: the backend cannot do that now.
        """
        await self._backend.pin(Cid.parse(version), INSTALLED)

    async def release(self, version: str) -> None:
        """See `InterpreterSource.release`.

        Raises:
            ContentError: the backend cannot do that now; try again later.
        """
        cid = Cid.parse(version)
        await self._backend.unpin(cid, INSTALLED)
        await self._backend.forget(cid)

    async def retained(self) -> frozenset[str]:
        """See `InterpreterSource.retained`."""
        pins = await self._backend.pins()
        return frozenset(str(cid) for cid, owners in pins.items() if INSTALLED in owners)

    def _interpreters(self) -> Mapping[str, Interpreter]:
        return {} if self._spine is None else self._spine.interpreters


def pool_of(path: ContentPath) -> str:
    """Return the name of the pool whose store is at a path: the same for each way to write the root."""
    root = path.root
    if root.codec is Codec.DAG_PB:
        root = attrs.evolve(root, version=0)
    return "/".join([str(root), *path.names])
