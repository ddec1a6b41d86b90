"""Places in a tree, and what is known of the subtrees that stand there; see `walk`."""

from __future__ import annotations

import enum
from collections.abc import Iterator

import attrs

from ...errors import BadBlock
from .cid import Cid


class TreeKind(enum.Enum):
    """What a subtree is."""

    FILE = "file"
    """Or a piece of one."""
    DIRECTORY = "directory"
    SHARD = "shard"
    """A large directory, or a part of one."""
    LINK = "link"


@attrs.frozen
class Totals:
    """One subtree, with all below it; what occurs twice counts twice."""

    kind: TreeKind
    size: int = 0
    """Bytes of its files; of a link's target."""
    entries: int = 0
    pieces: int = 0
    stored: int = 0
    """Bytes of its blocks."""
    height: int = 0
    """Directories inside one another; of a file, branches below one another."""
    fanout: int = 0
    """Of a shard."""


@attrs.frozen
class Use:
    """One of the places where a subtree stands."""

    parent: Subtree | None
    depth: int = 0
    """Directories above it; of a piece of a file, branches above it."""
    claim: int | None = None
    """What the branch above says that its size is; None if there is no branch above."""
    trail: tuple[int, ...] = ()
    """The positions that lead to a shard from its directory's root."""
    fanout: int = 0
    """Of the shard above."""

    def check(self, cid: Cid, it: Totals, trail: tuple[int, ...]) -> None:
        """Raises BadBlock if something else than this belongs here."""
        if self.claim is not None and it.kind is not TreeKind.FILE:
            raise BadBlock(f"the block {cid} is a {it.kind.value}, and stands for a piece of a file")
        if self.claim not in (None, it.size):
            raise BadBlock(f"the block {cid} has {it.size} bytes of a file, and should have {self.claim}")
        if self.trail and (it.kind is not TreeKind.SHARD or it.fanout != self.fanout):
            raise BadBlock(f"the block {cid} is no part of a large directory, and stands for one")
        if self.trail != trail:
            raise BadBlock(f"the block {cid}, a part of a large directory, is at a wrong place")

    @property
    def adds_size(self) -> bool:
        """Whether what is below is counted: the size of a piece has been, with the whole file."""
        return self.claim is None


@attrs.define(eq=False)
class Subtree:
    """A subtree of which something has not come."""

    cid: Cid
    uses: list[Use]
    """The first is the one under which it is looked into."""
    meaning: Totals | None = None
    """What is known of it alone, once its own block has come."""
    is_done: bool = False
    owner: Subtree | None = None
    """Under which its children are looked for, once it has come; others may name it, too."""
    children: list[Subtree] = attrs.Factory(list)
    """Those that had not come when it named them, each once, and some that are no longer of interest."""
    gone: int = 0
    """How many of them are not, at most."""
    unfinished: int = 0
    """Places in it, of its own children or others, that are not done."""
    size: int = 0
    entries: int = 0
    pieces: int = 0
    stored: int = 0
    below: int = 0

    def open_ends(self) -> Iterator[Subtree]:
        """The children that have not come, or have not all that is below them."""
        if 2 * self.gone > len(self.children):
            self.children = [child for child in self.children if self._leads_on(child)]
            self.gone = 0
        return filter(self._leads_on, self.children)

    def _leads_on(self, child: Subtree) -> bool:
        return not child.is_done and (child.meaning is None or child.owner is self)

    def add(self, it: Totals, use: Use) -> None:
        """Count one child that is done."""
        if use.adds_size and it.kind is not TreeKind.LINK:
            self.size += it.size
        self.entries += it.entries
        self.pieces += it.pieces
        self.stored += it.stored
        if it.kind is not TreeKind.FILE or not use.adds_size:
            self.below = max(self.below, it.height)

    def totals(self) -> Totals:
        """It with all below, once that is done."""
        assert self.meaning is not None
        it = self.meaning
        return attrs.evolve(
            it,
            size=it.size + self.size,
            entries=it.entries + self.entries,
            pieces=it.pieces + self.pieces,
            stored=it.stored + self.stored,
            height=it.height + self.below,
        )
