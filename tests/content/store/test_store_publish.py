"""Directories on disk are published as Kubo does it, or refused."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aleph_cid
import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from store_harness import write

from mpi_actors.content.formats import dagpb
from mpi_actors.content.formats.cid import Cid
from mpi_actors.content.formats.limits import CHUNK, TreeLimits
from mpi_actors.content.store.backend import Added, TransferProgress
from mpi_actors.content.store.publish import Stopped, publish
from mpi_actors.errors import BadStore

VECTORS: dict[str, Any] = json.loads(
    (Path(__file__).resolve().parents[2] / "support" / "vectors_unixfs.json").read_text()
)
"""What Kubo makes of files and directories."""

VERSIONS = pytest.mark.parametrize("version", [0, 1])

NAMES = st.sampled_from(
    ["a", "A", "a b", "é", "e\u0301", "😀", "z" * 255, "\\", "\n", "-r", "a.b", "__pycache__"]
)
FILES = st.binary(max_size=50) | st.integers(CHUNK - 1, CHUNK + 1).map(bytes)
TREES = st.recursive(
    st.dictionaries(NAMES, FILES, min_size=1, max_size=4),
    lambda inner: st.dictionaries(NAMES, FILES | inner, min_size=1, max_size=4),
    max_leaves=6,
)


def drop(cid: Cid, block: bytes) -> None:
    """Take a block and forget it."""


def refuse(cid: Cid, block: bytes) -> None:
    """Fail: no block should come."""
    pytest.fail("something was read")


def make(directory: Path, content: dict[str, Any]) -> None:
    """Make a tree."""
    directory.mkdir()
    for name, inside in content.items():
        if isinstance(inside, dict):
            make(directory / name, inside)
        else:
            (directory / name).write_bytes(inside)


def make_known(directory: Path) -> Path:
    """Make the known tree."""
    directory.mkdir()
    for path, inside in VECTORS["tree"]["entries"].items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if inside is None:
            target.mkdir()
        elif isinstance(inside, int):
            target.write_bytes(hashlib.shake_128(str(inside).encode()).digest(inside))
        else:
            target.write_text(inside)
    return directory


def test_known_tree_with_all_its_entries(tmp_path: Path) -> None:
    """Each entry has the identifier that Kubo gives it, and is reported as Kubo prints it."""
    told: list[Added] = []
    root = publish(make_known(tmp_path / "store"), drop, on_added=told.append)
    assert {entry.path: str(entry.cid) for entry in told} == VECTORS["tree"]["v0"]
    assert [entry.path.removeprefix("store/") for entry in told] == [
        *("README.txt", "echo/data/B", "echo/data/a", "echo/data/é.bin", "echo/init.py", "empty.txt"),
        *("zz/deep/er/x", "echo/data", "echo", "nothing", "zz/deep/er", "zz/deep", "zz", "store"),
    ]
    assert told[-1] == root
    sizes = {entry.path: entry.size for entry in told}
    assert sizes["store/echo/data"] == 300_002
    assert root.size == sum(size for path, size in sizes.items() if (tmp_path / path).is_file())


def test_known_tree_in_version_1(tmp_path: Path) -> None:
    """With identifiers of version 1, the root is Kubo's."""
    root = publish(make_known(tmp_path / "store"), drop, cid_version=1)
    assert str(root.cid) == VECTORS["tree"]["v1_raw_leaves_root"]


@settings(deadline=None, max_examples=50)
@given(TREES, st.sampled_from([0, 1]))
def test_any_tree_as_another_program_does_it(content: dict[str, Any], version: int) -> None:
    """Any directory has the identifier that another implementation gives it."""
    with tempfile.TemporaryDirectory() as directory:
        make(Path(directory) / "tree", content)
        root = publish(Path(directory) / "tree", drop, cid_version=version)
        assert str(root.cid) == aleph_cid.hash_folder(f"{directory}/tree", cid_version=version)


@VERSIONS
def test_large_directory_is_told_in_its_own_order(tmp_path: Path, version: int) -> None:
    """Directories in a sharded one are reported in the order of its shards, as Kubo does."""
    case = VECTORS["order"]
    (tmp_path / "large").mkdir()
    numbers = {}
    for number in range(case["n"]):
        name = hashlib.sha256(str(number).encode()).hexdigest().ljust(case["width"], "-")
        numbers[name] = number
        if number % 100 == 7:
            write(tmp_path / "large" / name, {"f": str(number)})
        else:
            (tmp_path / "large" / name).write_text(str(number % 10))
    told: list[Added] = []
    root = publish(tmp_path / "large", drop, cid_version=version, on_added=told.append)
    assert str(root.cid) == case[f"v{version}"]
    folders = [numbers[entry.path.removeprefix("large/")] for entry in told[-11:-1]]
    assert folders == case["order"] != sorted(folders)


def test_blocks_come_before_those_that_link_to_them(tmp_path: Path) -> None:
    """A block is put after all blocks below it, and the root is the last."""
    seen: set[Cid] = set()
    order: list[Cid] = []

    def put(cid: Cid, block: bytes) -> None:
        assert cid.matches(block)
        assert all(link.cid in seen for link in dagpb.decode(block).links)
        seen.add(cid)
        order.append(cid)

    assert publish(make_known(tmp_path / "store"), put).cid == order[-1]


@VERSIONS
@pytest.mark.parametrize("vector", VECTORS["links"]["cases"], ids=lambda vector: vector["target"])
def test_link_is_not_followed(tmp_path: Path, version: int, vector: dict[str, Any]) -> None:
    """A link is published as a link, whether its target exists or not."""
    (tmp_path / "l").mkdir()
    (tmp_path / "l" / "link").symlink_to(vector["target"])
    told: list[Added] = []
    publish(tmp_path / "l", drop, cid_version=version, on_added=told.append)
    assert [(str(entry.cid), entry.path) for entry in told] == [
        (vector[f"v{version}"], "l/link"),
        (vector[f"directory_v{version}"], "l"),
    ]


def test_root_may_be_a_link(tmp_path: Path) -> None:
    """If the directory to publish is a link, it is followed, and the link's own name is reported."""
    write(tmp_path / "real", {"a": "x"})
    (tmp_path / "name").symlink_to("real")
    assert publish(tmp_path / "name", drop) == attrs.evolve(publish(tmp_path / "real", drop), path="name")


@pytest.mark.parametrize(
    ("path", "name"),
    [("one/two", "two"), ("one/two/", "two"), (".", "here"), ("..", "above"), ("one/..", "here")],
)
def test_name_of_the_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str, name: str) -> None:
    """Paths begin with the directory's own name, however the caller wrote its path."""
    write(tmp_path / "above" / "here" / "one" / "two", {"f": ""})
    monkeypatch.chdir(tmp_path / "above" / "here")
    told: list[Added] = []
    assert publish(Path(path), drop, on_added=told.append).path == name
    assert all(entry.path.split("/")[0] == name for entry in told)


def test_hidden_things_are_left_out(tmp_path: Path) -> None:
    """Entries that begin with a dot are not looked at, unless one is the directory itself."""
    write(tmp_path / ".tree", {"a": "x", ".b": "y", ".c/d": "z", "e/.f": "u"})
    os.mkfifo(tmp_path / ".tree" / ".pipe")
    (tmp_path / ".tree" / os.fsdecode(b".\xff")).touch()
    told: list[Added] = []
    publish(tmp_path / ".tree", drop, on_added=told.append)
    assert [entry.path for entry in told] == [".tree/a", ".tree/e", ".tree"]


def pipe(path: Path) -> None:
    """Make a pipe."""
    os.mkfifo(path)


def unix_socket(path: Path) -> None:
    """Make a socket."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def not_utf_8(path: Path) -> None:
    """Make a file whose name is not UTF-8."""
    path.with_name(os.fsdecode(b"\xff")).touch()


def to_not_utf_8(path: Path) -> None:
    """Make a link whose target is not UTF-8."""
    path.symlink_to(os.fsdecode(b"\xff"))


@pytest.mark.parametrize(
    "spoil", [pipe, unix_socket, not_utf_8, to_not_utf_8], ids=lambda spoil: str(spoil.__name__)
)
def test_what_cannot_be_published_is_found_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spoil: Callable[[Path], None]
) -> None:
    """If any entry is refused, nothing is read; the message can be printed."""
    monkeypatch.chdir(write(tmp_path / "s", {"a": "x", "z/a": "y"}))
    spoil(Path("z/bad"))
    with pytest.raises(BadStore) as caught:
        publish(tmp_path / "s", refuse)
    assert "s/z/" in str(caught.value).encode().decode()


def test_no_directory(tmp_path: Path) -> None:
    """A path without a directory is refused."""
    (tmp_path / "file").touch()
    (tmp_path / "loop").symlink_to("loop")
    for name in ("absent", "file", "loop"):
        with pytest.raises(BadStore, match=f"cannot read .*{name}"):
            publish(tmp_path / name, refuse)


@pytest.mark.parametrize("name", ["file", "folder"])
def test_unreadable(tmp_path: Path, name: str) -> None:
    """An entry that may not be read is named."""
    write(tmp_path / "s", {"file": "x", "folder/a": "y"})
    (tmp_path / "s" / name).chmod(0)
    if os.access(tmp_path / "s" / name, os.R_OK):
        pytest.skip("whoever runs this may read everything")
    try:
        with pytest.raises(BadStore, match=f"cannot read .*{name}"):
            publish(tmp_path / "s", drop)
    finally:
        (tmp_path / "s" / name).chmod(0o700)


def grow(path: Path) -> None:
    """Append to a file."""
    with path.open("ab") as file:
        file.write(b"more")


def shrink(path: Path) -> None:
    """Make a file shorter."""
    os.truncate(path, 1)


def remove(path: Path) -> None:
    """Remove a file."""
    path.unlink()


def replace_by_pipe(path: Path) -> None:
    """Put a pipe in a file's place."""
    path.unlink()
    os.mkfifo(path)


def replace_by_link(path: Path) -> None:
    """Put a link in a file's place."""
    path.unlink()
    path.symlink_to("/etc/hostname")


CHANGES = pytest.mark.parametrize(
    ("change", "message"),
    [
        (grow, "has changed its size"),
        (shrink, "has changed its size"),
        (remove, "cannot read"),
        (replace_by_pipe, "is no longer a file"),
        (replace_by_link, "cannot read"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)


@CHANGES
@pytest.mark.parametrize("size", [100, 2 * CHUNK])
def test_file_that_changes_before_it_is_read(
    tmp_path: Path, change: Callable[[Path], None], message: str, size: int
) -> None:
    """A file that changes after the scan is not published."""
    write(tmp_path / "s", {"a": "x", "b": bytes(size)})
    with pytest.raises(BadStore, match=f"(?s){message}.*b|b.*{message}"):
        publish(tmp_path / "s", drop, on_added=lambda added: change(tmp_path / "s" / "b"))


@pytest.mark.parametrize("change", [grow, shrink])
def test_file_that_changes_while_it_is_read(tmp_path: Path, change: Callable[[Path], None]) -> None:
    """A file that changes while it is read is not published."""
    write(tmp_path / "s", {"b": bytes(3 * CHUNK)})
    with pytest.raises(BadStore, match="has changed its size while"):
        publish(tmp_path / "s", lambda cid, block: change(tmp_path / "s" / "b"))


@pytest.mark.parametrize(
    ("limits", "enough"),
    [
        (TreeLimits(entries=3), TreeLimits(entries=4)),
        (TreeLimits(depth=2), TreeLimits(depth=3)),
        (TreeLimits(size=2), TreeLimits(size=3)),
    ],
    ids=["entries", "depth", "size"],
)
def test_limits(tmp_path: Path, limits: TreeLimits, enough: TreeLimits) -> None:
    """A tree beyond a limit is refused before anything is read; one that just reaches it is not."""
    write(tmp_path / "s", {"a": "x", "b/c/d": "yz"})
    with pytest.raises(BadStore, match=r"over 3 entries|more than 2"):
        publish(tmp_path / "s", refuse, limits=limits)
    publish(tmp_path / "s", drop, limits=enough)


def test_names_with_the_same_hash(tmp_path: Path) -> None:
    """A large directory that cannot be sharded is refused like others that cannot be published."""
    names = [f"{number:03}".ljust(255, "-") for number in range(910)]
    write(tmp_path / "s", dict.fromkeys([*names, "the-first-name-1", "n\x1e@H:(vz\x04$<wNqC\x14"], ""))
    with pytest.raises(BadStore, match=r"s' cannot be published: .*the same hash"):
        publish(tmp_path / "s", drop)


def test_progress(tmp_path: Path) -> None:
    """Progress only grows, knows the total, is not reported for each piece, and ends at the total."""
    write(tmp_path / "s", {"a": bytes(5 * 1024 * 1024 + 1), "b/c": b"x" * 10, ".d": b"y"})
    told: list[TransferProgress] = []
    root = publish(tmp_path / "s", drop, on_progress=told.append)
    assert told[-1] == TransferProgress(root.size, root.size)
    assert {progress.total for progress in told} == {root.size}
    assert sorted({progress.done for progress in told}) == [progress.done for progress in told]
    assert 2 < len(told) < 8


def test_progress_of_nothing(tmp_path: Path) -> None:
    """The end of an empty directory is reported, too."""
    (tmp_path / "s").mkdir()
    told: list[TransferProgress] = []
    assert publish(tmp_path / "s", drop, on_progress=told.append).size == 0
    assert told == [TransferProgress(0, 0)]


def open_files() -> Iterator[str]:
    """Yield the paths of all files that this process has open."""
    for number in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            yield os.readlink(f"/proc/self/fd/{number}")


def test_stopped_at_any_moment(tmp_path: Path) -> None:
    """When `stopped` returns true, wherever that is, the work ends soon and leaves no file open."""
    write(tmp_path / "s", {"a": bytes(2 * CHUNK), "b/c/d": "x"})
    (tmp_path / "s" / "e").symlink_to("a")
    for asked in range(1000):
        answers = iter([False] * asked)
        try:
            publish(tmp_path / "s", drop, stopped=lambda: next(answers, True))  # noqa: B023
        except Stopped:
            assert not [path for path in open_files() if path.startswith(str(tmp_path))]
        else:
            break
    assert 8 < asked < 20


def test_what_put_raises_comes_out(tmp_path: Path) -> None:
    """An error of `put`, such as a full disk, comes out as it is."""

    class Full(Exception):
        pass

    def put(cid: Cid, block: bytes) -> None:
        raise Full

    with pytest.raises(Full):
        publish(write(tmp_path / "s", {"a": "x"}), put)
