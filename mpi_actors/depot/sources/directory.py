"""A store in a directory: each subdirectory with `init.py` and `run.py` is an interpreter."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import attrs
import trio

from ...content.store import tree
from ...errors import BadStore
from .source import flaw_of

_T = TypeVar("_T")

REQUIRED = ("init.py", "run.py")
"""The files that make a directory an interpreter."""


@attrs.frozen
class _Interpreter:
    directory: Path
    size: int
    version: str


class DirectoryStore:
    """The interpreters in the subdirectories of `path`, as they are now.

    Its making reads all of them, and blocks. Hidden subdirectories, and those that are not interpreters, do
    not count.

    Args:
        path: the directory.
        pool: the pool's name; None for one that equal stores share: "dir-" and 16 hexadecimal digits.
        only: the one subdirectory that counts, which must be an interpreter (see `single`); None for all.

    Raises:
        BadStore: `path` does not exist, is not a directory or cannot be read, or an interpreter is refused.
    """

    def __init__(self, path: Path, pool: str | None = None, *, only: str | None = None) -> None:
        found = _subdirectories(path) if only is None else {only: path / only}
        self._interpreters = {name: _read(name, found[name]) for name in sorted(found)}
        self._pool = _pool_of(self._interpreters) if pool is None else pool

    @property
    def pool(self) -> str:
        """See `InterpreterSource.pool`."""
        return self._pool

    @property
    def opened(self) -> bool:
        """See `InterpreterSource.opened`: a directory is always open."""
        return True

    async def open(self) -> None:
        """See `InterpreterSource.open`: nothing to do."""

    def names(self) -> tuple[str, ...]:
        """See `InterpreterSource.names`."""
        return tuple(self._interpreters)

    def size(self, name: str) -> int:
        """See `InterpreterSource.size`."""
        return self._interpreters[name].size

    def version(self, name: str) -> str:
        """See `InterpreterSource.version`."""
        return self._interpreters[name].version

    async def fetch(self, name: str, directory: Path) -> None:
        """See `InterpreterSource.fetch`."""
        await trio.to_thread.run_sync(_fetch, name, self._interpreters[name], directory)

    async def retain(self, version: str) -> None:
        """See `InterpreterSource.retain`: nothing to do, since no other peer fetches from a directory."""

    async def release(self, version: str) -> None:
        """See `InterpreterSource.release`: nothing to do."""

    async def retained(self) -> frozenset[str]:
        """See `InterpreterSource.retained`: a directory keeps nothing."""
        return frozenset()


def single(directory: Path, pool: str | None = None) -> DirectoryStore:
    """Return a store with one interpreter, which has the name of its directory. Blocks.

    Raises:
        BadStore: the directory does not exist, is not an interpreter, cannot be read or is refused.
    """
    place = directory.resolve() if directory.name in ("", "..") else directory.absolute()
    _require_directory(place)
    missing = _readable(place, missing_files)
    if missing:
        raise BadStore(f"{str(place)!r} is not an interpreter: it has no {' and no '.join(missing)}")
    return DirectoryStore(place.parent, pool, only=place.name)


def missing_files(directory: Path) -> list[str]:
    """Return the names of the files that a directory needs to be an interpreter and does not have.

    Raises:
        OSError: the directory cannot be read.
    """
    return [name for name in REQUIRED if not _is_file(directory / name)]


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return False
        raise


def _require_directory(path: Path) -> None:
    if not stat.S_ISDIR(_readable(path, os.stat).st_mode):
        raise BadStore(f"{str(path)!r} is not a directory. Name the one that holds your interpreters.")


def _readable(path: Path, read: Callable[[Path], _T]) -> _T:
    try:
        return read(path)
    except FileNotFoundError:
        text = f"there is no {str(path)!r}. Name the directory that holds your interpreters."
        raise BadStore(text) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = error.strerror if isinstance(error, OSError) else error
        raise BadStore(f"cannot read {str(path)!r}: {reason}") from error


def _subdirectories(path: Path) -> dict[str, Path]:
    _require_directory(path)
    real = os.path.realpath(path)
    found = {}
    for name in _readable(path, os.listdir):
        place = path / name
        if not name.startswith(".") and not _readable(place, missing_files):
            found[name] = place
    for place in found.values():
        if not tree.is_inside(os.path.realpath(place), real):
            raise BadStore(f"{str(place)!r} leads out of the store. Put a copy of the interpreter there.")
    return found


def _read(name: str, directory: Path) -> _Interpreter:
    flaw = flaw_of(name)
    if flaw is not None:
        raise BadStore(f"{name!r} cannot be an interpreter's name: it {flaw}. Rename the directory.")
    try:
        entries = tree.scan(directory)
        return _Interpreter(directory, tree.size_of(entries), tree.digest(directory, entries))
    except BadStore as error:
        raise BadStore(f"cannot use the interpreter {name}: {error}") from error


def _pool_of(interpreters: Mapping[str, _Interpreter]) -> str:
    whole = hashlib.sha256(b"mpi-actors store 1\n")
    for name in sorted(interpreters):
        whole.update(f"{name}\0{interpreters[name].version}\n".encode())
    return f"dir-{whole.hexdigest()[:16]}"


def _fetch(name: str, interpreter: _Interpreter, directory: Path) -> None:
    entries = tree.scan(interpreter.directory)
    if tree.size_of(entries) == interpreter.size:  # else it may have grown beyond all limits
        tree.copy(interpreter.directory, entries, directory)
        if tree.digest(directory, tree.scan(directory)) == interpreter.version:
            return
    raise BadStore(f"{interpreter.directory} has changed since the store was opened. Start the daemon again.")
