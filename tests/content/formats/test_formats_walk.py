"""Finding out which blocks a tree needs, in whatever order they come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random

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
    count,
    depth_of,
    directory,
    raw,
    shard,
    size_of,
    symlink,
    unixfs_node,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from mpi_actors.content.formats import hamt, reader
from mpi_actors.content.formats.cid import Cid, Codec
from mpi_actors.content.formats.dagpb import DagLink
from mpi_actors.content.formats.limits import TreeLimits
from mpi_actors.content.formats.reader import Branch, Directory, Leaf, Shard
from mpi_actors.content.formats.subtree import TreeKind
from mpi_actors.content.formats.unixfs import NodeKind
from mpi_actors.content.formats.visit import FoundFile, visit
from mpi_actors.content.formats.walk import Walk
from mpi_actors.errors import BadBlock, ContentRefused

Put = Callable[[Cid, bytes], None]
VERSIONS = st.sampled_from([0, 1])
ORDERS = st.integers(0, 2**32).map(Random)
"""In which blocks come."""


def go(walk: Walk, blocks: Memory) -> list[Cid]:
    """Give a walk the blocks that it wants, one after the other; return them."""
    order = []
    while not walk.done:
        (cid,) = walk.wanted(1)
        order.append(cid)
        walk.add_block(cid, blocks.fetch(cid))
    return order


def links_of(cid: Cid, block: bytes) -> list[Cid]:
    """Return what a block links to, once for each link."""
    match reader.interpret(cid, block):
        case Branch(children):
            return [child.cid for child in children]
        case Directory(links):
            return [link.cid for link in links]
        case Shard(places):
            return [place.link.cid for place in places]
        case _:
            return []


def below(root: Cid, blocks: Mapping[Cid, bytes]) -> set[Cid]:
    """Return all blocks of a tree."""
    found, waiting = {root}, [root]
    while waiting:
        cid = waiting.pop()
        new = set(links_of(cid, blocks[cid])) - found
        found |= new
        waiting.extend(new)
    return found


def stored(cid: Cid, blocks: Mapping[Cid, bytes]) -> int:
    """Return the bytes of all blocks of a tree; a block that occurs twice counts twice."""
    return len(blocks[cid]) + sum(stored(link, blocks) for link in links_of(cid, blocks[cid]))


@settings(deadline=None)
@given(TREES | WIDE, VERSIONS, st.integers(1, 8), ORDERS)
def test_all_blocks_are_wanted_in_any_order(tree: Tree, version: int, width: int, order: Random) -> None:
    """However blocks come, exactly those of the tree are wanted, and all are counted in the end."""
    blocks = Memory()
    root = build(tree, blocks.put, version=version).cid
    walk, came = Walk(root), set()
    while not walk.done:
        wanted = walk.wanted(width)
        assert 1 <= len(wanted) <= width
        assert len(set(wanted)) == len(wanted)
        assert wanted == walk.wanted(width)
        assert wanted[:1] == walk.wanted(1)
        cid = order.choice(wanted)
        came.add(cid)
        walk.add_block(cid, blocks[cid])
    assert walk.wanted(width) == []
    assert came == below(root, blocks)
    assert (walk.size, walk.entries) == (size_of(tree), count(tree))
    assert walk.size_done == walk.size_total == stored(root, blocks)


@settings(deadline=None)
@given(TREES | WIDE, VERSIONS)
def test_blocks_are_wanted_as_they_are_read(tree: Tree, version: int) -> None:
    """Blocks that come in turn are wanted in the order in which a reader of the tree first needs them."""
    blocks = Memory()
    root = build(tree, blocks.put, version=version).cid
    order = go(Walk(root), blocks)
    blocks.asked.clear()
    for found in visit(root, blocks.fetch, TreeLimits()):
        if isinstance(found, FoundFile):
            assert len(b"".join(found.pieces)) == found.size
    assert list(dict.fromkeys(order)) == list(dict.fromkeys(blocks.asked))


@settings(deadline=None)
@given(TREES | WIDE, VERSIONS, st.data())
def test_limits_are_those_of_the_tree(tree: Tree, version: int, data: st.DataObject) -> None:
    """A tree just within its limits passes, and one beyond any of them is refused."""
    blocks = Memory()
    root = build(tree, blocks.put, version=version).cid
    just = TreeLimits(size=size_of(tree), entries=count(tree), depth=depth_of(tree))
    # what is in few but tiny pieces is not meant here
    go(Walk(root, just, pieces=False), blocks)
    some = [name for name in ("size", "entries", "depth") if getattr(just, name)]
    if some:
        less = data.draw(st.sampled_from(some))
        with pytest.raises(ContentRefused, match="limit"):
            go(Walk(root, attrs.evolve(just, **{less: getattr(just, less) - 1}), pieces=False), blocks)


@settings(deadline=None)
@given(TREES | WIDE, VERSIONS)
def test_a_walk_may_leave_out_pieces(tree: Tree, version: int) -> None:
    """Without pieces, only the first block of each file is wanted, and each entry's totals are known."""
    blocks = Memory()
    root = build(tree, blocks.put, version=version).cid
    walk = Walk(root, pieces=False)
    came = go(walk, blocks)
    assert len(came) == len(set(came))
    assert set(came) <= below(root, blocks)
    assert (walk.size, walk.entries) == (size_of(tree), count(tree))
    assert walk.size_total is None
    if isinstance(tree, Folder) and not tree.sharded:
        it = reader.interpret(root, blocks[root])
        assert isinstance(it, Directory)
        for link in it.links:
            entry = tree.entries[link.name]
            totals = walk.totals(link.cid)
            assert (totals.kind is TreeKind.LINK) == isinstance(entry, LinkTo)
            assert totals.size == (len(entry.target) if isinstance(entry, LinkTo) else size_of(entry))


LEVELS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), min_size=1, max_size=10)


@given(LEVELS, ORDERS)
def test_shared_subtrees_count_for_all_their_places(
    levels: list[tuple[int, int, bool]], order: Random
) -> None:
    """In graphs that share much, in any order of blocks, entries and sizes are those of the tree."""
    blocks = Memory()
    nodes = [raw(b"abc", blocks.put)]
    expected = {nodes[0].cid: (3, 0, 0)}  # size, entries, depth
    for one, other, deep in levels:
        inside = {"a": nodes[-1 - one % len(nodes)], "b": nodes[-1 - other % len(nodes)]}
        if deep:
            inside["c"] = nodes[-1]
        link = directory(blocks.put, inside)
        sizes, counts, depths = zip(*(expected[each.cid] for each in inside.values()), strict=True)
        expected[link.cid] = sum(sizes), len(inside) + sum(counts), 1 + max(depths)
        nodes.append(link)
    root = nodes[-1].cid
    size, entries, depth = expected[root]

    def run(limits: TreeLimits) -> Walk:
        walk = Walk(root, limits)
        while not walk.done:
            cid = order.choice(walk.wanted(3))
            walk.add_block(cid, blocks[cid])
        return walk

    walk = run(TreeLimits(size=size, entries=entries, depth=depth))
    assert (walk.size, walk.entries) == (size, entries)
    for less in (TreeLimits(size=size - 1), TreeLimits(entries=entries - 1), TreeLimits(depth=depth - 1)):
        with pytest.raises(ContentRefused):
            run(less)


def bomb(levels: int, first: DagLink, level: Callable[[DagLink], DagLink]) -> DagLink:
    """Make a directory that doubles at each level."""
    for _ in range(levels):
        first = level(first)
    return first


def tiny_pieces(blocks: Memory, size: int, times: int, levels: int) -> DagLink:
    """Make a file whose pieces of `size` bytes are repeated many times at each level."""
    link = raw(bytes(size), blocks.put)
    for _ in range(levels):
        link, size = branch(blocks.put, *[(link, size)] * times), size * times
    return link


BOMBS: dict[str, Callable[[Memory], DagLink]] = {
    "directories": lambda blocks: bomb(
        60, directory(blocks.put, {}), lambda link: directory(blocks.put, {"a": link, "b": link})
    ),
    "files in directories": lambda blocks: bomb(
        60, raw(b"abc", blocks.put), lambda link: directory(blocks.put, {"a": link, "b": link})
    ),
    "deep directories": lambda blocks: bomb(
        70, directory(blocks.put, {}), lambda link: directory(blocks.put, {"a": link})
    ),
    "empty pieces": lambda blocks: tiny_pieces(blocks, 0, 2, 60),
    "small pieces": lambda blocks: tiny_pieces(blocks, 1, 100, 4),
    "large files": lambda blocks: tiny_pieces(blocks, 1024, 1000, 5),
    "deep files": lambda blocks: tiny_pieces(blocks, 10, 1, 70),
    "large files in directories": lambda blocks: bomb(
        30, tiny_pieces(blocks, 1024, 1000, 3), lambda link: directory(blocks.put, {"a": link, "b": link})
    ),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_are_refused(name: str) -> None:
    """A few blocks that stand for an enormous tree are refused after only those few have come."""
    blocks = Memory()
    root = BOMBS[name](blocks).cid
    with pytest.raises(ContentRefused):
        go(Walk(root, TreeLimits(size=10**9)), blocks)
    assert len(blocks.asked) <= len(blocks)


def test_wide_diamonds_cost_their_blocks() -> None:
    """Many directories that all lead to the same ones are asked for once each, in any order."""
    blocks = Memory()
    layer = [directory(blocks.put, {"a": raw(b"%3d" % number, blocks.put)}) for number in range(30)]
    for level in range(3):
        layer = [
            directory(blocks.put, {f"{level}-{number}-{name}": link for name, link in enumerate(layer)})
            for number in range(30)
        ]
    root = directory(blocks.put, {str(name): link for name, link in enumerate(layer)})
    order, walk, found = Random(1), Walk(root.cid, TreeLimits(entries=10**9)), 0
    while not walk.done:
        cid = order.choice(walk.wanted(50))
        walk.add_block(cid, blocks[cid])
        found += 1
    assert found == len(blocks)
    assert walk.size == 3 * 30**4


def test_without_a_limit_on_size_a_bomb_costs_its_blocks() -> None:
    """A file that truly is enormous is looked at once in each place."""
    blocks = Memory()
    root = tiny_pieces(blocks, 1024, 100, 7).cid
    walk = Walk(root)
    go(walk, blocks)
    assert walk.size == 1024 * 100**7
    assert len(blocks.asked) == len(blocks)


def test_pieces_side_by_side_are_bounded() -> None:
    """Branches that are too wide at every level are refused before they fill the memory."""
    blocks = Memory()
    link, size = raw(bytes(1024), blocks.put), 1024
    for level in range(6):
        other = DagLink(Cid.of(b"%d" % level, Codec.RAW, 1))
        link = branch(blocks.put, (link, size), *[(other, 1024)] * 20_000)
        size += 1024 * 20_000
    with pytest.raises(ContentRefused, match="side by side"):
        go(Walk(link.cid, TreeLimits(entries=10)), blocks)


LEAF_NAME = "x"
PLACE = hamt.position(hamt.hash_of(LEAF_NAME), 0)
PLACE_BELOW = hamt.position(hamt.hash_of(LEAF_NAME), 1)


def one_entry(blocks: Memory, level: int = 0, name: str = LEAF_NAME, fanout: int = 256) -> DagLink:
    """Make a shard for one name at some level."""
    place = hamt.position(hamt.hash_of(name), level, fanout)
    return shard(blocks.put, {place: attrs.evolve(raw(b"abc", blocks.put), name=name)}, fanout)


HOSTILE: dict[str, Callable[[Memory], DagLink]] = {
    "a short piece": lambda blocks: branch(blocks.put, (raw(b"abc", blocks.put), 4)),
    "a long piece": lambda blocks: branch(blocks.put, (raw(b"abc", blocks.put), 2)),
    "a branch of another size": lambda blocks: branch(
        blocks.put, (branch(blocks.put, (raw(b"abc", blocks.put), 3)), 4)
    ),
    "two sizes": lambda blocks: branch(
        blocks.put, (raw(b"abc", blocks.put), 3), (branch(blocks.put, (raw(b"abc", blocks.put), 2)), 2)
    ),
    "a piece with two sizes": lambda blocks: branch(
        blocks.put, (raw(b"abc", blocks.put), 3), (raw(b"abc", blocks.put), 4)
    ),
    "a directory in a file": lambda blocks: branch(blocks.put, (directory(blocks.put, {}), 0)),
    "a link in a file": lambda blocks: branch(blocks.put, (symlink(blocks.put, b"a"), 1)),
    "a file in shards": lambda blocks: shard(blocks.put, {PLACE: raw(b"abc", blocks.put)}),
    "a directory in shards": lambda blocks: shard(blocks.put, {PLACE: directory(blocks.put, {})}),
    "an empty shard": lambda blocks: shard(blocks.put, {PLACE: shard(blocks.put, {})}),
    "another fanout": lambda blocks: shard(blocks.put, {PLACE: one_entry(blocks, 1, fanout=128)}),
    "a shard elsewhere": lambda blocks: shard(blocks.put, {PLACE ^ 1: one_entry(blocks, 1)}),
    "a shard twice": lambda blocks: shard(
        blocks.put, {PLACE: one_entry(blocks, 1), PLACE ^ 1: one_entry(blocks, 1)}
    ),
    "a shard below as a directory": lambda blocks: directory(
        blocks.put, {"a": shard(blocks.put, {PLACE: one_entry(blocks, 1)}), "b": one_entry(blocks, 1)}
    ),
    "a wrong place": lambda blocks: shard(
        blocks.put, {PLACE ^ 1: attrs.evolve(raw(b"abc", blocks.put), name=LEAF_NAME)}
    ),
    "metadata": lambda blocks: directory(blocks.put, {"a": unixfs_node(blocks.put, kind=NodeKind.METADATA)}),
    "no node": lambda blocks: directory(blocks.put, {"a": DagLink(Cid.of(b"abc"))}),
}


@pytest.mark.parametrize("name", HOSTILE)
@given(order=ORDERS)
def test_what_blocks_say_of_each_other_is_checked(name: str, order: Random) -> None:
    """A block that is not what another says of it is refused, in any order of blocks."""
    blocks = Memory()
    blocks.put(Cid.of(b"abc"), b"abc")
    walk = Walk(HOSTILE[name](blocks).cid)

    def run() -> None:
        while not walk.done:
            cid = order.choice(walk.wanted(3))
            walk.add_block(cid, blocks[cid])

    with pytest.raises((BadBlock, ContentRefused)):
        run()


def test_large_directories_may_have_equal_parts() -> None:
    """Two versions of a large directory share what has not changed."""
    blocks = Memory()
    part = one_entry(blocks, 1)
    one = shard(blocks.put, {PLACE: part})
    name = next(name for name in map(str, range(100)) if hamt.position(hamt.hash_of(name), 0) != PLACE)
    place = hamt.position(hamt.hash_of(name), 0)
    other = shard(blocks.put, {PLACE: part, place: attrs.evolve(raw(b"d", blocks.put), name=name)})
    walk = Walk(directory(blocks.put, {"a": one, "b": other}).cid)
    go(walk, blocks)
    assert (walk.size, walk.entries) == (7, 5)


def test_both_versions_of_an_identifier_are_one_block() -> None:
    """If a block has two identifiers in a tree, it is wanted once."""
    blocks = Memory()
    empty = directory(blocks.put, {})
    newer = attrs.evolve(empty, cid=attrs.evolve(empty.cid, version=1))
    walk = Walk(directory(blocks.put, {"a": empty, "b": newer}).cid)
    assert go(walk, blocks)[1:] == [empty.cid]
    assert walk.entries == 2


def test_one_block_may_be_bytes_and_a_node() -> None:
    """A block's meaning depends on its identifier, so a block with two is read twice."""
    blocks = Memory()
    inner = directory(blocks.put, {"x": raw(b"abc", blocks.put)})
    as_bytes = raw(blocks[inner.cid], blocks.put)
    walk = Walk(directory(blocks.put, {"a": inner, "b": as_bytes}).cid)
    go(walk, blocks)
    assert (walk.size, walk.entries) == (3 + as_bytes.tsize, 3)


def test_what_is_not_wanted_is_passed_over() -> None:
    """A block that was not asked for, or comes twice, changes nothing."""
    blocks = Memory()
    root = build(Folder({"a": b"a" * 30}), blocks.put).cid
    walk = Walk(root)
    walk.add_block(Cid.of(b"garbage"), b"garbage")
    walk.add_leaf(Cid.of(b"garbage"), 3, 7)
    walk.add_block(root, blocks[root])
    before = walk.wanted(10), walk.size_done
    walk.add_block(root, blocks[root])
    assert (walk.wanted(10), walk.size_done) == before


@settings(deadline=None)
@given(TREES, VERSIONS)
def test_leaves_need_not_be_read(tree: Tree, version: int) -> None:
    """A walk that gets leaves without their bytes adds up to the same."""
    blocks = Memory()
    root = build(tree, blocks.put, version=version).cid
    full, told = Walk(root), Walk(root)
    go(full, blocks)
    while not told.done:
        (cid,) = told.wanted(1)
        it = reader.interpret(cid, blocks[cid])
        if isinstance(it, Leaf):
            told.add_leaf(cid, it.size, len(blocks[cid]))
        else:
            told.add_block(cid, blocks[cid])
    assert (told.size, told.entries, told.size_done, told.size_total) == (
        full.size,
        full.entries,
        full.size_done,
        full.size_total,
    )


def test_progress_does_not_go_beyond_its_total() -> None:
    """A root that lies about what is below it makes progress less exact, and nothing worse."""
    blocks = Memory()
    link = attrs.evolve(raw(bytes(100), blocks.put), tsize=1)
    walk = Walk(directory(blocks.put, {"a": link}).cid)
    assert walk.size_total is None
    go(walk, blocks)
    assert walk.size_total == walk.size_done > 100


def test_nothing_is_wanted_of_a_walk_for_nothing() -> None:
    """If zero blocks are asked for, none is returned."""
    assert Walk(Cid.of(b"")).wanted(0) == []
