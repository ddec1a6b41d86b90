"""What a peer remembers between runs: its interpreters, and which content is pinned for whom.

Any thread may call; all calls block for a moment. Other processes may have the same database open: one-shot
commands pin and list while the daemon runs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs

from .sqlite import Sqlite

DATABASE_NAME = "store.db"
"""Name of the database's file in a daemon's directory."""

_APPLICATION_ID = 0x4D504941
"""The letters "MPIA": sqlite keeps this number in the file, to tell databases of one program from others."""
_SCHEMA_VERSION = 1
"""Number of `_SCHEMA`: raise it when that changes, and convert older databases."""
_SCHEMA = (
    """CREATE TABLE interpreters (
        name TEXT PRIMARY KEY NOT NULL,
        version TEXT NOT NULL,
        size INTEGER NOT NULL CHECK (typeof(size) = 'integer' AND size >= 0),
        installed_at REAL NOT NULL,
        last_use REAL,
        chosen INTEGER NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE failures (
        name TEXT PRIMARY KEY NOT NULL, version TEXT NOT NULL, detail TEXT NOT NULL, at REAL NOT NULL
    ) WITHOUT ROWID""",
    "CREATE TABLE unwanted (name TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID",
    "CREATE TABLE pinned (name TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID",
    """CREATE TABLE content_pins (
        cid TEXT NOT NULL, owner TEXT NOT NULL, PRIMARY KEY (cid, owner)
    ) WITHOUT ROWID""",
    "CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID",
)
# keys of the table `meta`
_POOL = "pool"
_CHOSEN = "chosen"


@attrs.frozen
class Installed:
    """An installed interpreter."""

    name: str
    version: str
    size: int
    """Bytes in its files after `init.py` has run."""
    installed_at: float
    """Unix time."""
    last_use: float | None = None
    """Unix time at which a job last began or ended to use it; None if no job has."""
    chosen: bool = False
    """Whether a person has asked for it."""

    @property
    def used_at(self) -> float:
        """Unix time of the last use; of the installation if it has not been used since."""
        return max(self.installed_at, self.last_use or self.installed_at)


@attrs.frozen
class Failure:
    """An interpreter that could not be installed, through a fault of its own: it would fail again."""

    name: str
    version: str
    detail: str
    """The reason, with the last output of its `init.py`."""
    at: float
    """Unix time."""


@attrs.frozen
class Records:
    """All that is remembered of interpreters, at one moment."""

    installed: Mapping[str, Installed]
    """By name, sorted."""
    failures: Mapping[str, Failure]
    """By name."""
    unwanted: frozenset[str]
    """Names of those that a person has deleted and not added again."""
    pinned: frozenset[str]
    """Names of those that a person has pinned; not all of them need be installed."""
    pool: str | None
    """The pool from whose store the installed ones come; None before a store was opened."""
    chosen: bool
    """Whether a person has ever added an interpreter."""


class Database:
    """The database in the file `path`, which is made if it does not exist.

    All methods raise StoreDamaged when the database cannot be read or written, and DiskFull when the disk has
    no room for a change.

    Args:
        path: of the file.
        patience: seconds to wait for other processes to finish a transaction.

    Raises:
        StoreDamaged: the file is damaged, was made by a newer release or another program, or cannot be read
            or written.
        DiskFull: the disk has no room for it.
    """

    def __init__(self, path: Path, *, patience: float = 10.0) -> None:
        self._sqlite = Sqlite(
            path, schema=_SCHEMA, version=_SCHEMA_VERSION, application=_APPLICATION_ID, patience=patience
        )

    @property
    def path(self) -> Path:
        """The database's file."""
        return self._sqlite.path

    def close(self) -> None:
        """Close the database. Idempotent; garbage collection does the same. Call no method afterwards."""
        self._sqlite.close()

    def changes(self) -> int:
        """Return a number that differs from the last one if another object or process made a change."""
        return self._sqlite.changes()

    # --- interpreters

    def records(self) -> Records:
        """Return all that is remembered of interpreters."""
        with self._sqlite.transaction("read") as db:
            meta = dict(db.execute("SELECT key, value FROM meta"))
            installed = [_installed(row) for row in db.execute(f"SELECT {_COLUMNS} FROM interpreters")]
            failures = [Failure(*row) for row in db.execute("SELECT name, version, detail, at FROM failures")]
            return Records(
                installed={row.name: row for row in sorted(installed, key=lambda row: row.name)},
                failures={row.name: row for row in failures},
                unwanted=_names(db, "unwanted"),
                pinned=_names(db, "pinned"),
                pool=meta.get(_POOL),
                chosen=_CHOSEN in meta,
            )

    def install(self, row: Installed, *, pin: bool = False) -> None:
        """Remember that an interpreter is installed, and forget that it failed; pin it if `pin`."""
        with self._sqlite.transaction("write") as db:
            _put(db, row, pin)

    def choose(self, name: str) -> None:
        """Remember that a person wants an interpreter: it is neither unwanted nor failed any more."""
        with self._sqlite.transaction("write") as db:
            db.execute("UPDATE interpreters SET chosen = 1 WHERE name = ?", (name,))
            db.execute("DELETE FROM failures WHERE name = ?", (name,))
            db.execute("DELETE FROM unwanted WHERE name = ?", (name,))
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, '1')", (_CHOSEN,))

    def delete(self, name: str) -> None:
        """Remember that a person has deleted an interpreter: it is not installed, not pinned and unwanted."""
        with self._sqlite.transaction("write") as db:
            db.execute("DELETE FROM interpreters WHERE name = ?", (name,))
            db.execute("DELETE FROM pinned WHERE name = ?", (name,))
            db.execute("INSERT OR IGNORE INTO unwanted VALUES (?)", (name,))

    def restore(self, row: Installed, *, pinned: bool, unwanted: bool) -> None:
        """Undo `delete` or `evict`: `row`, `pinned` and `unwanted` are what was remembered before."""
        with self._sqlite.transaction("write") as db:
            _put(db, row, pinned)
            if not unwanted:
                db.execute("DELETE FROM unwanted WHERE name = ?", (row.name,))

    def evict(self, name: str) -> bool:
        """Remember that an interpreter is not installed any more; if it is pinned, only return False."""
        with self._sqlite.transaction("write") as db:
            if db.execute("SELECT 1 FROM pinned WHERE name = ?", (name,)).fetchone():
                return False
            db.execute("DELETE FROM interpreters WHERE name = ?", (name,))
            return True

    def adopt(self, pool: str, gone: Iterable[str] = ()) -> None:
        """Remember from which pool's store interpreters come, and that those in `gone` are not installed."""
        with self._sqlite.transaction("write") as db:
            db.executemany("DELETE FROM interpreters WHERE name = ?", [(name,) for name in gone])
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_POOL, pool))

    def forget(self, names: Iterable[str]) -> None:
        """Remember that interpreters are not installed any more, pinned or not: their files are gone."""
        with self._sqlite.transaction("write") as db:
            db.executemany("DELETE FROM interpreters WHERE name = ?", [(name,) for name in names])

    def record_use(self, name: str, at: float) -> None:
        """Remember when an interpreter was last used: `at` is Unix time."""
        with self._sqlite.transaction("write") as db:
            db.execute("UPDATE interpreters SET last_use = ? WHERE name = ?", (at, name))

    def record_failure(self, failure: Failure) -> None:
        """Remember that an interpreter cannot be installed, and why."""
        with self._sqlite.transaction("write") as db:
            db.execute("INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?)", attrs.astuple(failure))

    def pin(self, name: str) -> bool:
        """Remember that a person has pinned an interpreter; return False if it was pinned already."""
        with self._sqlite.transaction("write") as db:
            return db.execute("INSERT OR IGNORE INTO pinned VALUES (?)", (name,)).rowcount > 0

    def unpin(self, name: str) -> bool:
        """Undo `pin`; return False if the interpreter was not pinned."""
        with self._sqlite.transaction("write") as db:
            return db.execute("DELETE FROM pinned WHERE name = ?", (name,)).rowcount > 0


class Pins:
    """The table of pinned content: texts of identifiers, and the owners of each.

    The methods raise what those of `Database` raise.
    """

    def __init__(self, database: Database) -> None:
        self._sqlite = database._sqlite

    def add_pin(self, cid: str, owner: str) -> None:
        """Pin content for an owner. Idempotent."""
        with self._sqlite.transaction("write") as db:
            db.execute("INSERT OR IGNORE INTO content_pins VALUES (?, ?)", (cid, owner))

    def remove_pin(self, cid: str, owner: str) -> bool:
        """Undo `add_pin`; return False if that owner had not pinned it."""
        with self._sqlite.transaction("write") as db:
            done = db.execute("DELETE FROM content_pins WHERE cid = ? AND owner = ?", (cid, owner))
            return done.rowcount > 0

    def set_pins(self, cids: Iterable[str], owner: str) -> None:
        """Make `cids` all that an owner pins, in one step."""
        with self._sqlite.transaction("write") as db:
            before = {cid for (cid,) in db.execute("SELECT cid FROM content_pins WHERE owner = ?", (owner,))}
            wanted = set(cids)
            gone = [(cid, owner) for cid in before - wanted]
            db.executemany("DELETE FROM content_pins WHERE cid = ? AND owner = ?", gone)
            new = [(cid, owner) for cid in wanted - before]
            db.executemany("INSERT INTO content_pins VALUES (?, ?)", new)

    def pins(self) -> dict[str, frozenset[str]]:
        """Return what is pinned, and the owners of each."""
        found: dict[str, set[str]] = {}
        with self._sqlite.transaction("read") as db:
            for cid, owner in db.execute("SELECT cid, owner FROM content_pins"):
                found.setdefault(cid, set()).add(owner)
        return {cid: frozenset(owners) for cid, owners in found.items()}


_COLUMNS = "name, version, size, installed_at, last_use, chosen"


def _installed(row: tuple[str, str, int, float, float | None, int]) -> Installed:
    return Installed(*row[:5], chosen=bool(row[5]))


def _put(db: sqlite3.Connection, row: Installed, pin: bool) -> None:
    db.execute(
        f"INSERT OR REPLACE INTO interpreters ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?)",
        (row.name, row.version, row.size, row.installed_at, row.last_use, int(row.chosen)),
    )
    db.execute("DELETE FROM failures WHERE name = ?", (row.name,))
    if pin:
        db.execute("INSERT OR IGNORE INTO pinned VALUES (?)", (row.name,))


def _names(db: sqlite3.Connection, table: str) -> frozenset[str]:
    return frozenset(name for (name,) in db.execute(f"SELECT name FROM {table}"))
