"""Scanning, comparing, copying and removing directory trees."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_harness import write

from mpi_actors.content.store import tree
from mpi_actors.content.store.tree import TreeEntry, TreeEntryKind
from mpi_actors.errors import BadStore

NAMES = st.sampled_from(["a", "b", "a-b", "a.py", "ä", ".hidden", "__pycache__", "m.pyc"])
FILES = st.tuples(st.binary(max_size=20), st.booleans())
TREES = st.recursive(
    st.dictionaries(NAMES, FILES, max_size=3),
    lambda inner: st.dictionaries(NAMES, FILES | inner, max_size=3),
    max_leaves=6,
)


def make(directory: Path, content: dict[str, object], order: int = 1) -> None:
    """Make a tree; its entries may be made in either order."""
    directory.mkdir()
    for name, inside in list(content.items())[::order]:
        match inside:
            case dict():
                make(directory / name, inside, order)
            case (bytes(data), executable):
                (directory / name).write_bytes(data)
                (directory / name).chmod(0o755 if executable else 0o644)


def visible(content: dict[str, object]) -> dict[str, object]:
    """Return a tree without what does not count."""
    return {
        name: visible(inside) if isinstance(inside, dict) else inside
        for name, inside in content.items()
        if name not in (".hidden", "__pycache__", "m.pyc")
    }


def digest(directory: Path) -> str:
    """Return the digest of a directory as it is now."""
    return tree.digest(directory, tree.scan(directory))


@settings(max_examples=60, deadline=None)
@given(TREES, TREES)
def test_digests_are_equal_for_equal_trees_only(one: dict[str, object], other: dict[str, object]) -> None:
    """Digests differ exactly if what counts in the trees differs, however they were made."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        make(root / "one", one)
        make(root / "again", one, -1)
        make(root / "other", other)
        assert digest(root / "one") == digest(root / "again")
        assert (digest(root / "one") == digest(root / "other")) == (visible(one) == visible(other))


@settings(max_examples=40, deadline=None)
@given(TREES)
def test_copies_are_equal(content: dict[str, object]) -> None:
    """A copy has the same digest and size, and nothing that does not count."""
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        make(root / "one", content)
        entries = tree.scan(root / "one")
        tree.copy(root / "one", entries, root / "copy")
        assert tree.scan(root / "copy") == entries
        assert digest(root / "copy") == digest(root / "one")
        assert tree.measure(root / "copy") == tree.size_of(entries)


def test_the_digest_is_stable(tmp_path: Path) -> None:
    """The digest is the same in every release and on every machine, or pools would fall apart."""
    root = write(tmp_path / "t", {"run.py": "print(1)\n", "lib/x.py": ""})
    (root / "run.py").chmod(0o744)
    (root / "link").symlink_to("lib/x.py")
    assert digest(root) == "f20fc4acc3c91362e4ae3bb227bb68976ef703f55d8d65c6b54098cde8fa7b46"


def test_scan(tmp_path: Path) -> None:
    """Entries come with their kinds, sorted, each directory first; hidden ones are left out."""
    root = write(tmp_path / "t", {"b": "xyz", "a/c": "", ".git/x": "", "a/__pycache__/c.pyc": "", "a/.x": ""})
    (root / "b").chmod(0o700)
    (root / "a" / "up").symlink_to("../b")
    assert tree.scan(root) == (
        TreeEntry("a", TreeEntryKind.DIRECTORY),
        TreeEntry("a/c", TreeEntryKind.FILE),
        TreeEntry("a/up", TreeEntryKind.LINK, target="../b"),
        TreeEntry("b", TreeEntryKind.EXECUTABLE, 3),
    )


@pytest.mark.parametrize("target", ["..", "../secret", "/etc/passwd", "a/../../secret", "around/../secret"])
def test_links_that_lead_out(tmp_path: Path, target: str) -> None:
    """A link out of the tree is refused, even if it leads out by another link."""
    root = write(tmp_path / "t", {"a/b/c": ""})
    (tmp_path / "secret").write_text("x")
    (root / "a" / "b" / "around").symlink_to("../..")
    place = root / "a" / "b" if target.startswith("around") else root
    (place / "link").symlink_to(target)
    with pytest.raises(BadStore, match="link' leads out of"):
        tree.scan(root)


def test_absolute_links(tmp_path: Path) -> None:
    """An absolute link is refused even if it stays inside: a copy of it would lead to the original."""
    root = write(tmp_path / "t", {"a": ""})
    (root / "link").symlink_to(root / "a")
    with pytest.raises(BadStore, match="leads out of"):
        tree.scan(root)


@pytest.mark.parametrize("target", ["a", "a/../a/b", "nothing", "link", "."])
def test_links_inside(tmp_path: Path, target: str) -> None:
    """A link inside the tree is kept as it is, even if it leads nowhere."""
    root = write(tmp_path / "t", {"a/b": ""})
    (root / "link").symlink_to(target)
    entries = tree.scan(root)
    tree.copy(root, entries, tmp_path / "copy")
    assert os.readlink(tmp_path / "copy" / "link") == target
    assert tree.scan(tmp_path / "copy") == entries


def test_special_files(tmp_path: Path) -> None:
    """Pipes and sockets are refused, and block nobody."""
    os.mkfifo(write(tmp_path / "pipe", {}) / "x")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(write(tmp_path / "socket", {}) / "x"))
    for name in ("pipe", "socket"):
        for look in (tree.scan, tree.measure):
            with pytest.raises(BadStore, match="'x' is a device, pipe or socket"):
                look(tmp_path / name)


def test_a_pipe_in_the_place_of_a_file(tmp_path: Path) -> None:
    """A file that became a pipe after the scan is refused, and blocks nobody."""
    root = write(tmp_path / "t", {"a": "x"})
    entries = tree.scan(root)
    (root / "a").unlink()
    os.mkfifo(root / "a")
    with pytest.raises(BadStore, match="is no longer a file"):
        tree.digest(root, entries)
    with pytest.raises(BadStore, match="is no longer a file"):
        tree.copy(root, entries, tmp_path / "copy")


def test_a_link_in_the_place_of_a_file(tmp_path: Path) -> None:
    """A file that became a link after the scan is not followed."""
    root = write(tmp_path / "t", {"a": "x"})
    entries = tree.scan(root)
    (root / "a").unlink()
    (root / "a").symlink_to("/etc/passwd")
    with pytest.raises(BadStore, match="cannot read"):
        tree.copy(root, entries, tmp_path / "copy")


def test_a_file_that_grows_is_cut(tmp_path: Path) -> None:
    """A copy has no more bytes than were scanned."""
    root = write(tmp_path / "t", {"a": "x"})
    entries = tree.scan(root)
    (root / "a").write_text("xxxx")
    tree.copy(root, entries, tmp_path / "copy")
    assert (tmp_path / "copy" / "a").read_text() == "x"


def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many entries, or too many directories inside one another, are refused; the limits are not."""
    monkeypatch.setattr(tree, "MAX_ENTRIES", 4)
    monkeypatch.setattr(tree, "MAX_DEPTH", 3)
    assert len(tree.scan(write(tmp_path / "few", {"a/b/c": "", "a/d": ""}))) == 4
    with pytest.raises(BadStore, match="more than 4 files"):
        tree.scan(write(tmp_path / "many", {f"{number}": "" for number in range(5)}))
    with pytest.raises(BadStore, match="more than 3 directories"):
        tree.scan(write(tmp_path / "deep", {"a/b/c/d": ""}))
