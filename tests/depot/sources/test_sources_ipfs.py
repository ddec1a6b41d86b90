"""A store of interpreters in IPFS: what counts as an interpreter, and what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mpi_actors.content.formats.cid import Cid
from mpi_actors.content.formats.path import ContentPath
from mpi_actors.content.store.blocks import BlockStore
from mpi_actors.content.store.database import Database, Pins
from mpi_actors.content.store.embedded import EmbeddedBackend
from mpi_actors.depot.sources.ipfs import IpfsSource, pool_of
from mpi_actors.depot.sources.publish import SERVED, publish_store
from mpi_actors.depot.sources.source import InterpreterSource
from mpi_actors.errors import BadStore, ContentMissing

Make = Callable[..., Path]


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[EmbeddedBackend]:
    """A new backend, with no peer to ask."""
    database = Database(tmp_path / "store.db")
    yield EmbeddedBackend(BlockStore(tmp_path / "blocks"), Pins(database))
    database.close()


@pytest.fixture
def make(tmp_path: Path) -> Make:
    """Make a store of interpreters with these names."""

    def build(*names: str, where: str = "tree") -> Path:
        place = tmp_path / where
        for name in names:
            (place / name).mkdir(parents=True)
            for file in ("init.py", "run.py"):
                (place / name / file).write_text(f"# {file} of {name}\n")
        return place

    return build


async def test_only_interpreters_count(backend: EmbeddedBackend, make: Make, tmp_path: Path) -> None:
    """Files, directories without the two files and unusable names are passed over."""
    store = make("echo", "pi", "two words")
    (store / "README.md").write_text("hello\n")
    (store / "docs").mkdir()
    (store / "half").mkdir()
    (store / "half" / "run.py").write_text("")
    root = await backend.publish(store)
    source: InterpreterSource = IpfsSource(backend, ContentPath(root))
    assert (source.opened, source.names()) == (False, ())
    await source.open()
    await source.open()
    assert source.names() == ("echo", "pi")
    assert source.pool == str(root)
    cid = await backend.resolve(ContentPath(root, ("echo",)))
    assert source.version("echo") == str(cid)
    size = sum(path.stat().st_size for path in (store / "echo").iterdir())
    assert size <= source.size("echo") <= size + 300
    await source.fetch("echo", tmp_path / "installed")
    assert (tmp_path / "installed" / "run.py").read_text() == "# run.py of echo\n"
    with pytest.raises(KeyError):
        source.size("docs")


async def test_a_store_below_another_directory(backend: EmbeddedBackend, make: Make, tmp_path: Path) -> None:
    """A path names its pool, and leads to the interpreters below it."""
    make("echo", where="parent/deep/store")
    root = await backend.publish(tmp_path / "parent")
    source = IpfsSource(backend, ContentPath.parse(f"/ipfs/{root}/deep/store/"))
    await source.open()
    assert (source.names(), source.pool) == (("echo",), f"{root}/deep/store")


async def test_what_is_installed_is_kept(backend: EmbeddedBackend, make: Make, tmp_path: Path) -> None:
    """Retained versions and the top of the store survive a collection; released ones go at once."""
    root = await backend.publish(make("echo", "pi"))
    source = IpfsSource(backend, ContentPath(root))
    await source.open()
    await source.retain(source.version("echo"))
    await backend.unpin(root, "published")
    await backend.collect()
    assert await source.retained() == {source.version("echo")}
    await source.fetch("echo", tmp_path / "echo")
    with pytest.raises(ContentMissing):
        await source.fetch("pi", tmp_path / "pi")
    again = IpfsSource(backend, ContentPath(root))
    await again.open()
    assert again.names() == ("echo", "pi")
    for _ in range(2):
        await source.release(source.version("echo"))
    assert await source.retained() == frozenset()
    with pytest.raises(ContentMissing):
        await source.fetch("echo", tmp_path / "echo2")


async def test_no_store(backend: EmbeddedBackend, make: Make) -> None:
    """A file, an interpreter, a directory without interpreters and missing content have different errors."""
    root = await backend.publish(make("echo"))

    async def fails(path: ContentPath) -> str:
        source = IpfsSource(backend, path)
        with pytest.raises((BadStore, ContentMissing)) as caught:
            await source.open()
        assert not source.opened
        return f"{caught.type.__name__}: {caught.value}"

    assert "BadStore" in await fails(ContentPath(root, ("echo", "run.py")))
    assert "no interpreters" in await fails(ContentPath(root, ("echo",)))
    assert "ContentMissing" in await fails(ContentPath(root, ("none",)))
    unknown = Cid.parse("QmegFAkKMqLhv5bGwNgNr6oe1fQyNs1D8aBnznjyzTHam4")
    assert "nobody to ask" in await fails(ContentPath(unknown))


async def test_an_interpreter_that_nobody_has(backend: EmbeddedBackend, make: Make, tmp_path: Path) -> None:
    """The store opens only with the first block of each entry: an interpreter could be overlooked."""
    root = await backend.publish(make("echo", "pi"))
    pi = await backend.resolve(ContentPath(root, ("pi",)))
    BlockStore(tmp_path / "blocks").delete(pi)
    source = IpfsSource(backend, ContentPath(root))
    with pytest.raises(ContentMissing, match=str(pi)):
        await source.open()
    assert source.names() == ()


async def test_publishing_a_directory(backend: EmbeddedBackend, make: Make, tmp_path: Path) -> None:
    """A store that a daemon publishes replaces the last one; a directory that is none leaves nothing."""
    store = make("echo")
    first = await publish_store(backend, store, None)
    make("pi")
    second = await publish_store(backend, store, "mine")
    assert (first.names(), second.names(), second.pool) == (("echo",), ("echo", "pi"), "mine")
    pins = await backend.pins()
    assert [cid for cid, owners in pins.items() if SERVED in owners] == [second.path.root]
    for place in (tmp_path / "empty", store / "echo"):
        place.mkdir(exist_ok=True)
        with pytest.raises(BadStore, match="interpreter"):
            await publish_store(backend, place, None)
    assert await backend.pins() == pins


def test_the_pool_is_the_same_however_the_root_is_written() -> None:
    """Version 0 and version 1 of an identifier name the same directory."""
    old = ContentPath.parse("QmXcDjnsfnrjYanFDu6Qo8kfta1czJg6XbzGxFPGtQRGkD/a")
    new = ContentPath(Cid(old.root.codec, old.root.digest, 1), ("a",))
    assert str(new) != str(old)
    assert pool_of(old) == pool_of(new) == "QmXcDjnsfnrjYanFDu6Qo8kfta1czJg6XbzGxFPGtQRGkD/a"
