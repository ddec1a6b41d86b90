"""Which blocks a tree needs, told one after the other while they come: for whoever fetches it, or counts it.

Each distinct directory and branch is looked into once, however often it occurs, and what is below it is added
up for its other places. So a small graph that stands for an enormous tree costs no more than its blocks do.
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
"""Places, beyond as many as entries are allowed, that are known and for which not all has come."""
_MAX_REMEMBERED = 100_000

_Key = tuple[Codec, bytes]
_Refs = Sequence[tuple[Cid, Use]]


class Walk:
    """The way through one tree: ask what is `wanted`, say what was `found`, until it is `done`.

    After an error it is of no more use. What it keeps in memory grows with the depth of the tree and the
    width of its directories and branches; of files it keeps no bytes.

    Args:
        root: what to walk through: a file, directory or link.
        limits: of the whole tree.
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
        """Whether all blocks of the tree have been found."""
        return self._root.is_done

    @property
    def size(self) -> int:
        """Bytes of all files, as far as they are known."""
        return self._budget.size

    @property
    def entries(self) -> int:
        """Files, directories and links below the root, as far as they are known."""
        return self._budget.entries

    @property
    def size_done(self) -> int:
        """Bytes of all blocks that have been found; one that occurs twice counts twice."""
        return self._stored

    @property
    def size_total(self) -> int | None:
        """What `size_done` comes to in the end, as the root says, which may be wrong.

        None before the root has come, and without `pieces`.
        """
        return None if self._promised is None else max(self._promised, self._stored)

    def wanted(self, most: int) -> list[Cid]:
        """The next blocks that have not been found, `most` at most, no two equal: those that are read first.

        The answer stays the same until something is `found`: the caller keeps account of what is on its way.
        """
        found: dict[Cid, None] = {}
        ways: list[tuple[Subtree | None, Iterator[Subtree]]] = []
        if not self.done:
            ways.append((None, iter([self._root])))
        while ways and len(found) < most:
            parent, children = ways[-1]
            node = next(children, None)
            if node is None:
                ways.pop()
            elif node.meaning is not None:
                ways.append((node, node.open_ends()))
            elif node.cid not in found:
                node.owner = parent
                found[node.cid] = None
        return list(found)

    def add_block(self, cid: Cid, block: bytes | memoryview) -> None:
        """Take a block, whose identifier the caller has checked. One that is not wanted is passed over.

        Raises:
            BadBlock: it makes no sense, or not in this place.
            ContentRefused: the tree goes over a limit, or has a name that cannot be used.
        """
        node = self._waiting.get(_key(cid))
        if node is not None and node.meaning is None:
            it = reader.interpret(node.cid, block)
            if node is self._root and self._pieces:
                self._promised = reader.stored_size(it, block)
            self._look_into(node, it, len(block))

    def add_leaf(self, cid: Cid, size: int, stored: int) -> None:
        """Like `add_block`, for a block that need not be read, since it is known to be a leaf.

        Args:
            cid: its identifier.
            size: its bytes of a file.
            stored: bytes of the whole block.

        Raises:
            BadBlock: it makes no sense in this place.
            ContentRefused: the tree goes over a limit.
        """
        node = self._waiting.get(_key(cid))
        if node is not None and node.meaning is None:
            if node is self._root and self._pieces:
                self._promised = stored
            self._open(node, Totals(TreeKind.FILE, size, stored=stored), ())

    def totals(self, cid: Cid) -> Totals:
        """What a directory, file or link in the tree comes to, for a walk without `pieces`, once it is done.

        Raises:
            KeyError: there is no such thing in it.
        """
        return self._done[_key(cid)][0]

    def _look_into(self, node: Subtree, it: Meaning, stored: int) -> None:
        use = node.uses[0]
        match it:
            case Leaf():
                self._open(node, Totals(TreeKind.FILE, it.size, stored=stored), ())
            case Symlink():
                self._open(node, Totals(TreeKind.LINK, len(it.target.encode()), stored=stored), ())
            case Branch():
                children = it.children if self._pieces else ()
                depth = use.depth + 1 if use.claim is not None else 1
                refs = [(child.cid, Use(node, depth, claim=child.size)) for child in children]
                totals = Totals(TreeKind.FILE, it.size, pieces=len(refs), stored=stored, height=1)
                self._open(node, totals, refs)
            case Directory():
                refs = [(link.cid, Use(node, use.depth + 1)) for link in it.links]
                self._open(node, Totals(TreeKind.DIRECTORY, entries=len(refs), stored=stored, height=1), refs)
            case Shard():
                self._look_into_shard(node, it, stored)

    def _look_into_shard(self, node: Subtree, it: Shard, stored: int) -> None:
        trail, depth = node.uses[0].trail, node.uses[0].depth
        is_root = not trail
        reader.check_places(it, trail)
        refs, entries = [], 0
        for each in it.links:
            use = Use(node, depth + is_root)
            if each.link.name:
                entries += 1
            else:
                use = attrs.evolve(use, trail=(*trail, each.position), fanout=it.fanout)
            refs.append((each.link.cid, use))
        totals = Totals(TreeKind.SHARD, entries=entries, stored=stored, height=int(is_root), fanout=it.fanout)
        self._open(node, totals, refs)

    def _open(self, node: Subtree, it: Totals, refs: _Refs) -> None:
        node.meaning = it
        for use in node.uses:
            self._check(node.cid, use, it, node.uses[0].trail)
            if use.parent is not None and use.parent is not node.owner:
                use.parent.gone += 1
        self._count(it, node.uses[0])
        for cid, use in refs:
            self._refer(node, cid, use)
        if self._unfinished > self._limits.entries + MAX_UNFINISHED:
            raise ContentRefused(f"its files have more than {MAX_UNFINISHED} pieces side by side")
        if not node.unfinished:
            self._finish(node)

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
        node = self._waiting.get(key)
        if node is None:
            node = self._waiting[key] = Subtree(cid, [use], owner=parent)
            parent.children.append(node)
            return
        if node.meaning is None and node.uses[-1].parent is not parent:
            parent.children.append(node)  # it may be read here first
        node.uses.append(use)

    def _finish(self, node: Subtree) -> None:
        """Add what is done to all its places, of which some may be done thereby."""
        finished = [node]
        while finished:
            node = finished.pop()
            it, trail, key = node.totals(), node.uses[0].trail, _key(node.cid)
            node.is_done = True
            node.children.clear()
            del self._waiting[key]
            self._keep(key, it, trail)
            for number, use in enumerate(node.uses):
                self._check(node.cid, use, it, trail)
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
        """Remember a subtree that may occur again; one that was forgotten is looked into again."""
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
    """The same for both versions of an identifier."""
    return cid.codec, cid.digest
