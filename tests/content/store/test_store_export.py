"""Putting trees on a disk: entirely or not at all, and nowhere else."""

from __future__ import annotations

import errno
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

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
    directory,
    node_link,
    on_disk,
    plain,
    raw,
    shard,
    size_of,
    symlink,
    unixfs_node,
)
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mpi_actors.content.formats import hamt
from mpi_actors.content.formats.cid import Cid, Codec
from mpi_actors.content.formats.dagpb import DagLink, DagNode
from mpi_actors.content.formats.limits import TreeLimits
from mpi_actors.content.formats.path import ContentPath
from mpi_actors.content.formats.unixfs import NodeKind
from mpi_actors.content.store import tree as trees
from mpi_actors.content.store.backend import DirectoryEntry, EntryKind, TransferProgress
from mpi_actors.content.store.blocks import BlockStore
from mpi_actors.content.store.export import export, list_directory, resolve
from mpi_actors.content.store.publish import Stopped, publish
from mpi_actors.errors import BadBlock, ContentMissing, ContentRefused, DiskFull, NotADirectory

VERSIONS = st.sampled_from([0, 1])


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    """A directory to put something into, with a file beside it that nobody may touch."""
    beside = tmp_path / "beside"
    beside.write_bytes(b"mine")
    directory = tmp_path / "place"
    directory.mkdir()
    yield directory
    assert sorted(path.name for path in tmp_path.iterdir()) == ["beside", "place"]
    assert beside.read_bytes() == b"mine"


def empty(place: Path) -> bool:
    """Whether a directory has no entries, not even hidden ones."""
    return os.listdir(place) == []


def has_links(tree: Tree) -> bool:
    """Whether a tree may be refused because of its links."""
    if isinstance(tree, Folder):
        return any(map(has_links, tree.entries.values()))
    return isinstance(tree, LinkTo)


@settings(deadline=None, max_examples=50)
@given(TREES | WIDE, VERSIONS)
def test_trees_come_back(tree: Tree, version: int) -> None:
    """The tree on the disk is the one that was put into blocks; or it is refused for links, and not there."""
    with tempfile.TemporaryDirectory() as name:
        blocks, place = Memory(), Path(name)
        root = build(tree, blocks.put, version=version).cid
        try:
            export(root, blocks.fetch, place / "out")
        except ContentRefused:
            assert has_links(tree)
            assert empty(place)
            return
        assert on_disk(place / "out") == plain(tree)
        assert os.listdir(place) == ["out"]
        if isinstance(tree, Folder):
            trees.scan(place / "out")


@settings(deadline=None, max_examples=30)
@given(TREES | WIDE, VERSIONS, st.data())
def test_without_a_block_there_is_nothing(tree: Tree, version: int, data: st.DataObject) -> None:
    """If any block is missing, no part of the tree is on the disk."""
    assume(not has_links(tree))
    with tempfile.TemporaryDirectory() as name:
        blocks, place = Memory(), Path(name)
        root = build(tree, blocks.put, version=version).cid
        del blocks[data.draw(st.sampled_from(list(blocks)))]
        with pytest.raises(ContentMissing):
            export(root, blocks.fetch, place / "out")
        assert empty(place)


def test_what_is_published_comes_back(place: Path, tmp_path: Path) -> None:
    """A directory comes back from a store of blocks as it was, but without hidden entries."""
    store, source = BlockStore(place / "blocks"), place / "source"
    (source / "d").mkdir(parents=True)
    (source / "large").write_bytes(os.urandom(3_000_000))
    (source / "d" / "empty").touch()
    (source / ".hidden").touch()
    (source / "l").symlink_to("d/../large")

    def put(cid: Cid, block: bytes) -> None:
        store.put(cid, block, checked=True)

    added = publish(source, put)
    export(added.cid, store.get, place / "out")
    (source / ".hidden").unlink()
    assert on_disk(place / "out") == on_disk(source)


LEAF = DagLink(Cid.of(b"leaf", Codec.RAW, 1), "", 4)


def links(blocks: Memory, **targets: str) -> DagLink:
    """Make a directory with files and links."""
    inner = directory(blocks.put, {"file": raw(b"abc", blocks.put)})
    entries = {name: symlink(blocks.put, target.encode()) for name, target in targets.items()}
    return directory(blocks.put, {"d": inner, **entries})


def long_path(blocks: Memory) -> DagLink:
    """Make a path of names that are short enough alone, and too long together."""
    link = raw(b"abc", blocks.put)
    for _ in range(20):
        link = directory(blocks.put, {"a" * 255: link})
    return link


def doubled(blocks: Memory, link: DagLink, levels: int) -> DagLink:
    """Make a directory that doubles with each level."""
    for _ in range(levels):
        link = directory(blocks.put, {"a": link, "b": link})
    return link


def repeated(blocks: Memory, size: int, times: int, levels: int) -> DagLink:
    """Make a file whose pieces are repeated many times at each level."""
    link = raw(bytes(size), blocks.put)
    for _ in range(levels):
        link, size = branch(blocks.put, *[(link, size)] * times), size * times
    return link


HOSTILE: dict[str, Callable[[Memory], DagLink]] = {
    "the directory above": lambda blocks: directory(blocks.put, {"..": raw(b"abc", blocks.put)}),
    "a way up": lambda blocks: directory(blocks.put, {"../beside": raw(b"abc", blocks.put)}),
    "an absolute name": lambda blocks: directory(blocks.put, {"/tmp/beside": raw(b"abc", blocks.put)}),
    "no name": lambda blocks: directory(blocks.put, {"": raw(b"abc", blocks.put)}),
    "a NUL": lambda blocks: directory(blocks.put, {"a\0b": raw(b"abc", blocks.put)}),
    "a name in shards": lambda blocks: shard(
        blocks.put, {hamt.position(hamt.hash_of("../x"), 0): attrs.evolve(LEAF, name="../x")}
    ),
    "a name twice": lambda blocks: unixfs_node(
        blocks.put, *[attrs.evolve(raw(b"abc", blocks.put), name="a")] * 2, kind=NodeKind.DIRECTORY
    ),
    "a link and a file of one name": lambda blocks: unixfs_node(
        blocks.put,
        attrs.evolve(symlink(blocks.put, b"../../beside"), name="a"),
        attrs.evolve(raw(b"abc", blocks.put), name="a"),
        kind=NodeKind.DIRECTORY,
    ),
    "a link up": lambda blocks: links(blocks, a="../../beside"),
    "a link far up": lambda blocks: links(blocks, a="d/../../../beside"),
    "an absolute link": lambda blocks: links(blocks, a="/etc/passwd"),
    "links over links": lambda blocks: links(blocks, a="d", b="a/..", c="b/../.."),
    "a link in a circle": lambda blocks: links(blocks, a="b", b="a"),
    "a link alone": lambda blocks: symlink(blocks.put, b"beside"),
    "an absolute link alone": lambda blocks: symlink(blocks.put, b"/etc/passwd"),
    "a short piece": lambda blocks: branch(blocks.put, (raw(b"abc", blocks.put), 4)),
    "a long piece": lambda blocks: branch(blocks.put, (raw(b"abc", blocks.put), 2)),
    "a wrong sum": lambda blocks: branch(blocks.put, (raw(b"abc", blocks.put), 3), filesize=5),
    "a directory in a file": lambda blocks: branch(blocks.put, (directory(blocks.put, {}), 0)),
    "metadata": lambda blocks: unixfs_node(blocks.put, kind=NodeKind.METADATA),
    "garbage": lambda blocks: node_link(DagNode((), b"garbage"), blocks.put),
    "a long path": long_path,
    "deep directories": lambda blocks: doubled(blocks, raw(b"", blocks.put), 100),
    "a bomb of directories": lambda blocks: doubled(blocks, directory(blocks.put, {}), 12),
    "a bomb of files": lambda blocks: doubled(blocks, raw(b"abc", blocks.put), 12),
    "a bomb of empty pieces": lambda blocks: repeated(blocks, 0, 10, 12),
    "a bomb of bytes": lambda blocks: repeated(blocks, 1000, 1000, 3),
    "a bomb of tiny pieces": lambda blocks: repeated(blocks, 1, 100, 3),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("inside", [False, True])
def test_hostile_trees_leave_nothing(place: Path, name: str, inside: bool) -> None:
    """Alone or beside good entries, they are refused, and nothing is on the disk."""
    blocks = Memory()
    link = HOSTILE[name](blocks)
    if inside and "alone" not in name:
        link = directory(blocks.put, {"0": raw(b"good", blocks.put), "bad": link})
    with pytest.raises(ContentRefused):
        export(link.cid, blocks.fetch, place / "out", limits=TreeLimits(size=10**6, entries=1000))
    assert empty(place)
    assert len(blocks.asked) < 20_000


def test_links_are_made_last(place: Path) -> None:
    """No entry is written through a link, whatever the order of names."""
    blocks = Memory()
    root = links(blocks, a="d", z="d/file").cid
    export(root, blocks.fetch, place / "out")
    assert (place / "out" / "z").read_bytes() == b"abc"
    assert (place / "out" / "a" / "file").read_bytes() == b"abc"
    assert (place / "out" / "a").is_symlink()


def test_dangling_links_may_be(place: Path) -> None:
    """A link to a missing entry inside the tree is made."""
    blocks = Memory()
    export(links(blocks, a="d/none").cid, blocks.fetch, place / "out")
    assert os.readlink(place / "out" / "a") == "d/none"


def test_names_that_the_file_system_takes_for_equal(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where "a" and "A" are one file, a tree with both is refused, and neither is overwritten."""
    real_open, real_mkdir, real_symlink = os.open, os.mkdir, os.symlink

    def small(path: str) -> str:
        return str(path) if "tree" not in str(path) else str(path).replace("/A", "/a")

    monkeypatch.setattr(os, "open", lambda path, *more, **at: real_open(small(path), *more, **at))
    monkeypatch.setattr(os, "mkdir", lambda path, *more: real_mkdir(small(path), *more))
    monkeypatch.setattr(os, "symlink", lambda target, path: real_symlink(target, small(path)))
    kinds: list[Tree] = [b"abc", Folder({}), LinkTo(".")]
    for one in kinds:
        for other in kinds:
            blocks = Memory()
            root = build(Folder({"A": one, "a": other}), blocks.put).cid
            with pytest.raises(ContentRefused, match="and another name for equal"):
                export(root, blocks.fetch, place / "out")
            assert empty(place)


@pytest.mark.parametrize("make", [Path.touch, Path.mkdir, lambda path: path.symlink_to("nowhere")])
@pytest.mark.parametrize("tree", [b"abc", Folder({"a": b"abc"})])
def test_what_is_there_stays(place: Path, make: Callable[[Path], None], tree: Tree) -> None:
    """A destination that exists is not replaced, whatever it is, and no block is asked for."""
    make(place / "out")
    blocks = Memory()
    with pytest.raises(FileExistsError):
        export(build(tree, blocks.put).cid, blocks.fetch, place / "out")
    assert os.listdir(place) == ["out"]
    assert blocks.asked == []


@pytest.mark.parametrize("tree", [b"abc", Folder({"a": b"abc"})])
def test_what_appears_meanwhile_stays(place: Path, tree: Tree) -> None:
    """A file that somebody makes at the destination meanwhile is not replaced."""
    blocks = Memory()
    root = build(tree, blocks.put).cid

    def get(cid: Cid) -> bytes:
        (place / "out").write_bytes(b"mine")
        return blocks.fetch(cid)

    with pytest.raises(FileExistsError):
        export(root, get, place / "out")
    assert os.listdir(place) == ["out"]
    assert (place / "out").read_bytes() == b"mine"


def test_a_missing_directory_is_an_error(place: Path) -> None:
    """The directory above the destination must exist."""
    blocks = Memory()
    with pytest.raises(FileNotFoundError):
        export(build(b"abc", blocks.put).cid, blocks.fetch, place / "none" / "out")


@pytest.mark.parametrize("umask", [0o022, 0o077, 0o027])
def test_modes_are_those_of_new_files(place: Path, umask: int) -> None:
    """Modes are as for other new files of the user; before the end, nobody else sees anything."""
    blocks = Memory()
    root = build(Folder({"d": Folder({"f": b"abc"})}), blocks.put).cid
    seen: list[int] = []

    def get(cid: Cid) -> bytes:
        (part,) = place.iterdir()
        seen.append(stat.S_IMODE(part.stat().st_mode))
        return blocks.fetch(cid)

    before = os.umask(umask)
    try:
        export(root, get, place / "out")
        export(build(b"abc", blocks.put).cid, blocks.fetch, place / "file")
    finally:
        os.umask(before)
    assert set(seen) == {0o700}
    assert stat.S_IMODE((place / "out").stat().st_mode) == 0o777 & ~umask
    assert stat.S_IMODE((place / "out" / "d").stat().st_mode) == 0o777 & ~umask
    assert stat.S_IMODE((place / "out" / "d" / "f").stat().st_mode) == 0o666 & ~umask
    assert stat.S_IMODE((place / "file").stat().st_mode) == 0o666 & ~umask
    assert (place / "file").stat().st_nlink == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_has_a_name(place: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Without room, nothing is left, and the error says where."""
    blocks = Memory()
    root = build(Folder({"a": Folder({"b": b"abc"})}), blocks.put).cid
    real, made = os.mkdir, 0

    def mkdir(path: str, *more: int, **mode: int) -> None:
        nonlocal made
        made += 1
        if made == 3:
            raise OSError(number, os.strerror(number))
        real(path, *more, **mode)

    monkeypatch.setattr(os, "mkdir", mkdir)
    with pytest.raises(DiskFull, match=str(place)):
        export(root, blocks.fetch, place / "out")
    assert empty(place)


def test_it_can_be_stopped(place: Path) -> None:
    """When `stopped` returns true, the work ends and leaves nothing."""
    blocks = Memory()
    root = build(Folder({"a": b"abc" * 100}), blocks.put).cid
    with pytest.raises(Stopped):
        export(root, blocks.fetch, place / "out", stopped=lambda: len(blocks.asked) > 5)
    assert empty(place)
    assert len(blocks.asked) == 6


@pytest.mark.parametrize("version", [0, 1])
def test_progress_is_told(place: Path, version: int) -> None:
    """Progress grows to its total, which is known from the start, and is not reported too often."""
    blocks = Memory()
    tree = Folder({"a": os.urandom(3 << 20), "b": os.urandom(2 << 20)})
    built = build(tree, blocks.put, version=version, chunk=1 << 18, links=174)
    told: list[TransferProgress] = []
    export(built.cid, blocks.fetch, place / "out", on_progress=told.append)
    assert [each.total for each in told] == [built.tsize] * len(told)
    assert [each.done for each in told] == sorted({each.done for each in told})
    assert told[-1].done == built.tsize
    assert 2 <= len(told) <= 7


def test_a_large_file_needs_little_memory(place: Path) -> None:
    """A file is written while its pieces come, and only one piece is in memory."""
    held = 0
    most = 0

    class Piece(bytes):
        def __new__(cls, data: bytes) -> Piece:
            nonlocal held, most
            held += 1
            most = max(most, held)
            return super().__new__(cls, data)

        def __del__(self) -> None:
            nonlocal held
            held -= 1

    blocks = Memory()
    root = build(os.urandom(1 << 20), blocks.put, chunk=1 << 12, links=20, version=1).cid
    export(root, lambda cid: Piece(blocks.fetch(cid)), place / "out")
    assert (place / "out").stat().st_size == 1 << 20
    assert most <= 8


# --- without files ----------------------------------------------------------------------------------------


def kind_of(tree: Tree) -> EntryKind:
    """Return the kind of an entry as lists have it."""
    return "directory" if isinstance(tree, Folder) else "link" if isinstance(tree, LinkTo) else "file"


@settings(deadline=None, max_examples=50)
@given(TREES | WIDE, VERSIONS)
def test_directories_are_listed(tree: Tree, version: int) -> None:
    """A list has all entries by name, with the sizes of all that is below them."""
    blocks = Memory()
    root = build(tree, blocks.put, version=version).cid
    if not isinstance(tree, Folder):
        with pytest.raises(NotADirectory):
            list_directory(root, blocks.fetch)
        return
    found = list_directory(root, blocks.fetch)
    assert [entry.name for entry in found] == sorted(tree.entries, key=str.encode)
    for entry in found:
        below = tree.entries[entry.name]
        size = len(below.target) if isinstance(below, LinkTo) else size_of(below)
        cid = resolve(ContentPath(root, (entry.name,)), blocks.fetch)
        assert entry == DirectoryEntry(entry.name, cid, kind_of(below), size)


@pytest.mark.parametrize(
    "make",
    [
        lambda blocks: directory(blocks.put, {"..": raw(b"abc", blocks.put)}),
        lambda blocks: doubled(blocks, raw(b"abc", blocks.put), 50),
        lambda blocks: shard(blocks.put, {1: shard(blocks.put, {})}),
        lambda blocks: directory(blocks.put, {"a": DagLink(Cid.of(b"", Codec.DAG_PB))}),
    ],
    ids=["name", "bomb", "shard", "garbage"],
)
def test_hostile_directories_are_not_listed(make: Callable[[Memory], DagLink]) -> None:
    """A hostile directory is refused soon, with one of our errors."""
    blocks = Memory()
    blocks.put(Cid.of(b""), b"")
    root = make(blocks).cid
    with pytest.raises(ContentRefused):
        list_directory(root, blocks.fetch)
    assert len(blocks.asked) < 100


def test_lists_have_limits() -> None:
    """A directory is refused if it has more entries than allowed, in itself or below."""
    blocks = Memory()
    tree = Folder({"a": Folder({"b": b"abc"}), "c": b"abc"})
    root = build(tree, blocks.put).cid
    assert count(tree) == 3
    assert len(list_directory(root, blocks.fetch, limits=TreeLimits(entries=3))) == 2
    for entries in (1, 2):
        with pytest.raises(ContentRefused):
            list_directory(root, blocks.fetch, limits=TreeLimits(entries=entries))


def test_what_is_missing_is_not_listed() -> None:
    """A missing block is an error; no entry is left out silently."""
    blocks = Memory()
    root = directory(blocks.put, {"a": LEAF}).cid
    with pytest.raises(ContentMissing):
        list_directory(root, blocks.fetch)


def test_paths_through_nonsense_are_refused() -> None:
    """A block on the way that makes no sense is refused with ContentRefused."""
    blocks = Memory()
    blocks.put(Cid.of(b"garbage"), b"garbage")
    with pytest.raises(ContentRefused):
        resolve(ContentPath(Cid.of(b"garbage"), ("a",)), blocks.fetch)
    with pytest.raises(ContentMissing):
        resolve(ContentPath(directory(blocks.put, {}).cid, ("a",)), blocks.fetch)
    assert not issubclass(BadBlock, ContentRefused)
