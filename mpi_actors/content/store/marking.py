"""Which blocks of a store belong to a tree, and which of a tree's it lacks. Leaves of files are not read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ...errors import BadBlock, ContentMissing, ContentRefused
from ..formats import dagpb
from ..formats.cid import Cid
from ..formats.limits import TreeLimits
from ..formats.walk import Walk

_BATCH_SIZE = 256


class Blocks(Protocol):
    """A store of blocks, see `blocks.BlockStore`."""

    def get(self, cid: Cid) -> bytes:
        """The bytes of a block, checked; raises ContentMissing."""
        ...

    def size(self, cid: Cid) -> int:
        """The bytes of a block, not checked; raises ContentMissing."""
        ...

    def leaf_size(self, cid: Cid) -> int | None:
        """The bytes of a file in it, not checked, if it is here and seen at once to be a leaf."""
        ...


def reachable(blocks: Blocks, roots: Iterable[Cid]) -> set[bytes]:
    """The SHA-256 of the roots and of all blocks below them, as far as the store has what is between.

    All links count, whether or not a tree of files and directories can have them.
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
    """The first blocks that a tree lacks, `most` at most; see `blocks.BlockStore.missing`."""
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
