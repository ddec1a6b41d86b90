"""A small sqlite database that threads and processes share: opens it, runs transactions, names its errors."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from ...errors import DiskFull, StoreDamaged
from .disk import disk_full, is_full

_DAMAGED = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_FORMAT)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL)


class Sqlite:
    """One connection to a database, for all threads of this process. `close` or garbage collection closes it.

    The directory and the file are made if they do not exist; only their owner may read them. All methods
    block.

    Args:
        path: of the file. While it is in use, two more lie beside it, with `-wal` and `-shm` after its name.
        schema: the statements that make the tables.
        version: of the schema, 1 or more.
        application: a number that tells this kind of database from others.
        patience: seconds to wait for other processes to finish a transaction.

    Raises:
        StoreDamaged: the file is damaged, was made by a newer release or another program, or cannot be read
            or written.
        DiskFull: the disk has no room for it.
    """

    def __init__(
        self, path: Path, *, schema: tuple[str, ...], version: int, application: int, patience: float = 10.0
    ) -> None:
        self.path = path.absolute()
        self._lock = threading.Lock()
        with self._named():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
            connection = sqlite3.connect(
                self.path, timeout=patience, isolation_level=None, check_same_thread=False
            )
        self._connection = connection
        self.close = weakref.finalize(self, connection.close)
        """Close the connection, which no thread may be using. Idempotent."""
        with contextlib.ExitStack() as on_failure:
            on_failure.callback(self.close)
            with self._named():
                self._begin(schema, version, application)
            on_failure.pop_all()

    @contextlib.contextmanager
    def transaction(self, mode: Literal["read", "write"]) -> Iterator[sqlite3.Connection]:
        """Enter a transaction: nobody else changes the database inside, and an exception undoes all changes.

        Raises:
            StoreDamaged: the database is damaged, or cannot be read or written.
            DiskFull: the disk has no room for a change.
        """
        with self._lock, self._named():
            self._connection.execute("BEGIN IMMEDIATE" if mode == "write" else "BEGIN")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def changes(self) -> int:
        """Return a number that differs from the last one if another connection has changed something.

        Raises:
            StoreDamaged: the database is damaged, or cannot be read.
        """
        with self._lock, self._named():
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def _begin(self, schema: tuple[str, ...], version: int, application: int) -> None:
        found = self._number("user_version")
        if found == 0:
            with _locked(self.path.parent):  # sqlite's patience does not cover turning on the write-ahead log
                self._make(schema, version, application)
            found = self._number("user_version")
        if self._number("application_id") != application or found < 1:
            text = f"{self.path} was made by another program. Move it away, or choose another -path."
            raise StoreDamaged(text)
        if found > version:
            text = f"{self.path} was written by a newer release of mpi_actors."
            raise StoreDamaged(f"{text} Use that release here, or another -path.")
        # a power failure must not lose what was committed
        self._connection.execute("PRAGMA synchronous = FULL")
        flaw = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if flaw != "ok":
            raise self._damaged(flaw)

    def _make(self, schema: tuple[str, ...], version: int, application: int) -> None:
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            empty = not self._connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
            if empty and self._number("user_version") == 0:
                for statement in schema:
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA application_id = {application:d}")
                self._connection.execute(f"PRAGMA user_version = {version:d}")
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _number(self, pragma: str) -> int:
        return int(self._connection.execute(f"PRAGMA {pragma}").fetchone()[0])

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Turn errors of sqlite and of the operating system into StoreDamaged or DiskFull."""
        try:
            yield
        except (sqlite3.ProgrammingError, sqlite3.IntegrityError):
            raise  # errors in our own code
        except (sqlite3.DatabaseError, OSError) as error:
            raise self._translated(error) from error

    def _translated(self, error: sqlite3.Error | OSError) -> DiskFull | StoreDamaged:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # the other bits only say in which call
        if code in _DAMAGED:
            return self._damaged(str(error))
        if code in _BUSY:
            return StoreDamaged(f"another program keeps {self.path} locked. End it, or try again.")
        # sqlite recognises a full disk, but not every sign of a full quota
        if code == sqlite3.SQLITE_FULL or is_full(self.path.parent):
            return disk_full(self.path)
        reason = error.strerror if isinstance(error, OSError) else str(error)
        return StoreDamaged(f"cannot use {self.path}: {reason}. It must be a file that you can write to.")

    def _damaged(self, how: str) -> StoreDamaged:
        text = f"{self.path} is damaged ({how}). Move it away and start again:"
        return StoreDamaged(f"{text} pins are forgotten, and everything is installed again.")


@contextlib.contextmanager
def _locked(directory: Path) -> Iterator[None]:
    file = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)
