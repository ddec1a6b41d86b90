"""Blocks on disk: whole or not at all, for many processes at once, and gone when nothing needs them."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs
import pytest
from content_trees import TREES, WIDE, Folder, Tree, build, directory, raw
from hypothesis import given, settings
from hypothesis import strategies as st

from mpi_actors.content.formats import reader
from mpi_actors.content.formats.cid import Cid, Codec
from mpi_actors.content.formats.dagpb import decode
from mpi_actors.content.formats.limits import MAX_BLOCK, TreeLimits
from mpi_actors.content.store import block_files
from mpi_actors.content.store.backend import Collected
from mpi_actors.content.store.blocks import BlockStore
from mpi_actors.errors import BadBlock, ContentMissing, ContentRefused, DiskFull, StoreBusy, StoreDamaged
from mpi_actors.process.descriptors import write_all

DATA = b"some bytes"
CID = Cid.of(DATA, Codec.RAW, 1)
VERSIONS = st.sampled_from([0, 1])


@pytest.fixture
def blocks(tmp_path: Path) -> BlockStore:
    """An empty store."""
    return BlockStore(tmp_path / "blocks")


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[Path]:
    """A directory beside the store that nobody may touch."""
    place = tmp_path / "outside"
    place.mkdir()
    (place / "file").write_bytes(b"mine")
    before = os.stat(place / "file")
    yield place
    assert [path.name for path in place.iterdir()] == ["file"]
    assert (place / "file").read_bytes() == b"mine"
    assert os.stat(place / "file").st_mtime_ns == before.st_mtime_ns


def file_of(blocks: BlockStore, cid: Cid) -> Path:
    """Return the path of a block's file."""
    name = cid.digest.hex()
    return blocks.directory / name[:2] / name


def files(blocks: BlockStore) -> list[str]:
    """Return all files of blocks, and unfinished ones."""
    return sorted(path.name for path in blocks.directory.rglob("*") if path.is_file() and path.name != "lock")


def test_what_is_put_can_be_had(blocks: BlockStore) -> None:
    """A block comes back as it was, and is new only once; any bytes-like type will do."""
    assert not blocks.has(CID)
    assert blocks.put(CID, bytearray(DATA))
    assert not blocks.put(CID, memoryview(DATA))
    assert blocks.has(CID)
    assert blocks.get(CID) == DATA
    assert blocks.size(CID) == len(DATA)
    assert list(blocks) == [CID.digest]
    assert blocks.usage() == (1, len(DATA))
    assert blocks.delete(CID)
    assert not blocks.delete(CID)
    assert not blocks.has(CID)
    assert files(blocks) == []


@pytest.mark.parametrize("ask", [BlockStore.get, BlockStore.size])
def test_what_is_not_there_is_missing(blocks: BlockStore, ask: Callable[[BlockStore, Cid], object]) -> None:
    """A missing block has an error of its own."""
    with pytest.raises(ContentMissing):
        ask(blocks, CID)


def test_blocks_outlive_the_object(blocks: BlockStore) -> None:
    """A store that is opened again has the blocks of before."""
    blocks.put(CID, DATA)
    assert BlockStore(blocks.directory).get(CID) == DATA


def test_all_names_of_a_block_are_one(blocks: BlockStore) -> None:
    """Versions and codecs of identifiers make no difference to a block's file."""
    blocks.put(CID, DATA)
    for cid in (Cid(Codec.DAG_PB, CID.digest, 0), Cid(Codec.DAG_PB, CID.digest, 1)):
        assert not blocks.put(cid, DATA)
        assert blocks.get(cid) == DATA


def test_an_empty_block_is_a_block(blocks: BlockStore) -> None:
    """A block without bytes is like any other."""
    cid = Cid.of(b"", Codec.RAW, 1)
    assert blocks.put(cid, b"")
    assert blocks.get(cid) == b""
    assert blocks.leaf_size(cid) == 0


@pytest.mark.parametrize("data", [b"other bytes", b""])
def test_bytes_of_another_block_are_not_taken(blocks: BlockStore, data: bytes) -> None:
    """Bytes that do not have the identifier are not stored."""
    with pytest.raises(BadBlock):
        blocks.put(CID, data)
    assert files(blocks) == []


def test_blocks_that_are_too_large_are_not_taken(blocks: BlockStore) -> None:
    """Too large blocks are not stored, even if they have their identifier."""
    data = bytes(MAX_BLOCK + 1)
    with pytest.raises(BadBlock):
        blocks.put(Cid.of(data), data)
    assert blocks.put(Cid.of(data[1:]), data[1:])


@pytest.mark.parametrize("damage", [b"same size!", b"", b"some", DATA + b"more", bytes(MAX_BLOCK * 2)])
def test_a_damaged_block_is_removed(blocks: BlockStore, damage: bytes) -> None:
    """A damaged block is missing, and can be put again."""
    blocks.put(CID, DATA)
    file_of(blocks, CID).write_bytes(damage)
    with pytest.raises(ContentMissing):
        blocks.get(CID)
    assert not blocks.has(CID)
    assert blocks.put(CID, DATA)
    assert blocks.get(CID) == DATA


def test_a_cut_off_block_is_written_again(blocks: BlockStore) -> None:
    """To put a block repairs a file of another size."""
    blocks.put(CID, DATA)
    file_of(blocks, CID).write_bytes(DATA[:3])
    assert blocks.put(CID, DATA)
    assert blocks.get(CID) == DATA


# --- odd files --------------------------------------------------------------------------------------------


def test_links_in_place_of_blocks_are_not_followed(blocks: BlockStore, outside: Path) -> None:
    """A link where a block should be is not a block, and is replaced by one."""
    target = outside / "file"
    blocks.put(CID, DATA)
    file_of(blocks, CID).unlink()
    file_of(blocks, CID).symlink_to(target)
    assert not blocks.has(CID)
    with pytest.raises(ContentMissing):
        blocks.get(CID)
    assert blocks.usage() == (0, 0)
    assert blocks.put(CID, DATA)
    assert blocks.get(CID) == DATA


def test_links_in_place_of_directories_are_not_followed(blocks: BlockStore, outside: Path) -> None:
    """Blocks are neither read nor written where a link in place of a directory leads."""
    file_of(blocks, CID).parent.symlink_to(outside)
    assert not blocks.has(CID)
    assert not blocks.delete(CID)
    assert list(blocks) == []
    with pytest.raises(ContentMissing):
        blocks.get(CID)
    with pytest.raises(StoreDamaged):
        blocks.put(CID, DATA)


@pytest.mark.parametrize("name", [block_files.INCOMING, "lock"])
def test_links_in_place_of_our_own_files_are_not_followed(tmp_path: Path, outside: Path, name: str) -> None:
    """A store with a link in place of its own files is not used."""
    place = tmp_path / "blocks"
    place.mkdir()
    (place / name).symlink_to(outside if name == block_files.INCOMING else outside / "file")
    with pytest.raises(StoreDamaged), BlockStore(place).writing():
        pass


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo])
def test_odd_files_are_no_blocks(blocks: BlockStore, make: Callable[[Path], None]) -> None:
    """A directory or pipe in a block's place counts as missing; nobody waits for it."""
    file_of(blocks, CID).parent.mkdir()
    make(file_of(blocks, CID))
    assert not blocks.has(CID)
    with pytest.raises(ContentMissing):
        blocks.get(CID)
    assert blocks.usage() == (0, 0)


def test_a_file_in_place_of_the_store_is_an_error(tmp_path: Path) -> None:
    """A file in the store's place is refused with an error that names it."""
    (tmp_path / "blocks").write_bytes(b"")
    with pytest.raises(StoreDamaged, match=str(tmp_path)):
        BlockStore(tmp_path / "blocks")


def test_only_what_died_writes_left_is_removed(blocks: BlockStore) -> None:
    """An old unfinished file is removed; a young one may still be written."""
    old, young = (blocks.directory / block_files.INCOMING / name for name in ("old", "young"))
    for path in (old, young):
        path.write_bytes(b"half a block")
    long_ago = time.time() - block_files.MAX_WRITE_TIME - 60
    os.utime(old, (long_ago, long_ago))
    BlockStore(blocks.directory)
    assert files(blocks) == ["young"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_has_a_name(blocks: BlockStore, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """A write that finds no room raises DiskFull, names the place, and leaves nothing."""
    real = os.write

    def write(file: int, data: memoryview) -> int:
        if len(data) <= 4:
            raise OSError(number, os.strerror(number))
        return real(file, data[:3])

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(DiskFull, match=str(blocks.directory)):
        blocks.put(CID, DATA)
    assert files(blocks) == []


def test_a_disk_that_is_really_full() -> None:
    """A real device that takes no bytes has the same effect."""
    with open("/dev/full", "wb", buffering=0) as full, pytest.raises(OSError, match="space"):
        write_all(full.fileno(), DATA)


# --- trees ------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=20)
@given(TREES | WIDE, TREES, VERSIONS, st.data())
def test_collecting_leaves_what_is_needed(one: Tree, other: Tree, version: int, data: st.DataObject) -> None:
    """Trees of live roots stay, single blocks stay alone, the rest is removed and counted."""
    with tempfile.TemporaryDirectory() as place:
        blocks = BlockStore(Path(place))
        root = build(one, blocks.put, version=version).cid
        needed = set(blocks)
        dead = build(other, blocks.put, version=version).cid
        single = Cid(Codec.DAG_PB, data.draw(st.sampled_from(list(blocks))), 1)
        before, size = blocks.usage()
        with blocks.collecting():
            removed = blocks.collect([root], single=[single])
        assert set(blocks) == needed | {single.digest}
        assert blocks.missing(root) == []
        after, left = blocks.usage()
        assert removed == Collected(before - after, size - left)
        with blocks.collecting():
            blocks.collect([])
        assert blocks.usage() == (0, 0)
        assert blocks.missing(dead) == [dead]


@settings(deadline=None, max_examples=20)
@given(TREES, TREES)
def test_forgetting_touches_one_tree_only(one: Tree, other: Tree) -> None:
    """Only blocks below one root are removed, unless something else needs them."""
    with tempfile.TemporaryDirectory() as place:
        blocks = BlockStore(Path(place))
        root = build(one, blocks.put).cid
        only = set(blocks)
        live = build(other, blocks.put).cid
        blocks.put(CID, DATA)
        whole = set(blocks)
        with blocks.collecting():
            blocks.collect([live], below=root)
        assert blocks.missing(live) == []
        assert CID.digest in set(blocks)
        assert whole - set(blocks) <= only
        with blocks.collecting():
            blocks.collect([], below=live)
        assert set(blocks) == {CID.digest}


def test_a_tree_that_is_not_all_there_is_kept(blocks: BlockStore) -> None:
    """Blocks of a live tree stay, even if blocks between are missing or damaged."""
    inner = {name: raw(name.encode() * 100, blocks.put) for name in "abc"}
    parts = {name: directory(blocks.put, {name: link}) for name, link in inner.items()}
    root = directory(blocks.put, parts).cid
    blocks.delete(parts["a"].cid)
    file_of(blocks, parts["b"].cid).write_bytes(b"damaged")
    with blocks.collecting():
        blocks.collect([root])
    assert set(blocks) == {root.digest, parts["c"].cid.digest, inner["c"].cid.digest}
    assert blocks.missing(root) == [parts["a"].cid, parts["b"].cid]


def test_collecting_does_not_read_leaves(blocks: BlockStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large file, only blocks with links are read completely."""
    built = build(bytes(range(256)) * 4096, blocks.put, chunk=2048, links=174)
    read: list[int] = []
    real = os.read

    def noted(file: int, size: int) -> bytes:
        read.append(size)
        return real(file, size)

    monkeypatch.setattr(os, "read", noted)
    with blocks.collecting():
        blocks.collect([built.cid])
    assert blocks.missing(built.cid) == []
    branches = [size for size in read if size > reader.HEAD_SIZE]
    assert read
    assert len(branches) == sum(bool(decode(file_of_bytes(blocks, digest)).links) for digest in blocks) * 2


def file_of_bytes(blocks: BlockStore, digest: bytes) -> bytes:
    """Return a block's bytes as they are on the disk."""
    return file_of(blocks, Cid(Codec.DAG_PB, digest)).read_bytes()


def test_collecting_needs_the_lock(blocks: BlockStore) -> None:
    """Blocks are removed only under the lock: while others write, nobody knows what is live."""
    with pytest.raises(RuntimeError):
        blocks.collect([])


@settings(deadline=None, max_examples=20)
@given(TREES | WIDE, VERSIONS, st.data())
def test_what_is_missing_is_told(tree: Tree, version: int, data: st.DataObject) -> None:
    """A tree is complete, or its missing blocks are named."""
    with tempfile.TemporaryDirectory() as place:
        blocks = BlockStore(Path(place))
        root = build(tree, blocks.put, version=version).cid
        assert blocks.missing(root) == []
        lost = data.draw(st.sets(st.sampled_from(list(blocks)), min_size=1))
        for digest in lost:
            blocks.delete(Cid(Codec.DAG_PB, digest))
        missing = blocks.missing(root)
        assert missing
        assert {cid.digest for cid in missing} <= lost
        assert blocks.missing(root, most=1) == missing[:1]


def test_what_is_refused_is_not_complete(blocks: BlockStore) -> None:
    """A tree over its limits, or without sense, is refused with one of our errors."""
    root = build(Folder({"a": b"abc"}), blocks.put).cid
    with pytest.raises(ContentRefused):
        blocks.missing(root, TreeLimits(size=2))
    bad = attrs.evolve(raw(b"garbage", blocks.put).cid, codec=Codec.DAG_PB)
    with pytest.raises(ContentRefused):
        blocks.missing(bad)


# --- at the same time -------------------------------------------------------------------------------------


def test_writers_do_not_wait_for_each_other(blocks: BlockStore) -> None:
    """Any number of writers may write at the same time."""
    other = BlockStore(blocks.directory)
    with blocks.writing(timeout=0), other.writing(timeout=0), blocks.writing(timeout=0):
        pass


def test_collecting_and_writing_exclude_each_other(blocks: BlockStore) -> None:
    """Neither starts before the other has ended; waiting has an end."""
    other = BlockStore(blocks.directory)
    with blocks.writing(), pytest.raises(StoreBusy), other.collecting(timeout=0.05):
        pass
    with blocks.collecting():
        with pytest.raises(StoreBusy), other.writing(timeout=0.05):
            pass
        with pytest.raises(StoreBusy), other.collecting(timeout=0):
            pass
    with other.collecting(timeout=0), pytest.raises(StoreBusy), blocks.writing(timeout=0):
        pass


def test_a_collection_waits_for_writers(blocks: BlockStore) -> None:
    """A collection that waits starts when the writer ends, and sees what was written."""
    started = threading.Event()
    seen: list[int] = []

    def collect() -> None:
        started.set()
        with blocks.collecting(timeout=600):
            seen.append(blocks.usage()[0])

    thread = threading.Thread(target=collect)
    with blocks.writing():
        thread.start()
        started.wait()
        blocks.put(CID, DATA)
        assert seen == []
    thread.join()
    assert seen == [1]


def test_many_threads_put_the_same_blocks(blocks: BlockStore) -> None:
    """Threads that put the same blocks at the same time do no harm."""
    items = [(Cid.of(data, Codec.RAW, 1), data) for data in (b"%d" % number * 999 for number in range(40))]

    def work(_: int) -> list[bytes]:
        for cid, data in items:
            blocks.put(cid, data)
        return [blocks.get(cid) for cid, _ in items]

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(work, range(4))) == [[data for _, data in items]] * 4
    assert len(files(blocks)) == len(items)


PUBLISHER = """
import sys
from pathlib import Path
from mpi_actors.content.formats.importer import FileBuilder
from mpi_actors.content.store.blocks import BlockStore
place, who, times = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
blocks = BlockStore(place / "blocks")
print("ready", flush=True)
sys.stdin.readline()
for number in range(times):
    with blocks.writing():
        builder = FileBuilder(blocks.put, chunk=10, links=3)
        # half of it is new, and half the same for all
        builder.add(b"same for all of them".ljust(100) + b"%d %d" % (who, number))
        cid = builder.finish().cid
        (place / "pins" / str(cid)).touch()
"""


def test_processes_publish_while_another_collects(tmp_path: Path) -> None:
    """However publishing and collecting coincide, what was published is complete at the end."""
    pins = tmp_path / "pins"
    pins.mkdir()
    blocks = BlockStore(tmp_path / "blocks")
    command = [sys.executable, "-c", PUBLISHER, str(tmp_path)]
    publishers = [
        subprocess.Popen([*command, str(who), "15"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for who in (1, 2)
    ]
    try:
        for publisher in publishers:
            assert publisher.stdout is not None
            assert publisher.stdout.readline() == b"ready\n"
        for publisher in publishers:
            assert publisher.stdin is not None
            publisher.stdin.write(b"go\n")
            publisher.stdin.flush()
        ended = False
        while not ended:
            ended = all(publisher.poll() is not None for publisher in publishers)
            with blocks.collecting(timeout=600):
                blocks.collect(Cid.parse(path.name) for path in pins.iterdir())
    finally:
        for publisher in publishers:
            publisher.kill()
            publisher.communicate()
    assert [publisher.returncode for publisher in publishers] == [0, 0]
    roots = [Cid.parse(path.name) for path in pins.iterdir()]
    assert len(roots) == 30
    assert all(blocks.missing(root) == [] for root in roots)
    assert all(blocks.get(Cid(Codec.RAW, digest, 1)) for digest in blocks)
