"""Which blocks of a store belong to a tree, and which blocks of a tree it lacks. Leaves are not read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ...errors import BadBlock, ContentMissing, ContentRefused
from ..formats import dagpb
from ..formats.cid import Cid
from ..formats.limits import TreeLimits
from ..formats.walk import Walk

_BATCH_SIZE = 256
"""Blocks that a walk is asked for at a time: each question goes through all blocks that are missing."""


class Blocks(Protocol):
    """What is needed here of `blocks.BlockStore`."""

    def get(self, cid: Cid) -> bytes:
        """Return the bytes of a block, which are checked; raise ContentMissing."""
        ...

    def size(self, cid: Cid) -> int:
        """Return how many bytes a block has; raise ContentMissing."""
        ...

    def leaf_size(self, cid: Cid) -> int | None:
        """Return how many bytes of a file a block has, if it is here and surely a leaf; else None."""
        ...


def reachable(blocks: Blocks, roots: Iterable[Cid]) -> set[bytes]:
    """Return the SHA-256 of the roots and of all blocks below them, as far as the store has the way to them.

    All links count, even those that no tree of files and directories can have.
    """
    found: set[bytes] = set()
    looked_into: set[bytes] = set()
    waiting = list(roots)
    while waiting:
        cid = waiting.pop()
        found.add(cid.digest)
        if dagpb.is_node(cid) and cid.digest not in looked_into:
            looked_into.add(cid.digest)
            waiting.extend(link.cid for link in _links(blocks, cid))
    return found


def _links(blocks: Blocks, cid: Cid) -> tuple[dagpb.DagLink, ...]:
    if blocks.leaf_size(cid) is not None:
        return ()
    try:
        return dagpb.decode(blocks.get(cid)).links
    except (BadBlock, ContentMissing):
        return ()


def missing(blocks: Blocks, root: Cid, limits: TreeLimits, most: int) -> list[Cid]:
    """Return the first blocks of a tree that are missing, `most` at most; see `blocks.BlockStore.missing`.

    Raises:
        ContentRefused: the tree goes over a limit, or makes no sense.
    """
    walk = Walk(root, limits)
    lacking: dict[Cid, None] = {}
    while len(lacking) < most:
        batch = [cid for cid in walk.wanted(len(lacking) + _BATCH_SIZE) if cid not in lacking]
        if not batch:
            break
        for cid in batch:
            try:
                _find(blocks, walk, cid)
            except ContentMissing:
                lacking[cid] = None
            except BadBlock as error:
                raise ContentRefused(str(error)) from error
    return list(lacking)[:most]


def _find(blocks: Blocks, walk: Walk, cid: Cid) -> None:
    size = blocks.leaf_size(cid)
    if size is None:
        walk.add_block(cid, blocks.get(cid))
    else:
        walk.add_leaf(cid, size, blocks.size(cid))
