"""From blocks to files: puts a tree on a disk, or lists what is in one. All functions block.

Blocks come from strangers. Whatever they say, nothing is written outside of the place that the caller names,
and a tree that cannot be written exactly is not written at all.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from ...errors import BadBlock, ContentRefused
from ..formats import visit
from ..formats.cid import Cid
from ..formats.limits import Budget, TreeLimits
from ..formats.links import check_links
from ..formats.path import ContentPath
from ..formats.reader import interpret, stored_size
from ..formats.subtree import TreeKind
from ..formats.visit import FoundDirectory, FoundFile, FoundLink, Get, Names
from ..formats.walk import Walk
from . import tree
from .backend import DirectoryEntry, EntryKind, OnProgress
from .disk import disk_full, tells_full
from .progress import Meter
from .publish import Stopped

_NEW_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_BUFFER_SIZE = 64 * 1024
"""Bytes that are collected before they are written: small pieces should not cost a system call each."""
_MAX_NAME_SHOWN = 40
"""Characters of a destination's name that begin the name of the temporary directory: for a person who finds
one, and short enough for every file system."""
_KINDS: dict[TreeKind, EntryKind] = {
    TreeKind.FILE: "file",
    TreeKind.DIRECTORY: "directory",
    TreeKind.SHARD: "directory",
    TreeKind.LINK: "link",
}

_log = logging.getLogger(__name__)


def export(
    cid: Cid,
    get: Get,
    destination: Path,
    *,
    limits: TreeLimits | None = None,
    on_progress: OnProgress | None = None,
    stopped: Callable[[], bool] = lambda: False,
) -> None:
    """Put a file or directory at `destination`, entirely or not at all.

    Links in a directory are made if they do not lead out of it. A link alone is refused.

    Args:
        cid: what to put there.
        get: returns its blocks, each of which it has checked.
        destination: where to put it; the directory above must exist.
        limits: on the tree; by default those of `TreeLimits()`.
        on_progress: is called with the bytes of blocks that were read: about every 0.1 %, but at most once
            each MiB, and at the end.
        stopped: is called between blocks; true ends the work.

    Raises:
        ContentMissing: `get` does not have a block.
        ContentRefused: the tree goes over a limit, makes no sense, has a name that cannot be used, has two
            names that the file system does not tell apart, or has a link that leads out of it.
        DiskFull: the disk has no room for it.
        FileExistsError: `destination` exists.
        OSError: `destination` cannot be written.
        Stopped: `stopped` returned true.
    """
    _require_absent(destination)
    source = _Source(get, on_progress, stopped)
    try:
        with _temporary(destination) as place:
            _write_tree(visit.visit(cid, source.get, limits or TreeLimits()), place)
            source.end()
            _move(place, destination)
    except BadBlock as error:
        raise ContentRefused(str(error)) from error
    except OSError as error:
        if tells_full(error):
            raise disk_full(destination.parent) from error
        raise


class _Source:
    """Gets blocks, and reports how many bytes they have."""

    def __init__(self, get: Get, on_progress: OnProgress | None, stopped: Callable[[], bool]) -> None:
        self._get = get
        self._meter = Meter(on_progress)
        self._stopped = stopped

    def get(self, cid: Cid) -> bytes:
        """Return the next block."""
        if self._stopped():
            raise Stopped
        block = self._get(cid)
        if self._meter.total is None:  # the root says how large the tree is
            self._meter.total = stored_size(interpret(cid, block), block)
        self._meter.advance(len(block))
        return block

    def end(self) -> None:
        """Report that all blocks have been read."""
        self._meter.end()


# --- writing ----------------------------------------------------------------------------------------------


def _require_absent(destination: Path) -> None:
    if os.path.lexists(destination):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(destination))


@contextlib.contextmanager
def _temporary(destination: Path) -> Iterator[Path]:
    """Make a private directory beside `destination`; yield a place in it for a new file or directory."""
    name = f".{destination.name[:_MAX_NAME_SHOWN]}.{secrets.token_hex(8)}.part"
    around = destination.parent / name
    around.mkdir(mode=0o700)
    try:
        yield around / "tree"
    finally:
        try:
            shutil.rmtree(around)
        except OSError as error:  # the error that ended the export matters more
            _log.warning("cannot remove %s: %s", around, error)


def _write_tree(entries: Iterator[visit.Found], place: Path) -> None:
    links: dict[Names, str] = {}
    for entry in entries:
        path = os.path.join(place, *entry.names)
        match entry:
            case FoundDirectory():
                with _new(entry.names):
                    os.mkdir(path)
            case FoundFile():
                with _new(entry.names):
                    file = os.open(path, _NEW_FLAGS, 0o666)
                _write_file(file, entry)
            case FoundLink(names, target):
                if not names:
                    raise ContentRefused("it is only a symbolic link, which would lead out of its directory")
                links[names] = target
    # as long as there are no links, every path into the tree leads through directories that we made
    check_links(links)
    _make_links(links, place)


def _make_links(links: dict[Names, str], place: Path) -> None:
    for names, target in links.items():
        with _new(names):
            os.symlink(target, os.path.join(place, *names))
    # on a file system that takes different names for equal, the links may lead elsewhere
    real = os.path.realpath(place)
    for names in links:
        if not tree.is_inside(os.path.realpath(os.path.join(place, *names)), real):
            raise ContentRefused(f"the link {'/'.join(names)[:200]!r} leads out of its directory")


def _write_file(file: int, entry: FoundFile) -> None:
    written = 0
    with open(file, "wb", buffering=_BUFFER_SIZE) as out:
        for piece in entry.pieces:
            written += out.write(piece)
    if written != entry.size:
        raise ContentRefused(f"{_shown(entry.names)} has {written} bytes, and should have {entry.size}")


@contextlib.contextmanager
def _new(names: Names) -> Iterator[None]:
    """Turn errors that come from an entry's name into ContentRefused."""
    try:
        yield
    except FileExistsError:
        text = f"the file system here takes {_shown(names)} and another name for equal"
        raise ContentRefused(text) from None
    except UnicodeEncodeError:
        raise ContentRefused(f"no file here can have the name {_shown(names)}") from None
    except OSError as error:
        if error.errno in (errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL):
            text = f"the file system here cannot take {_shown(names)}: {error.strerror}"
            raise ContentRefused(text) from error
        raise


def _shown(names: Names) -> str:
    return repr("/".join(names)[:200]) if names else "it"


def _move(place: Path, destination: Path) -> None:
    """Move what is finished to `destination`, if nothing is there."""
    if place.is_dir():
        _require_absent(destination)  # rename would replace an empty directory
        place.rename(destination)
        return
    try:
        os.link(place, destination)  # unlike rename, it replaces nothing
    except OSError as error:
        if error.errno not in (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS):
            raise
        _require_absent(destination)
        place.rename(destination)


# --- reading ----------------------------------------------------------------------------------------------


def resolve(path: ContentPath, get: Get) -> Cid:
    """Return the identifier of what is at a path.

    Only the directories on the way are read, and of large directories only the parts that are needed.

    Raises:
        ContentMissing: `get` does not have a block on the way, or there is no such entry.
        ContentRefused: a directory on the way makes no sense, or has a name that cannot be used.
        NotADirectory: there is a file or link on the way; links are not followed.
    """
    try:
        return visit.resolve(path, get)
    except BadBlock as error:
        raise ContentRefused(str(error)) from error


def list_directory(cid: Cid, get: Get, *, limits: TreeLimits | None = None) -> tuple[DirectoryEntry, ...]:
    """Return the entries of a directory, sorted by name. Of files below it, only the first blocks are read.

    Raises:
        ContentMissing: `get` does not have a block.
        ContentRefused: the tree goes over a limit, makes no sense, or has a name that cannot be used.
        NotADirectory: `cid` is a file or link.
    """
    limits = limits or TreeLimits()
    own: dict[Cid, bytes] = {}

    def keep(part: Cid) -> bytes:
        own[part] = get(part)
        return own[part]

    try:
        links, budget = [], Budget(limits)
        for link in visit.entries(visit.open_directory(cid, keep), keep):
            budget.add(entries=1)
            links.append(link)
        walk = Walk(cid, limits, pieces=False)
        while not walk.done:
            (part,) = walk.wanted(1)
            block = own.pop(part, None)
            walk.add_block(part, get(part) if block is None else block)
    except BadBlock as error:
        raise ContentRefused(str(error)) from error
    entries = [(link, walk.totals(link.cid)) for link in links]
    return tuple(
        DirectoryEntry(link.name, link.cid, _KINDS[it.kind], it.size)
        for link, it in sorted(entries, key=lambda pair: pair[0].name.encode())
    )
