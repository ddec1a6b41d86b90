"""The embedded content backend, without a network: all its operations, and what goes wrong in them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from mpi_actors.content.formats.cid import Cid, Codec
from mpi_actors.content.formats.limits import TreeLimits
from mpi_actors.content.formats.path import ContentPath
from mpi_actors.content.store.backend import Added, ContentBackend, OnProgress, TransferProgress
from mpi_actors.content.store.blocks import BlockStore
from mpi_actors.content.store.database import Database, Pins
from mpi_actors.content.store.embedded import EmbeddedBackend
from mpi_actors.errors import BadStore, ContentMissing, ContentRefused, NotADirectory

UNKNOWN = Cid.parse("QmegFAkKMqLhv5bGwNgNr6oe1fQyNs1D8aBnznjyzTHam4")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """A new database."""
    database = Database(tmp_path / "store.db")
    yield database
    database.close()


@pytest.fixture
def blocks(tmp_path: Path) -> BlockStore:
    """A new store of blocks."""
    return BlockStore(tmp_path / "blocks")


@pytest.fixture
def backend(blocks: BlockStore, database: Database) -> EmbeddedBackend:
    """A new backend, with no peer to ask."""
    return EmbeddedBackend(blocks, Pins(database))


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small store: two interpreters, one of them larger than a block."""
    for name, size in (("echo", 10), ("pi", 600_000)):
        place = tmp_path / "tree" / name
        (place / "data").mkdir(parents=True)
        (place / "init.py").write_text("print('ok')\n")
        (place / "run.py").write_text(f"print({name!r})\n")
        (place / "data" / "x").write_bytes(os.urandom(size))
    return tmp_path / "tree"


def files(root: Path) -> dict[str, bytes]:
    """Return all files of a tree."""
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


async def test_round_trip(backend: EmbeddedBackend, tree: Path, tmp_path: Path) -> None:
    """What is published, and each part of it, can be resolved, listed and fetched again."""
    checked: ContentBackend = backend
    added: list[Added] = []
    progress: list[TransferProgress] = []
    root = await checked.publish(tree, on_added=added.append, on_progress=progress.append)
    assert (added[-1].path, added[-1].cid) == ("tree", root)
    assert progress[-1].done == progress[-1].total == sum(map(len, files(tree).values()))
    pi = await checked.resolve(ContentPath(root, ("pi",)))
    assert [(entry.name, entry.kind, entry.size) for entry in await checked.list(root)] == [
        ("echo", "directory", sum(map(len, files(tree / "echo").values()))),
        ("pi", "directory", sum(map(len, files(tree / "pi").values()))),
    ]
    await checked.fetch(root, tmp_path / "whole")
    await checked.fetch(pi, tmp_path / "part")
    assert files(tmp_path / "whole") == files(tree)
    assert files(tmp_path / "part") == files(tree / "pi")


async def test_what_is_pinned_stays(
    backend: EmbeddedBackend, blocks: BlockStore, tree: Path, tmp_path: Path
) -> None:
    """A collection removes exactly what no owner needs; `forget` does so below one root only."""
    root = await backend.publish(tree)
    echo = await backend.resolve(ContentPath(root, ("echo",)))
    pi = await backend.resolve(ContentPath(root, ("pi",)))
    await backend.pin(echo, "installed")
    assert await backend.pins() == {root: frozenset({"published"}), echo: frozenset({"installed"})}
    assert (await backend.collect()).blocks == 0
    assert await backend.unpin(root, "published")
    assert not await backend.unpin(root, "published")
    before = blocks.usage()
    await backend.forget(pi)
    assert blocks.has(root)
    assert blocks.usage()[0] < before[0]
    collected = await backend.collect()
    assert collected.blocks == 1
    assert not blocks.has(root)
    await backend.fetch(echo, tmp_path / "echo")
    assert files(tmp_path / "echo") == files(tree / "echo")
    with pytest.raises(ContentMissing, match="-peer"):
        await backend.fetch(pi, tmp_path / "pi")
    assert not (tmp_path / "pi").exists()


async def test_single_blocks_stay(backend: EmbeddedBackend, blocks: BlockStore, tree: Path) -> None:
    """An owner of single blocks keeps them, and nothing below, until it wants others."""
    root = await backend.publish(tree)
    await backend.pin_blocks([root], "store")
    await backend.unpin(root, "published")
    await backend.collect()
    assert list(blocks) == [root.digest]
    await backend.pin_blocks([], "store")
    assert (await backend.collect()).blocks == 1


async def test_pins_of_other_backends_and_of_dead_processes_do_not_count(
    backend: EmbeddedBackend, blocks: BlockStore, database: Database, tree: Path
) -> None:
    """Pins of IPFS daemons and of fetches by processes that were killed keep nothing."""
    root = await backend.publish(tree)
    await backend.unpin(root, "published")
    pins = Pins(database)
    pins.add_pin(str(root), "kubo:12D3KooWx:published")
    pins.add_pin(str(root), "fetching:999999999")
    pins.add_pin(str(UNKNOWN), f"fetching:{os.getpid()}")
    pins.add_pin("of a later release", "published")
    await backend.collect()
    assert list(blocks) == []
    assert pins.pins()[str(root)] == {"kubo:12D3KooWx:published"}
    assert str(UNKNOWN) in pins.pins()


async def test_a_damaged_block_is_had_again(
    backend: EmbeddedBackend, blocks: BlockStore, tree: Path, tmp_path: Path
) -> None:
    """A damaged block is fetched from others; without others, it is missing."""
    root = await backend.publish(tree)
    other = BlockStore(tmp_path / "other")
    leaf = max(map(_cid, blocks), key=blocks.size)
    with blocks.writing(), other.writing():
        for cid in map(_cid, blocks):
            other.put(cid, blocks.get(cid))
    path = tmp_path / "blocks" / leaf.digest.hex()[:2] / leaf.digest.hex()
    path.write_bytes(b"x" + path.read_bytes()[1:])
    with pytest.raises(ContentMissing):
        await backend.fetch(root, tmp_path / "alone")
    backend.fetcher = _Neighbour(blocks, other)
    await backend.fetch(root, tmp_path / "whole")
    assert files(tmp_path / "whole") == files(tree)


def _cid(digest: bytes) -> Cid:
    return Cid(Codec.DAG_PB, digest)


class _Neighbour:
    def __init__(self, blocks: BlockStore, other: BlockStore) -> None:
        self._blocks = blocks
        self._other = other

    async def fetch_tree(self, root: Cid, limits: TreeLimits, on_progress: OnProgress | None = None) -> None:
        await trio.lowlevel.checkpoint()
        for digest in self._other:
            self._blocks.put(_cid(digest), self._other.get(_cid(digest)))

    async def fetch_block(self, cid: Cid) -> bytes:
        await trio.lowlevel.checkpoint()
        self._blocks.put(cid, self._other.get(cid))
        return self._other.get(cid)


async def test_what_cannot_be(backend: EmbeddedBackend, tree: Path, tmp_path: Path) -> None:
    """Each impossible request has an error of its own, and leaves nothing."""
    root = await backend.publish(tree)
    file = await backend.resolve(ContentPath(root, ("echo", "run.py")))
    with pytest.raises(NotADirectory):
        await backend.list(file)
    with pytest.raises(NotADirectory):
        await backend.resolve(ContentPath(root, ("echo", "run.py", "x")))
    with pytest.raises(ContentMissing):
        await backend.resolve(ContentPath(root, ("nothing",)))
    with pytest.raises(ContentMissing):
        await backend.pin(UNKNOWN, "someone")
    with pytest.raises(ContentRefused):
        await backend.fetch(root, tmp_path / "small", limits=TreeLimits(size=1000))
    with pytest.raises(FileExistsError):
        await backend.fetch(root, tree)
    with pytest.raises(BadStore):
        await backend.publish(tmp_path / "absent")
    assert set(os.listdir(tmp_path)) == {"store.db", "store.db-shm", "store.db-wal", "blocks", "tree"}
    assert set(await backend.pins()) == {root}


async def test_cancelling(backend: EmbeddedBackend, tree: Path, tmp_path: Path) -> None:
    """A cancelled publication or fetch leaves nothing but blocks that a collection removes."""
    with trio.CancelScope() as scope:
        await backend.publish(tree, on_added=lambda _: scope.cancel())
    assert scope.cancelled_caught
    assert await backend.pins() == {}
    await backend.collect()
    root = await backend.publish(tree)
    with trio.CancelScope() as scope:
        scope.cancel()
        await backend.fetch(root, tmp_path / "to")
    assert not (tmp_path / "to").exists()
    assert await backend.pins() == {root: frozenset({"published"})}
