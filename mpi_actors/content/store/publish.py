"""From files to blocks: walks through a directory as `ipfs add -r` does, in the same order.

Hidden entries are left out. Links are stored as links; only the directory itself may be a link that is
followed. All functions block, and belong in a worker thread.
"""

from __future__ import annotations

import io
import os
import posixpath
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs

from ...errors import BadStore, ContentRefused
from ..formats import hamt
from ..formats.importer import Built, FileBuilder, Put, build_directory, build_symlink
from ..formats.limits import CHUNK, TreeLimits
from .backend import Added, OnAdded, OnProgress
from .disk import READ_FLAGS
from .progress import Meter


class Stopped(Exception):
    """The caller's `stopped` returned true. Blocks that were put until then are the caller's affair."""


def publish(
    directory: Path,
    put: Put,
    *,
    cid_version: int = 0,
    on_added: OnAdded | None = None,
    on_progress: OnProgress | None = None,
    limits: TreeLimits | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> Added:
    """Make the blocks of a directory, as `ipfs add -r` does, and return its root.

    Args:
        directory: what to publish; it may be a link to a directory.
        put: takes the blocks, each after the blocks that it links to.
        cid_version: 0, or 1 as with `--cid-version 1 --raw-leaves`.
        on_added: is called with each entry, in the order in which IPFS prints them: files and links as they
            are read, then directories, each after those inside, the root last.
        on_progress: is called with the bytes of files that were read: about every 0.1 %, but at most once
            each MiB, and at the end.
        limits: on the tree; by default those of `TreeLimits()`.
        stopped: is called between pieces of files; true ends the work.

    Raises:
        BadStore: nothing is there, or it is not a directory or goes over a limit; or an entry cannot be read,
            is a device, pipe or socket, has a name that is not UTF-8, or changes meanwhile.
        Stopped: `stopped` returned true.
    """
    root = _scan(directory, limits or TreeLimits(), stopped)
    meter = Meter(on_progress)
    meter.total = sum(leaf.size for leaf in _leaves(root))
    for leaf in _leaves(root):
        if leaf.target is None:
            built = _publish_file(leaf, put, cid_version, meter, stopped)
        else:
            built = build_symlink(leaf.target, put, cid_version=cid_version)
        _finish(leaf, built, on_added)
    *inner, last = _folders(root, cid_version)
    for folder in inner:
        _finish(folder, _publish_folder(folder, put, cid_version, stopped), on_added)
    added = _finish(last, _publish_folder(last, put, cid_version, stopped), on_added)
    meter.end()
    return added


@attrs.define
class _Leaf:
    """A file or link."""

    disk: bytes
    """Its path on the disk."""
    shown: str
    """Its path as `on_added` gets it."""
    size: int = 0
    """Bytes of a file when the directory was scanned."""
    target: str | None = None
    """Target of a link; None for a file."""
    built: Built | None = None


@attrs.define
class _Folder:
    """A directory. Its entries are sorted by the bytes of their names."""

    disk: bytes
    shown: str
    depth: int = 1
    entries: dict[str, _Folder | _Leaf] = attrs.field(factory=dict)
    built: Built | None = None


def _scan(directory: Path, limits: TreeLimits, stopped: Callable[[], bool]) -> _Folder:
    """Return everything that is to be published, checked without opening any file."""
    root = _Folder(os.fsencode(directory), _own_name(directory))
    waiting, count, size = [root], 0, 0
    while waiting:
        folder = waiting.pop()
        if stopped():
            raise Stopped
        for name, found in _listed(folder):
            entry = _entry(folder, name, found)
            folder.entries[name] = entry
            count += 1
            if count > limits.entries:
                raise BadStore(f"{directory} has over {limits.entries} entries. Put them into an archive.")
            if isinstance(entry, _Leaf):
                size += entry.size
                continue
            if entry.depth > limits.depth:
                raise BadStore(f"{directory} has more than {limits.depth} directories inside one another")
            waiting.append(entry)
        if size > limits.size:
            raise BadStore(f"{directory} holds more than {limits.size} bytes")
    return root


def _own_name(directory: Path) -> str:
    name = os.path.basename(os.fsencode(directory))
    if name in (b"", b".", b".."):
        name = os.path.basename(os.path.realpath(os.fsencode(directory))) or b"/"
    return name.decode("utf-8", "backslashreplace")  # it is only shown, not published


def _listed(folder: _Folder) -> list[tuple[str, os.stat_result]]:
    try:
        with os.scandir(folder.disk) as entries:
            raw = [
                (entry.name, entry.stat(follow_symlinks=False))
                for entry in entries
                if not entry.name.startswith(b".")
            ]
    except OSError as error:
        raise BadStore(_cannot_read(folder.disk, error)) from error
    raw.sort(key=lambda pair: pair[0])
    return [(_text(name, folder.disk + b"/" + name), found) for name, found in raw]


def _entry(parent: _Folder, name: str, found: os.stat_result) -> _Folder | _Leaf:
    disk, shown = parent.disk + b"/" + name.encode(), posixpath.join(parent.shown, name)
    if stat.S_ISDIR(found.st_mode):
        return _Folder(disk, shown, parent.depth + 1)
    if stat.S_ISREG(found.st_mode):
        return _Leaf(disk, shown, size=found.st_size)
    if not stat.S_ISLNK(found.st_mode):
        raise BadStore(
            f"{_show(disk)} is a device, pipe or socket. Only files, directories and links can be published."
        )
    try:
        target = os.readlink(disk)
    except OSError as error:
        raise BadStore(_cannot_read(disk, error)) from error
    return _Leaf(disk, shown, target=_text(target, disk))


def _leaves(root: _Folder) -> Iterator[_Leaf]:
    """Yield files and links, depth first."""
    waiting: list[_Folder | _Leaf] = [root]
    while waiting:
        entry = waiting.pop()
        if isinstance(entry, _Leaf):
            yield entry
        else:
            waiting.extend(reversed(entry.entries.values()))


def _folders(root: _Folder, cid_version: int) -> Iterator[_Folder]:
    """Yield directories, each after those inside; the root is the last. A sharded one orders by hashes."""
    waiting, found = [root], []
    while waiting:
        folder = waiting.pop()
        found.append(folder)
        inside = {name: entry for name, entry in folder.entries.items() if isinstance(entry, _Folder)}
        if inside and hamt.is_sharded(folder.entries, cid_version):
            waiting.extend(inside[name] for name in hamt.in_order(inside))
        else:
            waiting.extend(inside.values())
    return reversed(found)


def _publish_file(
    leaf: _Leaf, put: Put, cid_version: int, meter: Meter, stopped: Callable[[], bool]
) -> Built:
    builder, read = FileBuilder(put, cid_version=cid_version), 0
    buffer = memoryview(bytearray(CHUNK))
    with _open(leaf) as file:
        while True:
            if stopped():
                raise Stopped
            try:
                size = file.readinto(buffer)
            except OSError as error:
                raise BadStore(_cannot_read(leaf.disk, error)) from error
            read += size
            if read > leaf.size or (not size and read < leaf.size):
                raise BadStore(f"{_show(leaf.disk)} has changed its size while it was read. Try again.")
            if not size:
                return builder.finish()
            builder.add(buffer[:size])
            meter.advance(size)


def _open(leaf: _Leaf) -> io.FileIO:
    try:
        file = io.FileIO(os.open(leaf.disk, READ_FLAGS))
    except OSError as error:
        raise BadStore(_cannot_read(leaf.disk, error)) from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise BadStore(f"{_show(leaf.disk)} is no longer a file")
    return file


def _publish_folder(folder: _Folder, put: Put, cid_version: int, stopped: Callable[[], bool]) -> Built:
    if stopped():
        raise Stopped
    built = {name: entry.built for name, entry in folder.entries.items() if entry.built is not None}
    folder.entries.clear()
    try:
        return build_directory(built, put, cid_version=cid_version)
    except ContentRefused as error:
        raise BadStore(f"{_show(folder.disk)} cannot be published: {error}") from error


def _finish(entry: _Leaf | _Folder, built: Built, on_added: OnAdded | None) -> Added:
    entry.built = built
    added = Added(built.cid, entry.shown, built.size)
    if on_added is not None:
        on_added(added)
    return added


def _text(raw: bytes, path: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise BadStore(f"{_show(path)} has a name or target that is not UTF-8. Rename it.") from None


def _show(path: bytes) -> str:
    return repr(path.decode("utf-8", "backslashreplace"))


def _cannot_read(path: bytes, error: OSError) -> str:
    return f"cannot read {_show(path)}: {error.strerror}"
