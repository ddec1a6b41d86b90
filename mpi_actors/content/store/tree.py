"""Directory trees on disk: their entries, digests, copies and sizes. All functions block.

Hidden entries, and what Python compiles for itself, are not part of a tree: they are neither copied nor
counted in a digest.
"""

from __future__ import annotations

import enum
import hashlib
import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

from ...errors import BadStore
from .disk import READ_FLAGS

MAX_ENTRIES = 10_000
"""Files, directories and links in one tree at most: an interpreter has few, and scans must not take long."""
MAX_DEPTH = 32
"""Directories inside one another in one tree at most, so that paths stay short enough for every system."""

_COPY_CHUNK = 1 << 20
"""Bytes that are copied at a time: it bounds the memory that a copy takes."""


class TreeEntryKind(enum.Enum):
    """What an entry is. The values are part of the digest."""

    DIRECTORY = b"d"
    FILE = b"f"
    EXECUTABLE = b"x"
    LINK = b"l"


@attrs.frozen
class TreeEntry:
    """One entry of a tree."""

    path: str
    """The path from the tree's root, with "/" between names."""
    kind: TreeEntryKind
    size: int = 0
    """Bytes of a file; 0 for other kinds."""
    target: str = ""
    """Target of a link; "" for other kinds."""


def scan(root: Path) -> tuple[TreeEntry, ...]:
    """Return all entries of the tree at `root`, each directory before what is in it.

    Raises:
        BadStore: an entry cannot be read, or is a device, pipe or socket, or a link that leads out of the
            tree; or there are too many entries, or too many directories inside one another.
    """
    real_root = os.path.realpath(root)
    try:
        entries = [_entry(root, real_root, path, found) for path, found in _walk(root, everything=False)]
    except OSError as error:
        raise BadStore(_cannot_read(error, root)) from error
    return tuple(sorted(entries, key=lambda entry: os.fsencode(entry.path)))


def size_of(entries: Iterable[TreeEntry]) -> int:
    """Return the bytes of all files of a scanned tree."""
    return sum(entry.size for entry in entries)


def digest(root: Path, entries: Iterable[TreeEntry]) -> str:
    """Return a SHA-256, as 64 hexadecimal digits, of the names, kinds, bytes and targets in a scanned tree.

    Raises:
        BadStore: a file cannot be read, or is no longer a file.
    """
    whole = hashlib.sha256(b"mpi-actors tree 1\n")
    for entry in entries:
        path = os.fsencode(entry.path)
        whole.update(entry.kind.value + len(path).to_bytes(4, "big") + path)
        if entry.kind is TreeEntryKind.LINK:
            whole.update(hashlib.sha256(os.fsencode(entry.target)).digest())
        elif entry.kind is not TreeEntryKind.DIRECTORY:
            whole.update(_content_digest(root / entry.path))
    return whole.hexdigest()


def copy(root: Path, entries: Iterable[TreeEntry], destination: Path) -> None:
    """Copy a scanned tree. Only the owner may read the copy, and may write all of it.

    If a file has grown since the scan, only its former size is copied.

    Raises:
        BadStore: a file cannot be read, or is no longer a file.
        OSError: the copy cannot be written, or `destination` exists.
    """
    destination.mkdir(mode=0o700)
    for entry in entries:
        target = destination / entry.path
        match entry.kind:
            case TreeEntryKind.DIRECTORY:
                target.mkdir(mode=0o700)
            case TreeEntryKind.LINK:
                target.symlink_to(entry.target)
            case TreeEntryKind.FILE | TreeEntryKind.EXECUTABLE:
                _copy_file(root / entry.path, target, entry)


def measure(root: Path) -> int:
    """Return the bytes of all files at `root`, including hidden ones. Links are not followed.

    Raises:
        BadStore: there is a device, pipe or socket, or there are too many entries, or too many directories
            inside one another.
        OSError: a directory cannot be read.
    """
    size = 0
    for path, found in _walk(root, everything=True):
        if stat.S_ISREG(found.st_mode):
            size += found.st_size
        elif not (stat.S_ISDIR(found.st_mode) or stat.S_ISLNK(found.st_mode)):
            raise BadStore(_special(path))
    return size


def _walk(root: Path, *, everything: bool) -> Iterator[tuple[str, os.stat_result]]:
    waiting, count = [("", 1)], 0
    while waiting:
        folder, depth = waiting.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                if not everything and _skipped(entry.name):
                    continue
                count += 1
                if count > MAX_ENTRIES:
                    raise BadStore(f"{root} holds more than {MAX_ENTRIES} files. Put them into an archive.")
                path = f"{folder}/{entry.name}" if folder else entry.name
                found = entry.stat(follow_symlinks=False)
                yield path, found
                if stat.S_ISDIR(found.st_mode):
                    if depth >= MAX_DEPTH:
                        raise BadStore(f"{root} has more than {MAX_DEPTH} directories inside one another")
                    waiting.append((path, depth + 1))


def _skipped(name: str) -> bool:
    return name.startswith(".") or name == "__pycache__" or name.endswith(".pyc")


def _entry(root: Path, real_root: str, path: str, found: os.stat_result) -> TreeEntry:
    if stat.S_ISDIR(found.st_mode):
        return TreeEntry(path, TreeEntryKind.DIRECTORY)
    if stat.S_ISREG(found.st_mode):
        return TreeEntry(
            path,
            TreeEntryKind.EXECUTABLE if found.st_mode & stat.S_IXUSR else TreeEntryKind.FILE,
            found.st_size,
        )
    if not stat.S_ISLNK(found.st_mode):
        raise BadStore(_special(path))
    target = os.readlink(root / path)
    if os.path.isabs(target) or not is_inside(os.path.realpath(root / path), real_root):
        raise BadStore(f"the link {path!r} leads out of {root}. Put a copy of its target in its place.")
    return TreeEntry(path, TreeEntryKind.LINK, target=target)


def is_inside(path: str, directory: str) -> bool:
    """Whether a path is the directory or below it. Both have to be resolved."""
    return os.path.commonpath([path, directory]) == directory


def _open(path: Path) -> int:
    try:
        file = os.open(path, READ_FLAGS)
    except OSError as error:
        raise BadStore(_cannot_read(error, path)) from error
    if not stat.S_ISREG(os.fstat(file).st_mode):
        os.close(file)
        raise BadStore(f"{path} is no longer a file")
    return file


def _content_digest(path: Path) -> bytes:
    with open(_open(path), "rb") as file:
        try:
            return hashlib.file_digest(file, "sha256").digest()
        except OSError as error:
            raise BadStore(_cannot_read(error, path)) from error


def _copy_file(path: Path, target: Path, entry: TreeEntry) -> None:
    mode = 0o700 if entry.kind is TreeEntryKind.EXECUTABLE else 0o600
    with (
        open(_open(path), "rb", buffering=0) as source,
        open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode), "wb") as out,
    ):
        left = entry.size
        while left and (data := source.read(min(left, _COPY_CHUNK))):
            out.write(data)
            left -= len(data)


def _cannot_read(error: OSError, path: Path) -> str:
    return f"cannot read {error.filename or path}: {error.strerror}"


def _special(path: str) -> str:
    return f"{path!r} is a device, pipe or socket. Only files, directories and links can be installed."
