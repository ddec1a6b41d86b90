"""Reading trees entry by entry, and finding what is at a path."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import pytest
from content_trees import (
    TREES,
    WIDE,
    Folder,
    LinkTo,
    Memory,
    Tree,
    branch,
    build,
    directory,
    plain,
    raw,
    shard,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from mpi_actors.content.formats import hamt, visit
from mpi_actors.content.formats.cid import Cid
from mpi_actors.content.formats.dagpb import DagLink
from mpi_actors.content.formats.limits import TreeLimits
from mpi_actors.content.formats.path import ContentPath
from mpi_actors.content.formats.visit import FoundDirectory, FoundFile, FoundLink
from mpi_actors.errors import BadBlock, ContentMissing, ContentRefused, NotADirectory

VERSIONS = st.sampled_from([0, 1])


def read(root: Cid, blocks: Memory, limits: TreeLimits | None = None) -> Tree:
    """Return the tree that blocks make."""
    found: dict[tuple[str, ...], Tree] = {}
    for entry in visit.visit(root, blocks.fetch, limits or TreeLimits()):
        assert not entry.names or isinstance(found[entry.names[:-1]], Folder)
        match entry:
            case FoundFile():
                content = b"".join(entry.pieces)
                assert len(content) == entry.size
                found[entry.names] = content
            case FoundLink():
                found[entry.names] = LinkTo(entry.target)
            case FoundDirectory():
                found[entry.names] = Folder({})
    for names in sorted(found, key=len, reverse=True):
        if names:
            above = found[names[:-1]]
            assert isinstance(above, Folder)
            found[names[:-1]] = Folder({**above.entries, names[-1]: found[names]})
    return found[()]


@settings(deadline=None)
@given(TREES | WIDE, VERSIONS)
def test_what_was_put_in_comes_out(tree: Tree, version: int) -> None:
    """Every tree comes back from its blocks as it was, in large directories and small ones."""
    blocks = Memory()
    assert read(build(tree, blocks.put, version=version).cid, blocks) == plain(tree)


@settings(deadline=None)
@given(TREES | WIDE, VERSIONS, st.data())
def test_a_missing_block_is_missed(tree: Tree, version: int, data: st.DataObject) -> None:
    """Without any one of its blocks, a tree cannot be read: nothing is left out silently."""
    blocks = Memory()
    root = build(tree, blocks.put, version=version).cid
    del blocks[data.draw(st.sampled_from(list(blocks)))]
    with pytest.raises(ContentMissing):
        read(root, blocks)


@settings(deadline=None)
@given(TREES | WIDE, VERSIONS)
def test_paths_lead_to_entries(tree: Tree, version: int) -> None:
    """A path leads to each entry, and to no other, and only directories are read for it."""
    blocks = Memory()
    root = build(tree, blocks.put, version=version).cid

    def check(path: ContentPath, cid: Cid, expected: Tree) -> None:
        assert visit.resolve(path, blocks.fetch) == cid
        missing = attrs.evolve(path, names=(*path.names, "no such name"))
        if not isinstance(expected, Folder):
            with pytest.raises(NotADirectory):
                visit.resolve(missing, blocks.fetch)
            return
        with pytest.raises(ContentMissing, match="no such name"):
            visit.resolve(missing, blocks.fetch)
        links = list(visit.entries(visit.open_directory(cid, blocks.fetch), blocks.fetch))
        assert sorted(link.name for link in links) == sorted(expected.entries)
        for link in links[:5]:
            below = attrs.evolve(path, names=(*path.names, link.name))
            check(below, link.cid, expected.entries[link.name])

    check(ContentPath(root), root, tree)


def test_of_a_large_directory_only_a_part_is_read() -> None:
    """To find one name, only the blocks on the way to it are read."""
    blocks = Memory()
    tree = Folder({f"n{number}": b"%d" % number for number in range(3000)}, sharded=True)
    root = build(tree, blocks.put).cid
    visit.resolve(ContentPath(root, ("n77",)), blocks.fetch)
    assert len(blocks.asked) < 5 < len(blocks) / 100


X = DagLink(Cid.of(b"x"), "x")
PLACE = hamt.position(hamt.hash_of("x"), 0)
PLACE_BELOW = hamt.position(hamt.hash_of("x"), 1)

HOSTILE: dict[str, Callable[[Memory], DagLink]] = {
    "an entry elsewhere": lambda blocks: shard(blocks.put, {PLACE ^ 1: X}),
    "a shard elsewhere": lambda blocks: shard(blocks.put, {PLACE: shard(blocks.put, {PLACE_BELOW ^ 1: X})}),
    "a file for a shard": lambda blocks: shard(blocks.put, {PLACE: raw(b"abc", blocks.put)}),
    "an empty shard": lambda blocks: shard(blocks.put, {PLACE: shard(blocks.put, {})}),
    "another fanout": lambda blocks: shard(blocks.put, {PLACE: shard(blocks.put, {1: X}, 8)}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_large_directories_are_checked(name: str) -> None:
    """A large directory whose parts do not fit together is refused, however it is read."""
    blocks = Memory()
    root = HOSTILE[name](blocks).cid
    with pytest.raises(BadBlock):
        read(root, blocks)
    with pytest.raises(BadBlock):
        visit.resolve(ContentPath(root, ("x",)), blocks.fetch)


@pytest.mark.parametrize(
    ("size", "claim", "pieces"),
    [
        pytest.param(3, 4, 1, id="too short"),
        pytest.param(3, 2, 1, id="too long"),
        pytest.param(0, 0, 200, id="empty pieces"),
        pytest.param(1, 1, 200, id="tiny pieces"),
    ],
)
def test_files_are_checked(size: int, claim: int, pieces: int) -> None:
    """A file must have the size that it claims, and must not be made of many tiny pieces."""
    blocks = Memory()
    root = branch(blocks.put, *[(raw(bytes(size), blocks.put), claim)] * pieces).cid
    with pytest.raises((BadBlock, ContentRefused)):
        read(root, blocks, TreeLimits(entries=100))


def test_deep_files_are_refused() -> None:
    """A file of branches with one piece each, without end, is refused."""
    blocks = Memory()
    link = raw(b"abc", blocks.put)
    for _ in range(64):
        link = branch(blocks.put, (link, 3))
    assert read(link.cid, blocks) == b"abc"
    with pytest.raises(ContentRefused):
        read(branch(blocks.put, (link, 3)).cid, blocks)


@pytest.mark.parametrize("limits", [TreeLimits(size=5), TreeLimits(entries=3), TreeLimits(depth=1)])
def test_limits_are_kept(limits: TreeLimits) -> None:
    """A tree over a limit is refused before all of it has been read."""
    blocks = Memory()
    link = directory(blocks.put, {"a": raw(b"abc", blocks.put)})
    root = directory(blocks.put, {"a": link, "b": link}).cid
    assert read(root, blocks, TreeLimits(size=6, entries=4, depth=2))
    with pytest.raises(ContentRefused):
        read(root, blocks, limits)
