"""A directory as a store of interpreters."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from store_harness import EXAMPLES, interpreter, write

from mpi_actors.depot.sources.directory import DirectoryStore, single
from mpi_actors.depot.sources.source import InterpreterSource, flaw_of
from mpi_actors.errors import BadStore


def test_the_examples() -> None:
    """The repository's examples are a store; each is as large as its files."""
    source: InterpreterSource = DirectoryStore(EXAMPLES)
    assert {"dummy", "echo", "failing", "words"} <= set(source.names())
    assert source.names() == tuple(sorted(source.names()))
    sizes = [path.stat().st_size for path in (EXAMPLES / "echo").iterdir() if path.is_file()]
    assert source.size("echo") == sum(sizes)


def test_what_counts(store: Path) -> None:
    """Only visible directories with both files are interpreters, so nothing else changes the pool."""
    interpreter(store, "echo")
    before = DirectoryStore(store)
    interpreter(store, ".hidden")
    write(store, {"README": "", "half/run.py": "", "other half/init.py": ""})
    (store / "link").symlink_to("/etc")
    after = DirectoryStore(store)
    assert before.names() == after.names() == ("echo",)
    assert before.pool == after.pool


def test_equal_stores_are_one_pool(store: Path, tmp_path: Path) -> None:
    """The pool depends on content alone: not on place, time, order or compiled files."""
    interpreter(store, "b", run="1")
    interpreter(store, "a")
    shutil.copytree(store / "a", tmp_path / "other" / "a", copy_function=shutil.copyfile)
    shutil.copytree(store / "b", tmp_path / "other" / "b")
    write(tmp_path / "other" / "b", {"__pycache__/run.pyc": "x"})
    pool = DirectoryStore(store).pool
    assert pool == DirectoryStore(tmp_path / "other").pool
    assert pool.startswith("dir-")
    assert len(pool) == 20
    assert int(pool[4:], 16) >= 0


def test_every_difference_makes_another_pool(store: Path) -> None:
    """Other content, names, permissions or interpreters make another pool; undone, the old one."""
    place = interpreter(store, "a")
    pools = [DirectoryStore(store).pool]
    (place / "run.py").write_text("1")
    pools.append(DirectoryStore(store).pool)
    (place / "run.py").chmod(0o755)
    pools.append(DirectoryStore(store).pool)
    interpreter(store, "b")
    pools.append(DirectoryStore(store).pool)
    (store / "b").rename(store / "c")
    pools.append(DirectoryStore(store).pool)
    shutil.rmtree(place)
    shutil.rmtree(store / "c")
    pools.append(DirectoryStore(store).pool)
    assert len(set(pools)) == len(pools)
    interpreter(store, "a")
    assert DirectoryStore(store).pool == pools[0]


def test_an_explicit_pool(store: Path) -> None:
    """A pool's name that the caller gives is used as it is."""
    assert DirectoryStore(store, "ours").pool == "ours"
    assert single(interpreter(store, "a"), "ours").pool == "ours"


def test_no_store(tmp_path: Path) -> None:
    """A path without a directory that can be read is refused in one line."""
    (tmp_path / "file").write_text("")
    refused = {"nothing": "there is no", "file": "is not a directory", "x" * 300: "too long", "a\0b": "null"}
    for path, why in refused.items():
        with pytest.raises(BadStore, match=why) as caught:
            DirectoryStore(tmp_path / path)
        assert str(caught.value).isprintable()


@pytest.mark.parametrize("place", ["", "echo", "echo/run.py", "echo/lib"])
def test_unreadable(store: Path, place: str) -> None:
    """An interpreter that cannot be read is refused, not left out: peers would differ unnoticed."""
    write(interpreter(store, "echo"), {"lib/x": ""})
    (store / place).chmod(0)
    if os.access(store / place, os.R_OK):
        pytest.skip("this user can read everything")
    try:
        with pytest.raises(BadStore, match=f"cannot read .*{place}.*Permission denied"):
            DirectoryStore(store)
    finally:
        (store / place).chmod(0o700)


@pytest.mark.parametrize("name", ["a,b", "a b", "a\tb", "a\nb", "a\u202eb", "a\u00a0b", "\udcff"])
def test_odd_names(store: Path, name: str) -> None:
    """An interpreter whose name could not be typed or listed is refused in one line."""
    interpreter(store, name)
    with pytest.raises(BadStore, match="cannot be an interpreter's name") as caught:
        DirectoryStore(store)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("name", ["", ".", "..", ".x", "a/b", "/a", "a\0", "a,b", "ä" * 128])
def test_flaws(name: str) -> None:
    """These texts cannot be names of interpreters."""
    assert flaw_of(name)


@pytest.mark.parametrize("name", ["echo", "multi_echo", "a.b-c", "ä" * 127, "名", "-"])
def test_names(name: str) -> None:
    """These texts can be names of interpreters."""
    assert flaw_of(name) is None


def test_an_interpreter_elsewhere(store: Path, tmp_path: Path) -> None:
    """A link to an interpreter outside the store is refused; a link inside is another name."""
    interpreter(store, "a")
    (store / "b").symlink_to("a")
    assert DirectoryStore(store).names() == ("a", "b")
    (store / "c").symlink_to(interpreter(tmp_path, "elsewhere"))
    with pytest.raises(BadStore, match="leads out of the store"):
        DirectoryStore(store)


def test_a_refused_interpreter_is_named(store: Path) -> None:
    """An error inside an interpreter names the interpreter."""
    (interpreter(store, "bad") / "data").symlink_to("/etc/passwd")
    with pytest.raises(BadStore, match="cannot use the interpreter bad: the link 'data' leads out"):
        DirectoryStore(store)


def test_single(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One directory is a store with one interpreter, by any path, whatever is beside it."""
    place = interpreter(store, "echo", run="1")
    interpreter(store, "b,d")
    source = single(place)
    assert (source.names(), source.size("echo")) == (("echo",), 1)
    monkeypatch.chdir(place)
    for same in (".", "../echo", "../echo/."):
        assert (single(Path(same)).names(), single(Path(same)).pool) == (("echo",), source.pool)
    monkeypatch.chdir(store)
    (store / "alias").symlink_to("echo")
    assert single(Path("alias")).names() == ("alias",)


def test_single_refuses(store: Path) -> None:
    """A directory that is not an interpreter is refused, and the error names the missing files."""
    for path, why in [("nothing", "there is no"), ("", "no init.py and no run.py")]:
        with pytest.raises(BadStore, match=why):
            single(store / path)
    write(store / "half", {"run.py": ""})
    with pytest.raises(BadStore, match=r"it has no init\.py$"):
        single(store / "half")
    with pytest.raises(BadStore, match="cannot be an interpreter's name"):
        single(interpreter(store, "a b"))


async def test_fetch(store: Path, tmp_path: Path) -> None:
    """A fetched interpreter has the store's content, and only its owner may read it."""
    place = interpreter(store, "echo", run="1")
    (place / "run.py").chmod(0o755)
    source = DirectoryStore(store)
    await source.fetch("echo", tmp_path / "copy")
    assert {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "copy").iterdir()} == {
        "init.py": 0o600,
        "run.py": 0o700,
    }
    assert source.version("echo") == single(tmp_path / "copy").version("copy")


@pytest.mark.parametrize("change", ["content", "size", "gone"])
async def test_fetch_after_a_change(store: Path, tmp_path: Path, change: str) -> None:
    """An interpreter that changed since the store was opened is refused: it is another pool's."""
    place = interpreter(store, "echo", run="1")
    source = DirectoryStore(store)
    if change == "gone":
        shutil.rmtree(place)
    else:
        (place / "run.py").write_text("2" if change == "content" else "11")
    with pytest.raises(BadStore, match="cannot read" if change == "gone" else "has changed"):
        await source.fetch("echo", tmp_path / "copy")


async def test_it_is_open_and_keeps_nothing(store: Path) -> None:
    """A directory is open from the start, and keeps nothing for others."""
    interpreter(store, "echo")
    source = DirectoryStore(store)
    assert source.opened
    await source.open()
    await source.retain(source.version("echo"))
    assert await source.retained() == frozenset()
    await source.release(source.version("echo"))
    assert source.names() == ("echo",)
