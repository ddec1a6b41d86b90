"""The backend for an IPFS daemon, with a real one: whatever it does, `ipfs` on the command line agrees."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import trio
from kubo_daemon import KuboDaemon, kubo_binary, running_kubo

from mpi_actors.content.formats.cid import Cid, Codec
from mpi_actors.content.formats.limits import CHUNK, LINKS, TreeLimits
from mpi_actors.content.formats.path import ContentPath
from mpi_actors.content.kubo.backend import KuboBackend, probe
from mpi_actors.content.store.backend import Added, TransferProgress
from mpi_actors.errors import (
    BackendUnavailable,
    BadStore,
    ContentMissing,
    ContentRefused,
    DialFailed,
    NotADirectory,
)

pytestmark = pytest.mark.e2e

DEADLINE = 600.0
"""Seconds after which a test counts as hung, on however slow a machine."""
STALL = 0.5
"""Seconds that a daemon searches for what nobody has."""
PATIENT = 300.0
"""Seconds that a daemon may take for what it has."""
ABSENT = Cid.of(b"nobody has ever published this", Codec.RAW, 1)
ADD = {0: ("add", "-r"), 1: ("add", "-r", "--cid-version", "1", "--raw-leaves")}


class MemoryPins:
    """Owners of pins, in memory."""

    def __init__(self) -> None:
        self.rows: set[tuple[str, str]] = set()

    def add_pin(self, cid: str, owner: str) -> None:
        self.rows.add((cid, owner))

    def remove_pin(self, cid: str, owner: str) -> bool:
        there = (cid, owner) in self.rows
        self.rows.discard((cid, owner))
        return there

    def pins(self) -> dict[str, frozenset[str]]:
        return {cid: frozenset(owner for each, owner in self.rows if each == cid) for cid, _ in self.rows}


@pytest.fixture(scope="module")
def kubo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KuboDaemon]:
    """A daemon that all tests share, so each publishes what no other does."""
    with running_kubo(tmp_path_factory.mktemp("kubo") / "shared") as daemon:
        yield daemon


@pytest.fixture
async def backend(kubo: KuboDaemon) -> AsyncIterator[KuboBackend]:
    """A backend with an empty table."""
    backend = KuboBackend(kubo.api, MemoryPins(), timeout=PATIENT, stall=PATIENT)
    with trio.fail_after(DEADLINE):
        yield backend
    backend.close()


def tree(place: Path, *, seed: int | None = None, large: bool = False) -> Path:
    """A directory of everything that there can be in one; unlike any other without a seed."""
    source = random.Random(seed)
    files = {
        "run.py": source.randbytes(1000),
        "empty": b"",
        "exactly one chunk": source.randbytes(CHUNK),
        "two chunks": source.randbytes(CHUNK + 1),
        "ünïcödé 文.txt": source.randbytes(10),
        "sub/deeper/a": source.randbytes(3),
        "sub/a": b"a",
        "sub/ab": b"a",
        ".hidden": b"hidden",
        "sub/.git/config": b"hidden",
    }
    if large:
        files["large"] = source.randbytes(CHUNK * LINKS + 5)
    for name, data in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    (place / "empty directory").mkdir()
    (place / "only hidden").mkdir()
    (place / "only hidden" / ".x").write_text("x")
    (place / "sub" / "link").symlink_to("../run.py")
    (place / "dangling").symlink_to("sub/nowhere")
    return place


def many(place: Path, count: int) -> Path:
    """A directory so large that its entries are in many blocks."""
    place.mkdir()
    source = random.Random()
    for number in range(count):
        (place / f"{number:0250d}").write_bytes(source.randbytes(5))
    return place


def contents(directory: Path) -> dict[str, bytes | str | None]:
    """Everything in a directory that is not hidden."""
    found: dict[str, bytes | str | None] = {}
    for path in directory.rglob("*"):
        names = path.relative_to(directory).parts
        if not any(name.startswith(".") for name in names):
            found["/".join(names)] = (
                os.readlink(path) if path.is_symlink() else None if path.is_dir() else path.read_bytes()
            )
    return found


def has(kubo: KuboDaemon, cid: Cid) -> bool:
    """Whether the daemon itself has a block."""
    return str(as_listed(cid)) in kubo.ipfs("refs", "local").split()


def as_listed(cid: Cid) -> Cid:
    """A block under the name by which the daemon lists it."""
    return Cid(Codec.RAW, cid.digest, 1)


def blocks(kubo: KuboDaemon, root: Cid) -> set[Cid]:
    """All blocks of a tree."""
    return {root, *map(Cid.parse, kubo.ipfs("refs", "-r", "-u", str(root)).split())}


def pinned(kubo: KuboDaemon, kind: str = "recursive") -> set[str]:
    """What is pinned, as the daemon says."""
    return set(kubo.ipfs("pin", "ls", "-q", "--type", kind).split())


# --- publishing and reading -------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 1])
async def test_publish_is_ipfs_add(
    kubo: KuboDaemon, backend: KuboBackend, tmp_path: Path, version: int
) -> None:
    """The same roots, told in the same order; it is pinned, and the daemon serves the same bytes."""
    source = tree(tmp_path / "a store", large=True)
    added: list[Added] = []
    told: list[TransferProgress] = []
    root = await backend.publish(source, cid_version=version, on_added=added.append, on_progress=told.append)
    printed = kubo.ipfs(*ADD[version], "--only-hash", source).splitlines()
    assert [f"added {each.cid} {each.path}" for each in added] == printed
    assert added[-1].cid == root
    files = [data for data in contents(source).values() if isinstance(data, bytes)]
    assert told[-1].done == told[-1].total == sum(map(len, files))
    assert str(root) in pinned(kubo)
    assert await backend.pins() == {root: frozenset({"published"})}
    kubo.ipfs("get", "-o", tmp_path / "copy", str(root))
    assert contents(tmp_path / "copy") == contents(source)
    kubo.ipfs("dag", "stat", "--progress=false", str(root))


@pytest.mark.parametrize("version", [0, 1])
async def test_large_directories(
    kubo: KuboDaemon, backend: KuboBackend, tmp_path: Path, version: int
) -> None:
    """Those in many blocks are made, listed, resolved and fetched like others."""
    source = many(tmp_path / "many", 980)
    root = await backend.publish(source, cid_version=version)
    assert str(root) == kubo.ipfs(*ADD[version], "-Q", "--only-hash", source).strip()
    entries = await backend.list(root)
    assert [entry.name for entry in entries] == sorted(contents(source))
    assert {entry.size for entry in entries} == {5}
    assert await backend.resolve(ContentPath(root, (entries[70].name,))) == entries[70].cid
    assert len(kubo.ipfs("refs", str(root)).split()) < len(entries)
    await backend.fetch(root, tmp_path / "copy")
    assert contents(tmp_path / "copy") == contents(source)


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--cid-version=1",),
        ("--raw-leaves",),
        ("--trickle",),
        ("--chunker=rabin-1000-2000-4000",),
        ("--chunker=size-1000", "--max-file-links=3"),
        ("--max-directory-links=2",),
        ("--wrap-with-directory",),
    ],
    ids=lambda options: " ".join(options) or "plain",
)
async def test_fetch_whatever_ipfs_makes(
    kubo: KuboDaemon, backend: KuboBackend, tmp_path: Path, options: tuple[str, ...]
) -> None:
    """However a tree was cut into blocks, the same bytes come back."""
    source = tree(tmp_path / "source")
    root = Cid.parse(kubo.ipfs("add", "-r", "-Q", "--pin=false", *options, source).strip())
    await backend.fetch(root, tmp_path / "copy")
    copy = tmp_path / "copy" / "source" if "--wrap-with-directory" in options else tmp_path / "copy"
    assert contents(copy) == contents(source)
    assert await backend.pins() == {}


async def test_fetch_one_file(kubo: KuboDaemon, backend: KuboBackend, tmp_path: Path) -> None:
    """A file is fetched as a file, and one that is too large not at all."""
    source = tree(tmp_path / "source")
    file = await backend.resolve(ContentPath(await backend.publish(source), ("two chunks",)))
    with pytest.raises(ContentRefused):
        await backend.fetch(file, tmp_path / "copy", limits=TreeLimits(size=CHUNK))
    await backend.fetch(file, tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == (source / "two chunks").read_bytes()


async def test_list_and_resolve(kubo: KuboDaemon, backend: KuboBackend, tmp_path: Path) -> None:
    """Sizes are bytes of files, not of blocks; what is a file, and what is not there, is told apart."""
    root = await backend.publish(tree(tmp_path / "source"))
    entries = {entry.name: entry for entry in await backend.list(root)}
    assert {(e.name, e.kind, e.size) for e in entries.values()} == {
        ("run.py", "file", 1000),
        ("empty", "file", 0),
        ("exactly one chunk", "file", CHUNK),
        ("two chunks", "file", CHUNK + 1),
        ("ünïcödé 文.txt", "file", 10),
        ("sub", "directory", 5),
        ("empty directory", "directory", 0),
        ("only hidden", "directory", 0),
        ("dangling", "link", 11),
    }
    deeper = await backend.resolve(ContentPath.parse(f"/ipfs/{root}/sub/deeper"))
    assert str(deeper) == kubo.ipfs("resolve", f"/ipfs/{root}/sub/deeper").strip().removeprefix("/ipfs/")
    assert Cid.of(await backend.block(deeper)) == deeper
    with pytest.raises(NotADirectory):
        await backend.list(entries["run.py"].cid)
    with pytest.raises(NotADirectory):
        await backend.resolve(ContentPath(root, ("run.py", "x")))
    with pytest.raises(ContentMissing):
        await backend.resolve(ContentPath(root, ("sub", "x")))


async def test_what_nobody_has(kubo: KuboDaemon, backend: KuboBackend, tmp_path: Path) -> None:
    """Every call says so, in time, and the daemon is well."""
    backend._rpc.stall = STALL
    calls: list[Callable[[], Awaitable[object]]] = [
        partial(backend.block, ABSENT),
        partial(backend.list, ABSENT),
        partial(backend.resolve, ContentPath(Cid.of(b"nor this"), ("y",))),
        partial(backend.fetch, ABSENT, tmp_path / "copy"),
        partial(backend.pin, ABSENT, "me"),
        partial(backend.pin_blocks, [ABSENT], "me"),
    ]
    for call in calls:
        with pytest.raises(ContentMissing, match="does not have"):
            await call()
    assert not os.listdir(tmp_path)
    assert await backend.pins() == {}
    await backend.forget(ABSENT)
    assert await backend.daemon()


async def test_nothing_is_published_of_what_is_refused(
    kubo: KuboDaemon, backend: KuboBackend, tmp_path: Path
) -> None:
    """A pipe, or nothing at all."""
    with pytest.raises(BadStore):
        await backend.publish(tmp_path / "nowhere")
    os.mkfifo(tree(tmp_path / "source") / "pipe")
    with pytest.raises(BadStore):
        await backend.publish(tmp_path / "source")
    assert await backend.pins() == {}


# --- pins -------------------------------------------------------------------------------------------------


async def test_pins_have_owners(kubo: KuboDaemon, backend: KuboBackend, tmp_path: Path) -> None:
    """The daemon's pin goes with the last owner."""
    root = Cid.parse(kubo.ipfs("add", "-r", "-Q", "--pin=false", tree(tmp_path / "source")).strip())
    await backend.pin(root, "one")
    await backend.pin(root, "two")
    await backend.pin(root, "one")
    assert await backend.pins() == {root: frozenset({"one", "two"})}
    assert await backend.unpin(root, "one")
    assert not await backend.unpin(root, "one")
    assert str(root) in pinned(kubo)
    assert await backend.unpin(root, "two")
    assert str(root) not in pinned(kubo)
    assert await backend.pins() == {}


@pytest.mark.parametrize("recursive", ["true", "false"])
async def test_what_a_person_pinned_stays(
    kubo: KuboDaemon, backend: KuboBackend, tmp_path: Path, recursive: str
) -> None:
    """Whoever pinned it before us still has it pinned after us, even when it was published once more."""
    source = tree(tmp_path / "source")
    root = Cid.parse(kubo.ipfs("add", "-r", "-Q", "--pin=false", source).strip())
    kubo.ipfs("pin", "add", f"--recursive={recursive}", str(root))
    await backend.pin(root, "me")
    assert await backend.publish(source) == root
    assert await backend.unpin(root, "me")
    assert await backend.unpin(root, "published")
    assert await backend.pins() == {}
    assert str(root) in pinned(kubo, "all")
    await backend.forget(root)
    assert has(kubo, root)


async def test_what_a_person_unpinned_is_no_error(
    kubo: KuboDaemon, backend: KuboBackend, tmp_path: Path
) -> None:
    """A pin of ours may be gone already."""
    root = await backend.publish(tree(tmp_path / "source"))
    kubo.ipfs("pin", "rm", str(root))
    assert await backend.unpin(root, "published")


async def test_pins_of_single_blocks(kubo: KuboDaemon, backend: KuboBackend, tmp_path: Path) -> None:
    """They keep nothing below them, and outlive a pin of the tree that they are in."""
    root = Cid.parse(kubo.ipfs("add", "-r", "-Q", "--pin=false", tree(tmp_path / "source")).strip())
    sub = await backend.resolve(ContentPath(root, ("sub",)))
    await backend.pin_blocks([root, sub], "store")
    assert pinned(kubo, "direct") >= {str(root), str(sub)}
    assert await backend.pins() == {}
    await backend.pin(root, "me")
    assert str(root) in pinned(kubo)
    await backend.pin_blocks([root, sub], "other")
    assert await backend.unpin(root, "me")
    assert pinned(kubo, "direct") >= {str(root), str(sub)}
    await backend.pin_blocks([root], "store")
    await backend.pin_blocks([], "other")
    assert str(root) in pinned(kubo, "direct")
    assert str(sub) not in pinned(kubo, "all")
    await backend.pin_blocks([], "store")
    assert str(root) not in pinned(kubo, "all")


# --- removing ---------------------------------------------------------------------------------------------


async def test_forget(kubo: KuboDaemon, backend: KuboBackend, tmp_path: Path) -> None:
    """What only that tree needed goes; what others need stays, under whatever name."""
    mine, other, shared = tree(tmp_path / "mine"), tree(tmp_path / "other"), os.urandom(20)
    for place in (mine, other):
        (place / "shared").write_bytes(shared)
        (place / "shared link").symlink_to(shared.hex())
    root = await backend.publish(mine)
    kubo.ipfs(*ADD[1], "-Q", other)
    before = blocks(kubo, root)
    await backend.forget(root)
    assert all(has(kubo, cid) for cid in before)
    await backend.unpin(root, "published")
    await backend.forget(root)
    needed = {Cid.parse(text).digest for text in pinned(kubo, "all")}
    local = {Cid.parse(text).digest for text in kubo.ipfs("refs", "local").split()}
    assert {cid.digest for cid in before} & local <= needed
    assert needed <= local
    await backend.forget(root)


async def test_forget_spares_the_daemons_own_files(
    kubo: KuboDaemon, backend: KuboBackend, tmp_path: Path
) -> None:
    """The daemon does not pin them, but a person has put them there."""
    root = await backend.publish(tree(tmp_path / "source"))
    sub = await backend.resolve(ContentPath(root, ("sub",)))
    kubo.ipfs("files", "cp", f"/ipfs/{sub}", "/kept")
    try:
        await backend.unpin(root, "published")
        await backend.forget(root)
        assert not has(kubo, root)
        assert kubo.ipfs("files", "read", "/kept/a") == "a"
    finally:
        kubo.ipfs("files", "rm", "-r", "/kept")


async def test_forget_what_is_left_of_a_tree(kubo: KuboDaemon, backend: KuboBackend, tmp_path: Path) -> None:
    """Of a tree that is not complete all goes that can be found."""
    root = await backend.publish(tree(tmp_path / "source"))
    lost = await backend.resolve(ContentPath(root, ("run.py",)))
    everything = blocks(kubo, root)
    await backend.unpin(root, "published")
    kubo.ipfs("block", "rm", str(lost))
    await backend.forget(root)
    needed = {Cid.parse(text).digest for text in pinned(kubo, "all")}
    assert not [cid for cid in everything if cid.digest not in needed and has(kubo, cid)]


async def test_collect(kubo: KuboDaemon, backend: KuboBackend, tmp_path: Path) -> None:
    """The daemon's own garbage collection: what is pinned stays."""
    kept = await backend.publish(tree(tmp_path / "kept"))
    gone = await backend.publish(tree(tmp_path / "gone"))
    await backend.unpin(gone, "published")
    collected = await backend.collect()
    assert collected.blocks >= 10
    assert collected.size >= 2 * CHUNK
    assert has(kubo, kept)
    assert not has(kubo, gone)
    assert await backend.collect() == type(collected)(0, 0)


# --- daemons that come and go -----------------------------------------------------------------------------


async def test_a_daemon_that_goes_and_comes(tmp_path: Path) -> None:
    """Calls fail by name while it is away, frozen or killed in the middle; later ones work."""
    source = tree(tmp_path / "source", large=True)
    with running_kubo(tmp_path / "kubo") as daemon, trio.fail_after(DEADLINE):
        backend = KuboBackend(daemon.api, MemoryPins(), timeout=PATIENT, stall=PATIENT)
        root = await backend.publish(source)

        await trio.to_thread.run_sync(daemon.stop)
        fetch = partial(backend.fetch, root, tmp_path / "copy")
        for call in (partial(backend.list, root), fetch, backend.collect):
            with pytest.raises(BackendUnavailable, match="ipfs daemon"):
                await call()
        await trio.to_thread.run_sync(daemon.start)
        assert await backend.pins() == {root: frozenset({"published"})}
        await backend.fetch(root, tmp_path / "copy")

        os.kill(daemon.pid, signal.SIGSTOP)
        backend._rpc.timeout = backend._rpc.stall = 1.0
        with pytest.raises(BackendUnavailable, match="overloaded"):
            await backend.list(root)
        backend._rpc.timeout = backend._rpc.stall = PATIENT
        os.kill(daemon.pid, signal.SIGCONT)
        assert await backend.list(root)

        def die(now: TransferProgress) -> None:
            if now.done > 10_000_000:
                daemon.kill()

        with pytest.raises(BackendUnavailable):
            await backend.publish(tree(tmp_path / "second", large=True), on_progress=die)
        await trio.to_thread.run_sync(daemon.start)
        assert list(await backend.pins()) == [root]
        second = await backend.publish(tmp_path / "second")
        await backend.fetch(second, tmp_path / "second copy")
        assert contents(tmp_path / "second copy") == contents(tmp_path / "second")
        backend.close()


async def test_content_that_another_node_has(tmp_path: Path) -> None:
    """The daemon gets it from a node that somebody named, also when another node dies in the middle."""
    source = tree(tmp_path / "source", large=True)
    with (
        running_kubo(tmp_path / "here") as here,
        running_kubo(tmp_path / "there") as there,
        trio.fail_after(DEADLINE),
    ):
        hasty, backend = (KuboBackend(here.api, MemoryPins(), stall=stall) for stall in (STALL, 20.0))
        root = Cid.parse(there.ipfs("add", "-r", "-Q", "--cid-version=1", source).strip())
        assert set(await backend.addresses()) == set(here.addresses())
        with pytest.raises(ContentMissing):
            await hasty.fetch(root, tmp_path / "copy")

        await backend.dial(there.addresses()[0])
        assert (await backend.list(root))[0].name == "dangling"

        def die(now: TransferProgress) -> None:
            if now.done > 5_000_000:
                there.kill()

        with pytest.raises(ContentMissing):
            await backend.fetch(root, tmp_path / "copy", on_progress=die)
        assert "copy" not in os.listdir(tmp_path)
        with pytest.raises(ContentMissing):
            await hasty.pin(root, "me")
        assert await hasty.pins() == {}

        await trio.to_thread.run_sync(there.start)
        await backend.dial(there.addresses()[0])
        await backend.pin(root, "me")
        await trio.to_thread.run_sync(there.stop)
        await backend.fetch(root, tmp_path / "copy")
        assert contents(tmp_path / "copy") == contents(source)
        hasty.close()
        backend.close()


async def test_a_daemon_without_a_network(tmp_path: Path) -> None:
    """It says at once that it does not have something."""
    with running_kubo(tmp_path / "kubo", "--offline") as daemon, trio.fail_after(DEADLINE):
        backend = KuboBackend(daemon.api, MemoryPins(), stall=1000.0)
        root = await backend.publish(tree(tmp_path / "source"))
        await backend.fetch(root, tmp_path / "copy")
        for call in (partial(backend.block, ABSENT), partial(backend.pin, ABSENT, "me")):
            with pytest.raises(ContentMissing):
                await call()
        with pytest.raises(DialFailed, match="online"):
            await backend.dial("/ip4/127.0.0.1/tcp/1/p2p/" + (await backend.daemon()).peer)
        backend.close()


async def test_probe(kubo: KuboDaemon) -> None:
    """It tells the version that the program has."""
    found = await probe(kubo.api)
    assert found.version == kubo.ipfs("version", "-n").strip()
    assert found.peer == kubo.peer()
    assert kubo_binary().exists()
