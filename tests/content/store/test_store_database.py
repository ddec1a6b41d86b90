"""What a peer remembers between runs, whatever happens to the file."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mpi_actors.content.store.database import Database, Failure, Installed, Pins
from mpi_actors.errors import DiskFull, StoreDamaged

ROW = Installed("echo", "v1", 10, installed_at=5.0, last_use=7.5, chosen=True)
FAILURE = Failure("bad", "v2", "exit code 1", at=6.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A path at which a database can be made."""
    return tmp_path / "peer" / "store.db"


def fill(database: Database) -> None:
    """Remember something in each table."""
    database.install(ROW, pin=True)
    database.record_failure(FAILURE)
    database.delete("gone")
    database.choose("echo")
    database.adopt("pool")
    Pins(database).add_pin("cid", "owner")


def test_what_is_remembered_is_there_again(path: Path) -> None:
    """Everything is there when the file is opened again; only its owner may read it."""
    fill(Database(path))
    records = Database(path).records()
    assert records.installed == {"echo": ROW}
    assert records.failures == {"bad": FAILURE}
    assert (records.pinned, records.unwanted) == (frozenset({"echo"}), frozenset({"gone"}))
    assert (records.pool, records.chosen) == ("pool", True)
    assert Pins(Database(path)).pins() == {"cid": {"owner"}}
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_new_one_is_empty(path: Path) -> None:
    """A new database remembers nothing."""
    records = Database(path).records()
    assert (records.installed, records.failures) == ({}, {})
    assert records.unwanted | records.pinned == set()
    assert (records.pool, records.chosen) == (None, False)


def test_what_a_person_wants(path: Path) -> None:
    """To choose ends a failure and a deletion; to delete ends a pin; to install ends a failure."""
    database = Database(path)
    fill(database)
    database.delete("echo")
    records = database.records()
    assert (records.pinned, records.unwanted) == (frozenset(), frozenset({"gone", "echo"}))
    database.choose("bad")
    database.choose("echo")
    assert (database.records().failures, database.records().unwanted) == ({}, frozenset({"gone"}))
    database.record_failure(FAILURE)
    database.install(Installed("bad", "v3", 1, 1.0))
    assert database.records().failures == {}


def test_a_pinned_one_is_not_evicted(path: Path) -> None:
    """To evict a pinned interpreter does nothing; to evict another one can be undone."""
    database = Database(path)
    database.install(ROW, pin=True)
    assert not database.evict("echo")
    assert database.unpin("echo")
    assert not database.unpin("echo")
    assert database.evict("echo")
    assert database.records().installed == {}
    database.restore(ROW, pinned=True, unwanted=False)
    assert database.records().pinned == {"echo"}
    assert not database.pin("echo")


def test_pins(path: Path) -> None:
    """Each owner has its own pins, until it removes or replaces them."""
    pins = Pins(Database(path))
    pins.add_pin("a", "x")
    pins.add_pin("a", "x")
    pins.add_pin("a", "y")
    pins.add_pin("b", "x")
    pins.add_pin("b", "y")
    assert pins.pins() == {"a": {"x", "y"}, "b": {"x", "y"}}
    assert pins.remove_pin("a", "x")
    assert not pins.remove_pin("a", "x")
    assert pins.pins()["a"] == {"y"}
    assert pins.remove_pin("a", "y")
    pins.set_pins(["c", "d", "c"], "y")
    pins.set_pins(["d", "e"], "y")
    assert pins.pins() == {"b": {"x"}, "d": {"y"}, "e": {"y"}}


def test_changes_of_others_are_seen(path: Path) -> None:
    """The number changes with another connection's changes, and not with our own."""
    database, other = Database(path), Database(path)
    before = database.changes()
    database.pin("mine")
    assert database.changes() == before
    other.pin("theirs")
    assert database.changes() != before
    assert database.records().pinned == {"mine", "theirs"}


def test_threads(path: Path) -> None:
    """Any thread may call at any time."""
    pins = Pins(Database(path))

    def work(owner: str) -> None:
        for number in range(20):
            pins.add_pin(str(number), owner)

    threads = [threading.Thread(target=work, args=(owner,)) for owner in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert pins.pins() == {str(number): {"a", "b", "c"} for number in range(20)}


def _pin(arguments: tuple[str, int]) -> None:
    path, number = arguments
    Pins(Database(Path(path))).add_pin(str(number), "owner")


def test_processes_that_make_it_at_once(path: Path) -> None:
    """Several processes may open a new database at once, and none loses what it wrote."""
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        pool.map(_pin, [(str(path), number) for number in range(6)], chunksize=1)
    assert len(Pins(Database(path)).pins()) == 6


def test_one_that_is_killed_while_it_writes(path: Path) -> None:
    """After a kill, committed changes are there, others are not, and nothing stays locked."""
    code = f"""
import os, signal
from pathlib import Path
from mpi_actors.content.store.database import Database
database = Database(Path({str(path)!r}))
database.pin("kept")
with database._sqlite.transaction("write") as db:
    db.execute("INSERT INTO pinned VALUES ('lost')")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    database = Database(path, patience=1.0)
    assert database.records().pinned == {"kept"}
    database.pin("more")


@pytest.mark.parametrize("content", [b"nonsense" * 1000, b"SQLite format 3\0" + bytes(5000)])
def test_nonsense(path: Path, content: bytes) -> None:
    """A file that is not a database is refused with advice, and left as it is."""
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreDamaged, match=r"store\.db is damaged .*Move it away and start again"):
        Database(path)
    assert path.read_bytes() == content


def test_a_page_in_the_middle_is_damaged(path: Path) -> None:
    """Damage is noticed when the file is opened; a new file in its place starts empty."""
    database = Database(path)
    Pins(database).set_pins([f"{number:060}" for number in range(1000)], "owner")
    database.close()
    assert path.stat().st_size > 15 * 4096
    with open(path, "r+b") as file:
        file.seek(4096)
        file.write(os.urandom(10 * 4096))
    with pytest.raises(StoreDamaged, match="is damaged"):
        Database(path)
    path.rename(path.with_name("away"))
    assert Pins(Database(path)).pins() == {}


def test_moved_away_while_it_is_open(path: Path) -> None:
    """A new file does not take over what is left of an old one's write-ahead log."""
    database = Database(path)
    fill(database)
    path.rename(path.with_name("away"))
    assert Database(path).records().installed == {}
    del database


def test_of_a_newer_release(path: Path) -> None:
    """A database of a newer release is refused, with another text than a damaged one."""
    Database(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    with pytest.raises(StoreDamaged, match="written by a newer release"):
        Database(path)


def test_of_another_program(path: Path) -> None:
    """A database with other tables is refused, and stays as it is."""
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE theirs (x)")
    connection.commit()
    connection.close()
    with pytest.raises(StoreDamaged, match="made by another program"):
        Database(path)
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    connection.close()


def test_it_cannot_be_made(tmp_path: Path) -> None:
    """A path at which no file can be made is refused."""
    (tmp_path / "file").write_text("")
    (tmp_path / "store.db").mkdir()
    for place, why in (("file/store.db", "exists|Not a directory"), ("store.db", "Is a directory")):
        with pytest.raises(StoreDamaged, match=why):
            Database(tmp_path / place)


def test_locked_by_another_program(path: Path) -> None:
    """If another program keeps the database locked, an error says so after some patience."""
    database = Database(path, patience=0.01)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreDamaged, match=r"another program keeps .* locked"):
        database.pin("a")
    connection.execute("ROLLBACK")
    assert database.pin("a")
    connection.close()


def test_no_room(path: Path) -> None:
    """A change without room on the disk raises DiskFull and changes nothing; a later one that fits works."""
    database = Database(path)
    connection = database._sqlite._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages}")
    many = [f"{number:060}" for number in range(1000)]
    with pytest.raises(DiskFull, match=r"is full\. Free some space"):
        Pins(database).set_pins(many, "owner")
    assert Pins(database).pins() == {}
    connection.execute("PRAGMA max_page_count = 100000")
    Pins(database).set_pins(many, "owner")
    assert len(Pins(database).pins()) == 1000
