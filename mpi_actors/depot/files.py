"""The files of installed interpreters, and the order in which files and database change.

Only what the database names is installed, whatever files there are; and what it names has all its files. A
process that is killed between two steps leaves files without a row, or a row without files: `take_up` removes
both. All functions block.
"""

from __future__ import annotations

import contextlib
import logging
import secrets
from collections.abc import Mapping
from pathlib import Path

from ..content.store import tree
from ..content.store.database import Database, Installed, Records
from ..errors import BadManifest, BadStore, DiskFull, InstallFailed, StoreDamaged
from ..process.removal import remove
from ..programs.manifest import protocol_of
from .sources.directory import missing_files
from .sources.source import flaw_of

WORKPLACE = ".new-"
"""Beginning of the names of directories in which something is being installed."""

_log = logging.getLogger(__name__)


def make_folder(folder: Path) -> None:
    """Make the directory of installed interpreters if it does not exist.

    Raises:
        OSError: it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def take_up(folder: Path, database: Database) -> Records:
    """Remove what an interrupted process left, and rows whose files have changed.

    Raises:
        OSError: the directory cannot be read.
        StoreDamaged: the database cannot be read or written.
        DiskFull: the disk has no room for a change of the database.
    """
    installed = database.records().installed
    broken = [name for name, row in installed.items() if not _is_whole(folder, row)]
    if broken:
        _log.warning("removing interpreters whose files have changed: %s", ", ".join(broken))
        database.forget(broken)
    records = database.records()
    for path in list(folder.iterdir()):
        if path.name not in records.installed:
            remove_or_log(path)
    return records


def put_in(folder: Path, database: Database, row: Installed, program: Path, pin: bool) -> Records:
    """Move a program to its place and write its row, both or neither.

    Args:
        folder: of the installed interpreters.
        database: gets the row.
        row: what to remember of the interpreter.
        program: the directory to move.
        pin: whether to pin the interpreter.

    Raises:
        OSError: the program cannot be moved.
        StoreDamaged: the database cannot be read or written.
        DiskFull: the disk has no room for a change of the database.
    """
    place = folder / row.name
    remove(place)  # the database does not name it, so an earlier attempt left it
    program.rename(place)
    try:
        database.install(row, pin=pin)
    except (DiskFull, StoreDamaged):
        remove_or_log(place)
        raise
    return database.records()


def take_out(folder: Path, database: Database, name: str, by_person: bool) -> Records:
    """Remove an interpreter, and return the records afterwards. Unless `by_person`, a pinned one stays.

    The row goes first. On a full disk the files go first: that makes room for the change of the database.

    Raises:
        OSError: the files cannot be removed; the interpreter stays installed.
        StoreDamaged: the database cannot be read or written.
        DiskFull: even then, the disk has no room for a change of the database.
    """
    before = database.records()
    if not by_person and name in before.pinned:
        return before
    forget = database.delete if by_person else database.evict
    place, aside = folder / name, folder / f".old-{secrets.token_hex(8)}"
    try:
        if forget(name) is False:
            return database.records()
    except DiskFull:
        _rename(place, aside)
        remove_or_log(aside)
        forget(name)
        return database.records()
    try:
        _rename(place, aside)
    except OSError:
        row = before.installed[name]
        database.restore(row, pinned=name in before.pinned, unwanted=name in before.unwanted)
        raise
    remove_or_log(aside)
    return database.records()


def adopt(folder: Path, database: Database, pool: str, versions: Mapping[str, str]) -> Records:
    """Remove the interpreters that a pool's store does not have, or has in another version.

    Args:
        folder: of the installed interpreters.
        database: their database.
        pool: the pool's name.
        versions: of the interpreters in the pool's store, by name.

    Raises:
        StoreDamaged: the database cannot be read or written.
        DiskFull: the disk has no room for a change of the database.
    """
    records = database.records()
    gone = [name for name, row in records.installed.items() if versions.get(name) != row.version]
    if gone or records.pool != pool:
        database.adopt(pool, gone)
        records = database.records()
    for name in gone:
        remove_or_log(folder / name)
    return records


def make_workplace(workplace: Path, home: Path) -> None:
    """Make a directory to install something in, and a home for temporary files.

    Raises:
        OSError: they cannot be made.
    """
    workplace.mkdir(mode=0o700)
    home.mkdir(mode=0o700)


def size_of_fetched(program: Path) -> int:
    """Check a program that was fetched, whatever its source has checked, and return its bytes.

    Raises:
        BadStore: it has an entry that is refused.
        InstallFailed: it is not an interpreter.
    """
    size = tree.size_of(tree.scan(program))
    _require_files(program)
    return size


def size_after_init(program: Path) -> int:
    """Check a program after its `init.py` has run, and return the bytes of all that is there.

    Raises:
        BadStore: it has an entry that is refused.
        InstallFailed: it is not an interpreter any more.
        OSError: a directory cannot be read.
    """
    size = tree.measure(program)
    _require_files(program)
    return size


def remove_or_log(path: Path) -> None:
    """Remove what is at a path. If that fails, log it, and leave the rest for `take_up`."""
    try:
        remove(path)
    except OSError as error:
        _log.warning("cannot remove %s, will try again at the next start: %s", path, error.strerror)


def _rename(place: Path, aside: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # a person or another process has removed it
        place.rename(aside)


def _is_whole(folder: Path, row: Installed) -> bool:
    if flaw_of(row.name) is not None:
        return False  # we did not write this row, so make no path of its name
    try:
        return size_after_init(folder / row.name) == row.size
    except (BadStore, InstallFailed, OSError):
        return False


def _require_files(program: Path) -> None:
    missing = missing_files(program)
    if missing:
        raise InstallFailed(f"it has no {' and no '.join(missing)}")
    try:
        protocol_of(program)
    except BadManifest as error:
        raise InstallFailed(str(error)) from error
