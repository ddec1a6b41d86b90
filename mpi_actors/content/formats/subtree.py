"""What is known of a part of a tree while blocks are on their way; see `walk`."""

from __future__ import annotations

import enum
from collections.abc import Iterator

import attrs

from ...errors import BadBlock
from .cid import Cid


class TreeKind(enum.Enum):
    """What a subtree is."""

    FILE = "file"
    """A file, or a piece of one."""
    DIRECTORY = "directory"
    SHARD = "shard"
    """A large directory, or a part of one."""
    LINK = "link"


@attrs.frozen
class Totals:
    """What one subtree adds up to, with all below it; what occurs twice counts twice."""

    kind: TreeKind
    size: int = 0
    """Bytes of the files in it; for a link, bytes of the target."""
    entries: int = 0
    """Files, directories and links in it."""
    pieces: int = 0
    """Pieces of the files in it."""
    stored: int = 0
    """Bytes of its blocks."""
    height: int = 0
    """How many directories are inside one another; for a file, how many branches are below one another."""
    fanout: int = 0
    """For a shard: how many positions it has."""


@attrs.frozen
class Use:
    """One of the places in a tree where a subtree stands."""

    parent: Subtree | None
    """The subtree that contains the place; None for the root of the whole tree."""
    depth: int = 0
    """Directories above the place; for a piece of a file, branches above it."""
    claim: int | None = None
    """Bytes of the file that belong here, as the branch above says; None if there is no branch above."""
    trail: tuple[int, ...] = ()
    """For a shard below another: the positions that lead to it from its directory's root."""
    fanout: int = 0
    """For a shard below another: how many positions the shard above has."""

    def check(self, cid: Cid, it: Totals, trail: tuple[int, ...]) -> None:
        """Check that a subtree belongs in this place.

        Args:
            cid: its identifier.
            it: what it adds up to.
            trail: the trail under which it has been read.

        Raises:
            BadBlock: something else belongs here.
        """
        if self.claim is not None and it.kind is not TreeKind.FILE:
            raise BadBlock(f"the block {cid} is a {it.kind.value}, but should be a piece of a file")
        if self.claim not in (None, it.size):
            raise BadBlock(f"the block {cid} has {it.size} bytes of a file, and should have {self.claim}")
        if self.trail and (it.kind is not TreeKind.SHARD or it.fanout != self.fanout):
            raise BadBlock(f"the block {cid} is not a part of a large directory, but should be one")
        if self.trail != trail:
            raise BadBlock(f"the block {cid}, a part of a large directory, is at a wrong place")

    @property
    def adds_size(self) -> bool:
        """Whether the subtree's size is counted: that of a piece has been counted with the whole file."""
        return self.claim is None


@attrs.define(eq=False)
class Subtree:
    """A subtree that is not complete: some of its blocks have not come."""

    cid: Cid
    uses: list[Use]
    """The places where it stands. It is read for the first of them."""
    meaning: Totals | None = None
    """What its own block adds up to; None before that block has come."""
    is_done: bool = False
    """Whether all its blocks have come."""
    owner: Subtree | None = None
    """The one parent, of perhaps several, under which missing blocks of this subtree are looked for."""
    children: list[Subtree] = attrs.Factory(list)
    """The subtrees that were not done when its block named them, each once; some may be done by now."""
    gone: int = 0
    """How many of `children`, at most, need not be looked at any more."""
    unfinished: int = 0
    """Places directly below it whose subtrees are not done."""
    # sums of `Totals` over the places directly below it that are done; `below` is their greatest height
    size: int = 0
    entries: int = 0
    pieces: int = 0
    stored: int = 0
    below: int = 0

    def open_ends(self) -> Iterator[Subtree]:
        """Yield the children whose blocks have not all come, if they are looked for under this subtree."""
        if 2 * self.gone > len(self.children):
            self.children = [child for child in self.children if self._leads_on(child)]
            self.gone = 0
        return filter(self._leads_on, self.children)

    def _leads_on(self, child: Subtree) -> bool:
        return not child.is_done and (child.meaning is None or child.owner is self)

    def add(self, it: Totals, use: Use) -> None:
        """Count the subtree at one place directly below, which is done."""
        if use.adds_size and it.kind is not TreeKind.LINK:
            self.size += it.size
        self.entries += it.entries
        self.pieces += it.pieces
        self.stored += it.stored
        if it.kind is not TreeKind.FILE or not use.adds_size:
            self.below = max(self.below, it.height)

    def totals(self) -> Totals:
        """Return what the subtree adds up to with all below it. Call this only once all of that is done."""
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
