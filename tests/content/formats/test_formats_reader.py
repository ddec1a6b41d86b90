"""What single blocks mean, and which are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
import pytest
from content_trees import (
    TREES,
    Memory,
    Tree,
    branch,
    build,
    directory,
    node_link,
    raw,
    shard,
    symlink,
    unixfs_node,
)
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.content.formats import hamt, reader
from mpi_actors.content.formats.cid import Cid, Codec
from mpi_actors.content.formats.dagpb import DagLink, DagNode
from mpi_actors.content.formats.limits import MAX_BLOCK
from mpi_actors.content.formats.reader import Branch, Directory, FilePiece, Leaf, Shard, Symlink, interpret
from mpi_actors.content.formats.unixfs import NodeKind
from mpi_actors.errors import BadBlock, ContentRefused

Put = Callable[[Cid, bytes], None]

LEAF = DagLink(Cid.of(b"leaf", Codec.RAW, 1), "", 4)
OTHER = DagLink(Cid.of(b"other", Codec.RAW, 1), "", 5)
SHARD: dict[str, Any] = {"kind": NodeKind.SHARD, "data": b"\x08", "hash_type": hamt.HASH_TYPE, "fanout": 256}


def named(name: str) -> DagLink:
    """Return a link with that name."""
    return attrs.evolve(LEAF, name=name)


def case(name: str, make: Callable[[Put], DagLink], *more: object) -> object:
    """Return a case of a table."""
    return pytest.param(make, *more, id=name)


def meaning(make: Callable[[Put], DagLink]) -> reader.Meaning:
    """Return what the block means."""
    blocks = Memory()
    cid = make(blocks.put).cid
    return interpret(cid, blocks[cid])


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        case("plain bytes", lambda put: raw(b"abc", put), Leaf(b"abc")),
        case("no bytes", lambda put: raw(b"", put), Leaf(b"")),
        case("file", lambda put: unixfs_node(put, kind=NodeKind.FILE, data=b"abc", filesize=3), Leaf(b"abc")),
        case("no size", lambda put: unixfs_node(put, kind=NodeKind.FILE, data=b"abc"), Leaf(b"abc")),
        case("empty file", lambda put: unixfs_node(put, kind=NodeKind.FILE, filesize=0), Leaf(b"")),
        case("old", lambda put: unixfs_node(put, kind=NodeKind.RAW, data=b"abc", filesize=3), Leaf(b"abc")),
        case("link", lambda put: symlink(put, "ä/b".encode()), Symlink("ä/b")),
        case("empty directory", lambda put: directory(put, {}), Directory((), 4)),
        case("empty large directory", lambda put: shard(put, {}), Shard((), 256, 9)),
    ],
)
def test_blocks_without_links(make: Callable[[Put], DagLink], expected: reader.Meaning) -> None:
    """A block means what IPFS says, in each of the ways to write it."""
    assert meaning(make) == expected


def test_branches_have_their_own_bytes_first() -> None:
    """A branch has its children, their sizes, and the bytes that stand before them."""
    it = meaning(lambda put: branch(put, (LEAF, 4), (OTHER, 5), (LEAF, 4), data=b"ab"))
    assert isinstance(it, Branch)
    children = (FilePiece(LEAF.cid, 4), FilePiece(OTHER.cid, 5), FilePiece(LEAF.cid, 4))
    assert (it.children, it.size, bytes(it.data)) == (children, 15, b"ab")


def test_directories_have_names() -> None:
    """A directory has its links in the order of the block."""
    it = meaning(lambda put: directory(put, {"b": LEAF, "a": OTHER}))
    assert isinstance(it, Directory)
    assert it.links == (attrs.evolve(LEAF, name="b"), attrs.evolve(OTHER, name="a"))


def test_shards_have_positions_and_names() -> None:
    """A shard says which links are entries and which are further shards."""
    it = meaning(lambda put: shard(put, {3: LEAF, 0x1F: attrs.evolve(OTHER, name="x")}))
    assert isinstance(it, Shard)
    assert [(each.position, each.link.name) for each in it.links] == [(3, ""), (31, "x")]


@pytest.mark.parametrize(
    "make",
    [
        case("too large", lambda put: raw(bytes(MAX_BLOCK + 1), put)),
        case("no data", lambda put: node_link(DagNode((), b""), put)),
        case("unknown kind", lambda put: node_link(DagNode((), b"\x08\x09"), put)),
        case("garbage", lambda put: node_link(DagNode((), b"garbage"), put)),
        case("a piece without its size", lambda put: unixfs_node(put, LEAF, kind=NodeKind.FILE, filesize=0)),
        case("no such piece", lambda put: unixfs_node(put, kind=NodeKind.FILE, filesize=4, blocksizes=(4,))),
        case("a wrong sum", lambda put: branch(put, (LEAF, 4), filesize=5)),
        case("a wrong size", lambda put: unixfs_node(put, kind=NodeKind.FILE, data=b"abc", filesize=2)),
        case("sizes that overflow", lambda put: branch(put, (LEAF, 2**64 - 1), (LEAF, 1), filesize=0)),
        case(
            "an old piece with pieces", lambda put: unixfs_node(put, LEAF, kind=NodeKind.RAW, blocksizes=(4,))
        ),
        case("a directory with bytes", lambda put: unixfs_node(put, kind=NodeKind.DIRECTORY, data=b"a")),
        case("a link with pieces", lambda put: unixfs_node(put, LEAF, kind=NodeKind.SYMLINK, data=b"a")),
        case("another hash", lambda put: shard(put, {}, hash_type=0x12)),
        case("no hash", lambda put: shard(put, {}, hash_type=None)),
        case("no number of positions", lambda put: unixfs_node(put, kind=NodeKind.SHARD, hash_type=0x22)),
        case("too few positions", lambda put: shard(put, {}, 4)),
        case("too many positions", lambda put: shard(put, {}, 2048)),
        case("another position", lambda put: shard(put, {3: LEAF}, data=b"\x10")),
        case("no position", lambda put: shard(put, {3: LEAF}, data=b"")),
        case("positions beyond the last", lambda put: shard(put, {}, data=bytes(33))),
        case("half a position", lambda put: unixfs_node(put, named("3"), **SHARD)),
        case("a position in small letters", lambda put: unixfs_node(put, named("0a"), **SHARD)),
        case("a position twice", lambda put: unixfs_node(put, named("03"), named("03"), **SHARD)),
    ],
)
def test_what_makes_no_sense(make: Callable[[Put], DagLink]) -> None:
    """A block that contradicts itself is refused with BadBlock."""
    with pytest.raises(BadBlock):
        meaning(make)


@pytest.mark.parametrize(
    "make",
    [
        case("the directory above", lambda put: directory(put, {"..": LEAF})),
        case("the directory itself", lambda put: directory(put, {".": LEAF})),
        case("no name", lambda put: directory(put, {"": LEAF})),
        case("a slash", lambda put: directory(put, {"a/b": LEAF})),
        case("a NUL", lambda put: directory(put, {"a\0": LEAF})),
        case("a long name", lambda put: directory(put, {"ä" * 128: LEAF})),
        case("a name twice", lambda put: unixfs_node(put, named("a"), named("a"), kind=NodeKind.DIRECTORY)),
        case("a name in a large directory", lambda put: shard(put, {3: named("..")})),
        case("a link to nothing", lambda put: symlink(put, b"")),
        case("a link with a NUL", lambda put: symlink(put, b"a\0b")),
        case("a link that is not text", lambda put: symlink(put, bytes([0xFF]))),
        case("a long link", lambda put: symlink(put, b"a" * 4096)),
        case("metadata", lambda put: unixfs_node(put, kind=NodeKind.METADATA)),
    ],
)
def test_what_is_refused(make: Callable[[Put], DagLink]) -> None:
    """A block that makes sense but cannot be on a disk is refused with ContentRefused."""
    with pytest.raises(ContentRefused):
        meaning(make)


def test_many_equal_names_are_soon_refused() -> None:
    """A large directory with a name that is there twice takes no longer than to read it."""
    links = [named(f"n{number}") for number in range(20_000)]
    with pytest.raises(ContentRefused, match="twice"):
        meaning(lambda put: unixfs_node(put, *links, links[-1], kind=NodeKind.DIRECTORY))


@given(st.binary(max_size=200))
def test_garbage_has_an_error_with_a_name(block: bytes) -> None:
    """Whatever bytes a node has, it means something, or is refused with one of our errors."""
    check(block)


@given(TREES, st.data())
def test_damage_has_an_error_with_a_name(tree: Tree, data: st.DataObject) -> None:
    """A good block with changed bytes means something, or is refused with one of our errors."""
    blocks = Memory()
    build(tree, blocks.put)
    block = bytearray(data.draw(st.sampled_from(list(blocks.values()))))
    for place in data.draw(st.lists(st.integers(0, len(block) - 1), max_size=3)):
        block[place] = data.draw(st.integers(0, 255))
    check(bytes(block))


def check(block: bytes) -> None:
    """Interpret a block, and check that `leaf_size` agrees."""
    seen = reader.leaf_size(block[: reader.HEAD_SIZE], len(block))
    try:
        it = interpret(Cid.of(block), block)
    except (BadBlock, ContentRefused):
        return
    assert seen is None or (isinstance(it, Leaf) and it.size == seen)


@pytest.mark.parametrize("size", [1, 127, 128, 1000, 262_144])
def test_a_leaf_is_seen_at_its_beginning(size: int) -> None:
    """The beginning of a leaf, as IPFS makes it, proves that it is one."""
    blocks = Memory()
    cid = build(bytes(size), blocks.put, chunk=size).cid
    assert reader.leaf_size(blocks[cid][: reader.HEAD_SIZE], len(blocks[cid])) == size


def test_a_branch_is_not_taken_for_a_leaf() -> None:
    """The beginning of a branch proves nothing, even if it has bytes of its own."""
    blocks = Memory()
    cid = branch(blocks.put, (LEAF, 4), data=b"abc").cid
    assert reader.leaf_size(blocks[cid][: reader.HEAD_SIZE], len(blocks[cid])) is None


@given(st.text(min_size=1, max_size=10), st.sampled_from([8, 256, 1024]), st.data())
def test_names_of_large_directories_have_a_place(name: str, fanout: int, data: st.DataObject) -> None:
    """A shard passes in the one place for its names, and is refused in all others."""
    levels = data.draw(st.integers(1, 64 // hamt.bits_of(fanout)))
    places = tuple(hamt.position(hamt.hash_of(name), level, fanout) for level in range(levels))
    link = DagLink(LEAF.cid, name)
    reader.check_places(Shard((reader.ShardLink(places[-1], link),), fanout), places[:-1])
    wrong = list(places)
    wrong[data.draw(st.integers(0, levels - 1))] ^= data.draw(st.integers(1, fanout - 1))
    with pytest.raises(BadBlock):
        reader.check_places(Shard((reader.ShardLink(wrong[-1], link),), fanout), tuple(wrong[:-1]))


def test_parts_of_large_directories_are_not_empty() -> None:
    """Empty shards are refused, and more levels than the hash has bits for."""
    with pytest.raises(BadBlock):
        reader.check_places(Shard((), 256), (1,))
    deepest = Shard((reader.ShardLink(0, DagLink(LEAF.cid)),), 256)
    reader.check_places(deepest, (0,) * 6)
    with pytest.raises(BadBlock):
        reader.check_places(deepest, (0,) * 7)
