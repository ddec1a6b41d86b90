"""Which blocks a tree needs: found out while the blocks come, for those who fetch or count a tree.

Each distinct directory and branch is read once, however often it occurs: for its other places, only the sums
of what is below it are added. So a few blocks that stand for an enormous tree cost no more than a few blocks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from ...errors import ContentRefused
from . import reader
from .cid import Cid, Codec
from .limits import Budget, TreeLimits, check_level
from .reader import Branch, Directory, Leaf, Meaning, Shard, Symlink
from .subtree import Subtree, Totals, TreeKind, Use

MAX_UNFINISHED = 100_000
"""Places whose subtrees are not done, beyond as many as entries are allowed: it bounds the memory that a walk
takes to some hundred bytes for each."""
_MAX_REMEMBERED = 100_000
"""Subtrees that are done and remembered in case they occur again: this bounds memory, too."""

_Key = tuple[Codec, bytes]
_Refs = Sequence[tuple[Cid, Use]]


class Walk:
    """The way through one tree: ask which blocks are `wanted`, and add each with `add_block`, until `done`.

    Do not use a walk after an error. Its memory grows with the depth of the tree and the width of its
    directories and branches; it keeps no bytes of files.

    Args:
        root: what to walk through: a file, directory or link.
        limits: on the whole tree; by default those of `TreeLimits()`.
        pieces: False to leave out all blocks of files but the first of each.
    """

    def __init__(self, root: Cid, limits: TreeLimits | None = None, *, pieces: bool = True) -> None:
        self._limits = limits or TreeLimits()
        self._pieces = pieces
        self._budget = Budget(self._limits)
        self._stored = 0
        self._promised: int | None = None
        self._unfinished = 0
        self._root = Subtree(root, [Use(None)])
        self._waiting = {_key(root): self._root}
        self._done: dict[_Key, tuple[Totals, tuple[int, ...]]] = {}

    @property
    def done(self) -> bool:
        """Whether all blocks of the tree have been added."""
        return self._root.is_done

    @property
    def size(self) -> int:
        """Bytes of all files, as far as is known."""
        return self._budget.size

    @property
    def entries(self) -> int:
        """Files, directories and links below the root, as far as is known."""
        return self._budget.entries

    @property
    def size_done(self) -> int:
        """Bytes of all blocks that have been added; a block that occurs twice counts twice."""
        return self._stored

    @property
    def size_total(self) -> int | None:
        """What `size_done` will be in the end, as the root says; the root may be wrong.

        None before the root has come, and without `pieces`.
        """
        return None if self._promised is None else max(self._promised, self._stored)

    def wanted(self, most: int) -> list[Cid]:
        """Return the next blocks that have not been added, `most` at most, no two equal, in reading order.

        The answer stays the same until a block is added: the caller keeps account of what is on its way.
        """
        found: dict[Cid, None] = {}
        ways: list[tuple[Subtree | None, Iterator[Subtree]]] = []
        if not self.done:
            ways.append((None, iter([self._root])))
        while ways and len(found) < most:
            parent, children = ways[-1]
            subtree = next(children, None)
            if subtree is None:
                ways.pop()
            elif subtree.meaning is not None:
                ways.append((subtree, subtree.open_ends()))
            elif subtree.cid not in found:
                subtree.owner = parent
                found[subtree.cid] = None
        return list(found)

    def add_block(self, cid: Cid, block: bytes | memoryview) -> None:
        """Take a block. The caller has checked its identifier. A block that is not wanted is passed over.

        Raises:
            BadBlock: the block makes no sense, or does not belong in its place.
            ContentRefused: the tree goes over a limit, or has a name that cannot be used.
        """
        subtree = self._waiting.get(_key(cid))
        if subtree is not None and subtree.meaning is None:
            it = reader.interpret(subtree.cid, block)
            if subtree is self._root and self._pieces:
                self._promised = reader.stored_size(it, block)
            self._look_into(subtree, it, len(block))

    def add_leaf(self, cid: Cid, size: int, stored: int) -> None:
        """Take a block that is known to be a leaf, without its bytes; else like `add_block`.

        Args:
            cid: its identifier.
            size: bytes of the file in it.
            stored: bytes of the whole block.

        Raises:
            BadBlock: a leaf does not belong in its place.
            ContentRefused: the tree goes over a limit.
        """
        subtree = self._waiting.get(_key(cid))
        if subtree is not None and subtree.meaning is None:
            if subtree is self._root and self._pieces:
                self._promised = stored
            self._open(subtree, Totals(TreeKind.FILE, size, stored=stored), ())

    def totals(self, cid: Cid) -> Totals:
        """Return what a directory, file or link in the tree adds up to.

        Only for a walk without `pieces`, once it is done.

        Raises:
            KeyError: the tree has no such entry.
        """
        return self._done[_key(cid)][0]

    def _look_into(self, subtree: Subtree, it: Meaning, stored: int) -> None:
        use = subtree.uses[0]
        match it:
            case Leaf():
                self._open(subtree, Totals(TreeKind.FILE, it.size, stored=stored), ())
            case Symlink():
                self._open(subtree, Totals(TreeKind.LINK, len(it.target.encode()), stored=stored), ())
            case Branch():
                children = it.children if self._pieces else ()
                depth = use.depth + 1 if use.claim is not None else 1
                refs = [(child.cid, Use(subtree, depth, claim=child.size)) for child in children]
                totals = Totals(TreeKind.FILE, it.size, pieces=len(refs), stored=stored, height=1)
                self._open(subtree, totals, refs)
            case Directory():
                refs = [(link.cid, Use(subtree, use.depth + 1)) for link in it.links]
                self._open(
                    subtree, Totals(TreeKind.DIRECTORY, entries=len(refs), stored=stored, height=1), refs
                )
            case Shard():
                self._look_into_shard(subtree, it, stored)

    def _look_into_shard(self, subtree: Subtree, it: Shard, stored: int) -> None:
        trail, depth = subtree.uses[0].trail, subtree.uses[0].depth
        is_root = not trail
        reader.check_places(it, trail)
        refs, entries = [], 0
        for each in it.links:
            use = Use(subtree, depth + is_root)
            if each.link.name:
                entries += 1
            else:
                use = attrs.evolve(use, trail=(*trail, each.position), fanout=it.fanout)
            refs.append((each.link.cid, use))
        totals = Totals(TreeKind.SHARD, entries=entries, stored=stored, height=int(is_root), fanout=it.fanout)
        self._open(subtree, totals, refs)

    def _open(self, subtree: Subtree, it: Totals, refs: _Refs) -> None:
        subtree.meaning = it
        for use in subtree.uses:
            self._check(subtree.cid, use, it, subtree.uses[0].trail)
            if use.parent is not None and use.parent is not subtree.owner:
                use.parent.gone += 1
        self._count(it, subtree.uses[0])
        for cid, use in refs:
            self._refer(subtree, cid, use)
        if self._unfinished > self._limits.entries + MAX_UNFINISHED:
            raise ContentRefused(f"its files have more than {MAX_UNFINISHED} pieces side by side")
        if not subtree.unfinished:
            self._finish(subtree)

    def _refer(self, parent: Subtree, cid: Cid, use: Use) -> None:
        key = _key(cid)
        if key in self._done:
            it, trail = self._done[key]
            self._check(cid, use, it, trail)
            self._count(it, use)
            parent.add(it, use)
            return
        parent.unfinished += 1
        self._unfinished += 1
        subtree = self._waiting.get(key)
        if subtree is None:
            subtree = self._waiting[key] = Subtree(cid, [use], owner=parent)
            parent.children.append(subtree)
            return
        if subtree.meaning is None and subtree.uses[-1].parent is not parent:
            parent.children.append(subtree)  # reading may come here first
        subtree.uses.append(use)

    def _finish(self, subtree: Subtree) -> None:
        """Add a subtree that is done to all its places; what contains them may be done then, too."""
        finished = [subtree]
        while finished:
            subtree = finished.pop()
            it, trail, key = subtree.totals(), subtree.uses[0].trail, _key(subtree.cid)
            subtree.is_done = True
            subtree.children.clear()
            del self._waiting[key]
            self._keep(key, it, trail)
            for number, use in enumerate(subtree.uses):
                self._check(subtree.cid, use, it, trail)
                if number:
                    self._count(it, use)
                if use.parent is not None:
                    use.parent.add(it, use)
                    use.parent.gone += 1
                    use.parent.unfinished -= 1
                    self._unfinished -= 1
                    if not use.parent.unfinished:
                        finished.append(use.parent)

    def _keep(self, key: _Key, it: Totals, trail: tuple[int, ...]) -> None:
        """Remember a subtree that may occur again. One that was forgotten is read again."""
        if self._pieces:
            if it.kind is TreeKind.LINK or (it.kind is TreeKind.FILE and not it.height):
                return  # a block without others below it
            if len(self._done) >= _MAX_REMEMBERED:
                del self._done[next(iter(self._done))]
        self._done[key] = it, trail

    def _check(self, cid: Cid, use: Use, it: Totals, trail: tuple[int, ...]) -> None:
        use.check(cid, it, trail)
        if use.claim is not None or it.kind is TreeKind.FILE:
            check_level(use.depth + it.height if use.claim is not None else it.height)
        else:
            self._budget.check_depth(use.depth + it.height)

    def _count(self, it: Totals, use: Use) -> None:
        size = it.size if use.adds_size and it.kind is not TreeKind.LINK else 0
        self._stored += it.stored
        self._budget.add(size=size, entries=it.entries, pieces=it.pieces)


def _key(cid: Cid) -> _Key:
    """Return a key that is the same for both versions of an identifier."""
    return cid.codec, cid.digest
