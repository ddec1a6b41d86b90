"""Files, directories and links become the blocks that Kubo makes of them."""

from __future__ import annotations

import itertools
import tracemalloc
from typing import Any

import aleph_cid
import pytest
from content_harness import VECTORS, Blocks, content
from hypothesis import given, settings
from hypothesis import strategies as st

from mpi_actors.content.formats import dagpb, unixfs
from mpi_actors.content.formats.cid import Cid, Codec
from mpi_actors.content.formats.dagpb import DagLink, DagNode
from mpi_actors.content.formats.importer import Built, FileBuilder, build_directory, build_symlink
from mpi_actors.content.formats.limits import CHUNK
from mpi_actors.content.formats.unixfs import Data, NodeKind

VERSIONS = pytest.mark.parametrize("version", [0, 1])
SMALL = {"chunk": 3, "links": 2}


def drop(cid: Cid, block: bytes) -> None:
    """Take a block and forget it."""


def build(data: bytes, version: int, blocks: Blocks | None = None, **shape: int) -> Built:
    """Make a file from its bytes, all at once."""
    builder = FileBuilder(drop if blocks is None else blocks.put, cid_version=version, **shape)
    builder.add(data)
    return builder.finish()


@pytest.mark.parametrize("vector", VECTORS["files"], ids=lambda vector: str(vector["n"]))
def test_file_as_kubo_makes_it(vector: dict[str, Any]) -> None:
    """Files of all sizes, with one level or several, have the identifiers that Kubo gives them."""
    data = content(vector["n"])
    for version, key in ((0, "v0"), (1, "v1_raw_leaves")):
        built = build(data, version)
        assert str(built.cid) == vector[key]
        assert built.size == vector["n"]


@VERSIONS
@settings(deadline=None, max_examples=30)
@given(st.integers(0, 3 * CHUNK), st.lists(st.integers(0, 3 * CHUNK), max_size=4))
def test_file_as_another_program_makes_it(version: int, size: int, cuts: list[int]) -> None:
    """However its bytes come, a file has the identifier that another implementation gives it."""
    data = content(size)
    builder = FileBuilder(drop, cid_version=version)
    bounds = [0, *sorted(min(cut, size) for cut in cuts), size]
    for start, end in itertools.pairwise(bounds):
        builder.add(data[start:end])
    hasher = aleph_cid.CidHasher
    other = hasher.for_ipfs_v1_raw_leaves() if version else hasher.for_ipfs()
    other.update(data)
    assert str(builder.finish().cid) == other.finalize()


def fill(data: bytes, depth: int, version: int, chunk: int, links: int) -> tuple[DagLink, int, bytes]:
    """Make a tree of a given depth from the first of these bytes, top down; return the remaining bytes."""
    if depth == 0:
        piece, rest = data[:chunk], data[chunk:]
        if version:
            return DagLink(Cid.of(piece, Codec.RAW, 1), "", len(piece)), len(piece), rest
        block = dagpb.encode(
            DagNode((), unixfs.encode(Data(kind=NodeKind.FILE, data=piece, filesize=len(piece))))
        )
        return DagLink(Cid.of(block), "", len(block)), len(piece), rest
    below: list[DagLink] = []
    sizes: list[int] = []
    while len(below) < links and (data or not below):
        link, size, data = fill(data, depth - 1, version, chunk, links)
        below.append(link)
        sizes.append(size)
    about = Data(kind=NodeKind.FILE, filesize=sum(sizes), blocksizes=tuple(sizes))
    block = dagpb.encode(DagNode(tuple(below), unixfs.encode(about)))
    tsize = len(block) + sum(link.tsize for link in below)
    return DagLink(Cid.of(block, Codec.DAG_PB, version), "", tsize), sum(sizes), data


@VERSIONS
@given(st.binary(max_size=120), st.integers(1, 5), st.integers(2, 4))
def test_file_is_a_balanced_tree(version: int, data: bytes, chunk: int, links: int) -> None:
    """Trees of many levels, which we build from the bottom, equal those that are built from the top."""
    depth = 0
    while chunk * links**depth < len(data):
        depth += 1
    link, size, rest = fill(data, depth, version, chunk, links)
    assert rest == b""
    built = build(data, version, chunk=chunk, links=links)
    assert built == Built(link.cid, size, link.tsize)


PIECES = st.binary(max_size=9).flatmap(lambda raw: st.sampled_from([raw, bytearray(raw), memoryview(raw)]))


@VERSIONS
@given(st.lists(PIECES))
def test_file_in_pieces_is_the_same(version: int, pieces: list[bytes | bytearray | memoryview]) -> None:
    """However a file's bytes come, its blocks are the same and contain them; children come first."""
    data, blocks, whole = b"".join(pieces), Blocks(), Blocks()
    builder = FileBuilder(blocks.put, cid_version=version, **SMALL)
    for piece in pieces:
        builder.add(piece)
    built = builder.finish()
    assert built == build(data, version, whole, **SMALL)
    assert blocks == whole
    assert blocks.read(built.cid) == data
    assert built.size == len(data)
    assert built.tsize == blocks.stored(built.cid)


@VERSIONS
def test_file_from_a_buffer_that_is_used_again(version: int) -> None:
    """Bytes that were added are copied, so the caller can use its buffer again."""
    blocks, buffer = Blocks(), bytearray(CHUNK)
    builder = FileBuilder(blocks.put, cid_version=version)
    for fill_byte, size in ((1, CHUNK), (2, 100), (3, CHUNK)):
        buffer[:] = bytes([fill_byte]) * CHUNK
        builder.add(memoryview(buffer)[:size])
    buffer[:] = bytes(CHUNK)
    assert blocks.read(builder.finish().cid) == b"\1" * CHUNK + b"\2" * 100 + b"\3" * CHUNK


@VERSIONS
@pytest.mark.parametrize("size", [CHUNK, 100_000], ids=["chunks", "odd"])
def test_file_takes_little_memory(version: int, size: int) -> None:
    """A file of 256 MiB never needs more than a few MiB."""
    piece = content(size)
    builder = FileBuilder(drop, cid_version=version)
    tracemalloc.start()
    try:
        for _ in range(256 * 1024 * 1024 // size):
            builder.add(piece)
        builder.finish()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 1024 * 1024


def grow(entries: dict[str, Any], put: Any, version: int) -> Built:
    """Make a directory of files, given by size or text, and of directories."""
    made = {}
    for name, inside in entries.items():
        if isinstance(inside, dict):
            made[name] = grow(inside, put, version)
            continue
        builder = FileBuilder(put, cid_version=version)
        builder.add(content(inside) if isinstance(inside, int) else inside.encode())
        made[name] = builder.finish()
    return build_directory(made, put, cid_version=version)


def known_tree() -> dict[str, Any]:
    """Return the known tree without hidden entries, as nested directories."""
    root: dict[str, Any] = {}
    for path, inside in VECTORS["tree"]["entries"].items():
        *folders, name = path.rstrip("/").split("/")
        folder = root
        for each in folders:
            folder = folder.setdefault(each, {})
        if not name.startswith("."):
            folder[name] = {} if inside is None else inside
    return root


@VERSIONS
def test_directory_as_kubo_makes_it(version: int) -> None:
    """A tree of directories has the identifier that Kubo gives it, and the right sizes."""
    blocks = Blocks()
    built = grow(known_tree(), blocks.put, version)
    tree = VECTORS["tree"]
    assert str(built.cid) == (tree["v1_raw_leaves_root"] if version else tree["v0"]["store"])
    assert built.size == sum(
        inside if isinstance(inside, int) else len(inside.encode())
        for path, inside in tree["entries"].items()
        if inside is not None and path != ".hidden"
    )
    assert built.tsize == blocks.stored(built.cid)


@VERSIONS
def test_directory_does_not_depend_on_order(version: int) -> None:
    """Entries are sorted by the bytes of their names, whatever their order was."""
    file = build(b"x", version)
    names = ["b", "B", "é", "a b", "a", "😀", "\uffee"]
    blocks = Blocks({file.cid: b""})
    forward = build_directory(dict.fromkeys(names, file), blocks.put, cid_version=version)
    backward = build_directory(dict.fromkeys(reversed(names), file), blocks.put, cid_version=version)
    assert forward == backward
    links = dagpb.decode(blocks[forward.cid]).links
    assert [link.name for link in links] == sorted(names, key=str.encode) != sorted(names, key=ascii)


@pytest.mark.parametrize("name", ["", "..", "a/b", "\0", "\udcff", "é" * 128])
def test_directory_with_a_name_that_cannot_be(name: str) -> None:
    """A directory that could not be put on a disk is not made."""
    with pytest.raises(ValueError, match="the name"):
        build_directory({name: build(b"", 0)}, drop)


@VERSIONS
@pytest.mark.parametrize("vector", VECTORS["links"]["cases"], ids=lambda vector: vector["target"])
def test_link_as_kubo_makes_it(version: int, vector: dict[str, Any]) -> None:
    """A symbolic link, and a directory with one, have the identifiers that Kubo gives them."""
    link = build_symlink(vector["target"], drop, cid_version=version)
    folder = build_directory({"link": link}, drop, cid_version=version)
    assert str(link.cid) == vector[f"v{version}"]
    assert str(folder.cid) == vector[f"directory_v{version}"]
    assert (link.size, folder.size) == (0, 0)
