"""Makes interpreters and depots, and looks at what they leave on the disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from mpi_actors.config import DEFAULT_KEEP
from mpi_actors.content.store.database import DATABASE_NAME, Database, Records
from mpi_actors.depot.depot import FOLDER, Depot
from mpi_actors.depot.sources.directory import DirectoryStore
from mpi_actors.depot.sources.source import InterpreterSource
from mpi_actors.process import Warden

EXAMPLES = Path(__file__).resolve().parents[2] / "example"
DEADLINE = 600.0
"""Seconds after which a test counts as hung, on however slow a machine."""


def write(directory: Path, files: Mapping[str, str | bytes]) -> Path:
    """Make files, and the directories above them."""
    directory.mkdir(parents=True, exist_ok=True)
    for path, content in files.items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    return directory


def interpreter(store: Path, name: str, init: str = "", *, size: int = 0, run: str = "") -> Path:
    """Make an interpreter; if `size` is given, fill it up to that many bytes."""
    filling = {"data": b"x" * (size - len(init) - len(run))} if size else {}
    return write(store / name, {"init.py": init, "run.py": run, **filling})


class Changes:
    """Counts the calls of a depot's `on_change`."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


class Clock:
    """A time of day that moves only when a test sets it."""

    def __init__(self) -> None:
        self.now = 1e9

    def __call__(self) -> float:
        return self.now


def depot_of(
    directory: Path,
    source: Path | InterpreterSource | None,
    warden: Warden,
    *,
    changed: Changes | None = None,
    max_size: int = 10_000_000,
    init_timeout: float = 2 * DEADLINE,
    init_output_limit: int = 100_000,
    keep: float = DEFAULT_KEEP,
    clock: Callable[[], float] = time.time,
) -> Depot:
    """Return a depot that is not prepared yet."""
    return Depot(
        directory / "daemon",
        DirectoryStore(source) if isinstance(source, Path) else source,
        warden,
        max_size=max_size,
        init_timeout=init_timeout,
        init_output_limit=init_output_limit,
        keep=keep,
        clock=clock,
        on_change=changed or Changes(),
    )


def on_disk(directory: Path) -> list[str]:
    """Return all names in the depot's directory."""
    return sorted(path.name for path in (directory / "daemon" / FOLDER).iterdir())


def database_of(directory: Path) -> Database:
    """Open the depot's database as another process would."""
    return Database(directory / "daemon" / DATABASE_NAME)


def remembered(directory: Path) -> Records:
    """Return what the depot remembers."""
    database = database_of(directory)
    try:
        return database.records()
    finally:
        database.close()


def states(depot: Depot) -> dict[str, str]:
    """Return the state of each interpreter."""
    return {entry.name: entry.state for entry in depot.listing()}


def detail(depot: Depot, name: str) -> str:
    """Return the detail of one interpreter."""
    return next(entry.detail for entry in depot.listing() if entry.name == name)
