"""The entries of a tree one after the other, from a function that gets blocks.

Blocks come from strangers: what two blocks say of each other is checked, and limits are kept while reading.
What occurs twice is read twice; `walk` avoids that, but gives no bytes of files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import attrs

from ...errors import BadBlock, ContentMissing, NotADirectory
from . import hamt, reader
from .cid import Cid
from .dagpb import DagLink
from .limits import Budget, TreeLimits, check_level
from .path import ContentPath
from .reader import Branch, Directory, FilePiece, Leaf, Meaning, Shard, Symlink

Get = Callable[[Cid], bytes]
"""Returns the bytes of a block, which it has checked; raises ContentMissing."""

Names = tuple[str, ...]
"""The way from the root to an entry: names of the directories between, and its own; empty for the root."""


@attrs.frozen
class FoundDirectory:
    """A directory; its entries come next."""

    names: Names


@attrs.frozen
class FoundFile:
    """A file."""

    names: Names
    size: int
    """Bytes."""
    pieces: Iterator[bytes | memoryview]
    """Its bytes, `size` altogether. Read them before you ask for the next entry, or not at all."""


@attrs.frozen
class FoundLink:
    """A symbolic link."""

    names: Names
    target: str
    """The target, which is not checked: it may lead anywhere."""


Found = FoundDirectory | FoundFile | FoundLink


def visit(root: Cid, get: Get, limits: TreeLimits) -> Iterator[Found]:
    """Yield all entries of a tree: the root first, and each directory before its entries.

    Raises:
        BadBlock: a block makes no sense.
        ContentMissing: `get` does not have a block.
        ContentRefused: the tree goes over a limit, or has a name that cannot be used.
    """
    budget = Budget(limits)
    waiting: list[Iterator[tuple[Names, Cid]]] = [iter([((), root)])]
    while waiting:
        entry = next(waiting[-1], None)
        if entry is None:
            waiting.pop()
            continue
        names, cid = entry
        match reader.interpret(cid, get(cid)):
            case Leaf() | Branch() as it:
                budget.add(size=it.size)
                yield FoundFile(names, it.size, _pieces(it, get, budget))
            case Symlink(target):
                yield FoundLink(names, target)
            case Directory() | Shard() as it:
                budget.check_depth(len(names) + 1)
                yield FoundDirectory(names)
                waiting.append(_below(names, it, get, budget))


def _below(
    names: Names, directory: Directory | Shard, get: Get, budget: Budget
) -> Iterator[tuple[Names, Cid]]:
    if isinstance(directory, Directory):
        budget.add(entries=len(directory.links))
    for link in entries(directory, get):
        if isinstance(directory, Shard):
            budget.add(entries=1)
        yield (*names, link.name), link.cid


def _pieces(root: Leaf | Branch, get: Get, budget: Budget) -> Iterator[bytes | memoryview]:
    waiting: list[Iterator[Leaf | Branch]] = [iter([root])]
    while waiting:
        it = next(waiting[-1], None)
        if it is None:
            waiting.pop()
            continue
        if it.data:
            yield it.data
        if isinstance(it, Branch):
            check_level(len(waiting))
            budget.add(pieces=len(it.children))
            waiting.append(_children(it, get))


def _children(branch: Branch, get: Get) -> Iterator[Leaf | Branch]:
    last: tuple[FilePiece, Leaf | Branch] | None = None
    for child in branch.children:
        if last is None or last[0] != child:  # a file full of zeros repeats one piece
            last = child, _piece(child, get)
        yield last[1]


def _piece(child: FilePiece, get: Get) -> Leaf | Branch:
    it = reader.interpret(child.cid, get(child.cid))
    if not isinstance(it, Leaf | Branch):
        raise BadBlock(f"the block {child.cid} is not a piece of a file, but should be one")
    if it.size != child.size:
        raise BadBlock(f"the block {child.cid} has {it.size} bytes of a file, and should have {child.size}")
    return it


def entries(directory: Directory | Shard, get: Get) -> Iterator[DagLink]:
    """Yield the entries of a directory, in the order in which its blocks contain them.

    Raises:
        BadBlock: a block makes no sense.
        ContentMissing: `get` does not have a part of a large directory.
        ContentRefused: the directory has a name that cannot be used.
    """
    if isinstance(directory, Directory):
        yield from directory.links
    else:
        yield from _shard_entries(directory, (), get)


def _shard_entries(shard: Shard, trail: tuple[int, ...], get: Get) -> Iterator[DagLink]:
    reader.check_places(shard, trail)
    for each in shard.links:
        if each.link.name:
            yield each.link
        else:
            place = (*trail, each.position)
            yield from _shard_entries(_shard(each.link.cid, shard.fanout, get), place, get)


def _shard(cid: Cid, fanout: int, get: Get) -> Shard:
    it = reader.interpret(cid, get(cid))
    if not isinstance(it, Shard) or it.fanout != fanout:
        raise BadBlock(f"the block {cid} is not a part of a large directory, but should be one")
    return it


def open_directory(cid: Cid, get: Get) -> Directory | Shard:
    """Return the directory whose first block has that identifier.

    Raises:
        BadBlock: the block makes no sense.
        ContentMissing: `get` does not have the block.
        ContentRefused: the directory has a name that cannot be used.
        NotADirectory: the block is a file or link.
    """
    it: Meaning = reader.interpret(cid, get(cid))
    if not isinstance(it, Directory | Shard):
        raise NotADirectory(f"{cid} is a {'link' if isinstance(it, Symlink) else 'file'}, not a directory")
    return it


def resolve(path: ContentPath, get: Get) -> Cid:
    """Return the identifier of what is at a path.

    Only the directories on the way are read, and of large directories only the parts that are needed.

    Raises:
        BadBlock: a block on the way makes no sense.
        ContentMissing: `get` does not have a block on the way, or there is no such entry.
        ContentRefused: a directory on the way has a name that cannot be used.
        NotADirectory: there is a file or link on the way; links are not followed.
    """
    cid = path.root
    for name in path.names:
        found = _look_up(open_directory(cid, get), name, get)
        if found is None:
            raise ContentMissing(f"there is no {name!r} in {cid}, so there is no {path}")
        cid = found
    return cid


def _look_up(directory: Directory | Shard, name: str, get: Get) -> Cid | None:
    if isinstance(directory, Directory):
        return next((link.cid for link in directory.links if link.name == name), None)
    shard, hashed = directory, hamt.hash_of(name)
    trail: tuple[int, ...] = ()
    while True:
        reader.check_places(shard, trail)
        place = hamt.position(hashed, len(trail), shard.fanout)
        link = next((each.link for each in shard.links if each.position == place), None)
        if link is None or link.name:
            return link.cid if link is not None and link.name == name else None
        shard, trail = _shard(link.cid, shard.fanout, get), (*trail, place)
