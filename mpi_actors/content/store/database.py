"""What a peer remembers between runs: its interpreters, and what content is pinned and by whom.

Any thread may call; all calls block for a moment. Other processes may have the same database open: a daemon
works with it while one-shot commands pin and list.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs

from .sqlite import Sqlite

DATABASE_NAME = "store.db"
"""The file's name in a daemon's directory."""

_APPLICATION_ID = 0x4D504941  # "MPIA"
_SCHEMA_VERSION = 1
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
_POOL = "pool"
_CHOSEN = "chosen"


@attrs.frozen
class Installed:
    """An installed interpreter."""

    name: str
    version: str
    size: int
    """Bytes in its files once `init.py` had run."""
    installed_at: float
    """Unix time."""
    last_use: float | None = None
    """Unix time at which a job last began or ended to use it; None if none has."""
    chosen: bool = False
    """A person has asked for it."""

    @property
    def used_at(self) -> float:
        """The last use; the installation if there has been none since."""
        return max(self.installed_at, self.last_use or self.installed_at)


@attrs.frozen
class Failure:
    """An interpreter that could not be installed, and will not be able to."""

    name: str
    version: str
    detail: str
    """Why, with the last output of its `init.py`."""
    at: float
    """Unix time."""


@attrs.frozen
class Records:
    """All that is remembered of interpreters, as of one moment."""

    installed: Mapping[str, Installed]
    failures: Mapping[str, Failure]
    unwanted: frozenset[str]
    """Names that a person has deleted and not added again."""
    pinned: frozenset[str]
    """Names that stay; not all of them need be installed."""
    pool: str | None
    """Whose store the installed ones are of; None before the first one was opened."""
    chosen: bool
    """A person has added an interpreter at some time."""


class Database:
    """The database at `path`; made if there is none.

    All methods raise StoreDamaged when it cannot be read or written, and DiskFull when there is no room.

    Args:
        path: of its file.
        patience: seconds to wait for other processes to finish a transaction.

    Raises:
        StoreDamaged: it is damaged, of a newer release, of another program, or cannot be read or written.
        DiskFull: there is no room for it.
    """

    def __init__(self, path: Path, *, patience: float = 10.0) -> None:
        self._sqlite = Sqlite(
            path, schema=_SCHEMA, version=_SCHEMA_VERSION, application=_APPLICATION_ID, patience=patience
        )

    @property
    def path(self) -> Path:
        """Where it is."""
        return self._sqlite.path

    def close(self) -> None:
        """Close it; nothing may be called afterwards. Idempotent, and done when nobody has it any more."""
        self._sqlite.close()

    def changes(self) -> int:
        """A number that is another one once anybody but this object has changed something."""
        return self._sqlite.changes()

    # --- interpreters

    def records(self) -> Records:
        """All that is remembered of interpreters."""
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
        """Remember that an interpreter is installed, in place of a failure of it."""
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
        """Undo `delete` or `evict`."""
        with self._sqlite.transaction("write") as db:
            _put(db, row, pinned)
            if not unwanted:
                db.execute("DELETE FROM unwanted WHERE name = ?", (row.name,))

    def evict(self, name: str) -> bool:
        """Remember that an interpreter is not installed any more; False, and nothing happens, if pinned."""
        with self._sqlite.transaction("write") as db:
            if db.execute("SELECT 1 FROM pinned WHERE name = ?", (name,)).fetchone():
                return False
            db.execute("DELETE FROM interpreters WHERE name = ?", (name,))
            return True

    def adopt(self, pool: str, gone: Iterable[str] = ()) -> None:
        """Remember whose interpreters are installed, and which of them are not any more."""
        with self._sqlite.transaction("write") as db:
            db.executemany("DELETE FROM interpreters WHERE name = ?", [(name,) for name in gone])
            db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_POOL, pool))

    def forget(self, names: Iterable[str]) -> None:
        """Remember that interpreters are not installed any more, pinned or not: their files are gone."""
        with self._sqlite.transaction("write") as db:
            db.executemany("DELETE FROM interpreters WHERE name = ?", [(name,) for name in names])

    def used(self, name: str, at: float) -> None:
        """Remember the last use of an interpreter, in Unix time."""
        with self._sqlite.transaction("write") as db:
            db.execute("UPDATE interpreters SET last_use = ? WHERE name = ?", (at, name))

    def fail(self, failure: Failure) -> None:
        """Remember that an interpreter cannot be installed."""
        with self._sqlite.transaction("write") as db:
            db.execute("INSERT OR REPLACE INTO failures VALUES (?, ?, ?, ?)", attrs.astuple(failure))

    def pin(self, name: str) -> bool:
        """Remember that an interpreter stays; False if that was so."""
        with self._sqlite.transaction("write") as db:
            return db.execute("INSERT OR IGNORE INTO pinned VALUES (?)", (name,)).rowcount > 0

    def unpin(self, name: str) -> bool:
        """Undo `pin`; False if it was not pinned."""
        with self._sqlite.transaction("write") as db:
            return db.execute("DELETE FROM pinned WHERE name = ?", (name,)).rowcount > 0


class Pins:
    """Which content is pinned, by the text of its identifier, and by which owners.

    The methods raise what those of `Database` raise.
    """

    def __init__(self, database: Database) -> None:
        self._sqlite = database._sqlite

    def add_pin(self, cid: str, owner: str) -> None:
        """Pin for an owner. Idempotent."""
        with self._sqlite.transaction("write") as db:
            db.execute("INSERT OR IGNORE INTO content_pins VALUES (?, ?)", (cid, owner))

    def remove_pin(self, cid: str, owner: str) -> bool:
        """End `add_pin`; False if that owner had not pinned it."""
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
        """What is pinned, and by which owners."""
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
