"""Trees of files and directories for tests: made up, put into blocks, with and without mistakes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mpi_actors.content.formats import dagpb, hamt, unixfs
from mpi_actors.content.formats.cid import Cid, Codec
from mpi_actors.content.formats.dagpb import DagLink, DagNode
from mpi_actors.content.formats.importer import Built, FileBuilder, Put, build_directory, build_symlink
from mpi_actors.content.formats.unixfs import NodeKind
from mpi_actors.errors import ContentMissing


@attrs.frozen
class Folder:
    """A directory."""

    entries: Mapping[str, Tree]
    sharded: bool = False


@attrs.frozen
class LinkTo:
    """A symbolic link."""

    target: str


Tree = bytes | Folder | LinkTo
"""A tree of these; bytes stand for a file."""

# few names and few contents, so that much is equal
NAMES = st.one_of(
    st.sampled_from(["a", "b", "A", ".hidden", "ä", "x y", "a" * 255, "\U0001f600", "-", "ab"]),
    st.integers(0, 99).map("n{}".format),
)
FILES = st.one_of(
    st.binary(max_size=40),
    st.integers(0, 300).map(bytes),
    st.integers(0, 300).map(lambda size: b"".join(b"%5d" % number for number in range(size // 5))),
)
LINKS = st.sampled_from(["a", "b/a", "n1", ".", "./a/../b"]).map(LinkTo)


def folders(inside: SearchStrategy[Tree]) -> SearchStrategy[Folder]:
    """Directories that contain such trees."""
    return st.builds(Folder, st.dictionaries(NAMES, inside, max_size=5), st.booleans())


TREES: SearchStrategy[Tree] = st.recursive(FILES | LINKS, folders, max_leaves=12)
_NUMBERED = st.integers(0, 9999).map("n{}".format)
WIDE: SearchStrategy[Tree] = st.builds(
    Folder, st.dictionaries(_NUMBERED, FILES, min_size=30, max_size=60), st.just(True)
)
"""Directories with as many names as it takes to have shards below shards."""


class Memory(dict[Cid, bytes]):
    """Keeps blocks in memory, and which of them were asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Cid] = []

    def put(self, cid: Cid, block: bytes) -> None:
        """Take a block."""
        self[cid] = block

    def fetch(self, cid: Cid) -> bytes:
        """Return a block."""
        self.asked.append(cid)
        try:
            return self[cid]
        except KeyError:
            raise ContentMissing(f"no {cid}") from None


def build(tree: Tree, put: Put, *, version: int = 0, chunk: int = 10, links: int = 3) -> Built:
    """Make the blocks of a tree; files are cut into small pieces."""
    match tree:
        case bytes():
            builder = FileBuilder(put, cid_version=version, chunk=chunk, links=links)
            builder.add(tree)
            return builder.finish()
        case LinkTo():
            return build_symlink(tree.target, put, cid_version=version)
        case Folder():
            inside = {
                name: build(below, put, version=version, chunk=chunk, links=links)
                for name, below in tree.entries.items()
            }
            if tree.sharded:
                return _build_shards(inside, put, version)
            return build_directory(inside, put, cid_version=version)


def _build_shards(inside: Mapping[str, Built], put: Put, version: int) -> Built:
    def store(node: DagNode) -> DagLink:
        return node_link(node, put, version)

    links = [DagLink(built.cid, name, built.tsize) for name, built in inside.items()]
    root = hamt.build(links, store)
    return Built(root.cid, sum(built.size for built in inside.values()), root.tsize)


def node_link(node: DagNode, put: Put, version: int = 0) -> DagLink:
    """Put a node, and return a link to it."""
    block = dagpb.encode(node)
    cid = Cid.of(block, Codec.DAG_PB, version)
    put(cid, block)
    return DagLink(cid, "", min(len(block) + sum(link.tsize for link in node.links), 2**63))


def raw(data: bytes, put: Put) -> DagLink:
    """Put plain bytes, and return a link to them."""
    cid = Cid.of(data, Codec.RAW, 1)
    put(cid, data)
    return DagLink(cid, "", len(data))


def unixfs_node(put: Put, *links: DagLink, **data: Any) -> DagLink:
    """Put a node of a kind, with any links and any data, even senseless ones."""
    return node_link(DagNode(links, unixfs.encode(unixfs.Data(**data))), put)


def branch(
    put: Put, *children: tuple[DagLink, int], filesize: int | None = None, data: bytes = b""
) -> DagLink:
    """Put a branch of a file; it says that its children have these sizes."""
    sizes = tuple(size for _, size in children)
    return unixfs_node(
        put,
        *(attrs.evolve(link, name="") for link, _ in children),
        kind=NodeKind.FILE,
        data=data,
        filesize=len(data) + sum(sizes) if filesize is None else filesize,
        blocksizes=sizes,
    )


def directory(put: Put, entries: Mapping[str, DagLink]) -> DagLink:
    """Put a directory with any names."""
    return unixfs_node(
        put, *(attrs.evolve(link, name=name) for name, link in entries.items()), kind=NodeKind.DIRECTORY
    )


def symlink(put: Put, target: bytes) -> DagLink:
    """Put a symbolic link to anything."""
    return unixfs_node(put, kind=NodeKind.SYMLINK, data=target)


def shard(put: Put, at: Mapping[int, DagLink], fanout: int = 256, **other: object) -> DagLink:
    """Put a shard with anything at any position; the name of each link follows its position."""
    width = len(f"{fanout - 1:X}")
    links = [attrs.evolve(link, name=f"{place:0{width}X}{link.name}") for place, link in sorted(at.items())]
    said: dict[str, object] = {
        "kind": NodeKind.SHARD,
        "data": hamt.encode_positions(at),
        "hash_type": hamt.HASH_TYPE,
        "fanout": fanout,
    }
    return unixfs_node(put, *links, **said | other)


def size_of(tree: Tree) -> int:
    """Return the bytes of all files."""
    if isinstance(tree, Folder):
        return sum(map(size_of, tree.entries.values()))
    return len(tree) if isinstance(tree, bytes) else 0


def count(tree: Tree) -> int:
    """Return how many entries are below a tree's root."""
    return sum(1 + count(below) for below in tree.entries.values()) if isinstance(tree, Folder) else 0


def depth_of(tree: Tree) -> int:
    """Return how many directories are inside one another."""
    return 1 + max(map(depth_of, tree.entries.values()), default=0) if isinstance(tree, Folder) else 0


def on_disk(path: Path) -> Tree:
    """Return the tree at a path."""
    if path.is_symlink():
        return LinkTo(os.readlink(path))
    if path.is_dir():
        return Folder({each.name: on_disk(each) for each in path.iterdir()})
    return path.read_bytes()


def plain(tree: Tree) -> Tree:
    """Return a tree without what cannot be seen on a disk."""
    if isinstance(tree, Folder):
        return Folder({name: plain(below) for name, below in tree.entries.items()})
    return tree
