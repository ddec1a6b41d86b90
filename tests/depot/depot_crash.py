"""Plays the death of a process within a process: from some step on, nothing has any effect."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from mpi_actors.content.store.database import Database

_CHANGES = ("os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.chmod")


class Crash(BaseException):
    """The process is dead. No handler of the program may take this for an error."""


class Crasher:
    """Counts steps that have an effect outside of the process, and ends all of it at one of them.

    Args:
        root: files below it count.
    """

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self.dead = False
        self._left: int | None = None

    def arm(self, steps: int) -> None:
        """Die after this many more steps."""
        self._left = steps

    def disarm(self) -> None:
        """Do not die."""
        self._left = None

    def step(self, where: str) -> None:
        """Count a step that is about to happen, or has happened; die if it is time."""
        if self._left == 0:
            self.dead = True
        if self.dead:
            raise Crash(where)
        if self._left is not None:
            self._left -= 1

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Enter a context in which changes of files count, in all threads."""
        _watch()
        _watching.append(self)
        try:
            yield
        finally:
            _watching.remove(self)


_watching: list[Crasher] = []
_hooks: list[object] = []


def _watch() -> None:
    if not _hooks:  # a hook cannot be removed
        _hooks.append(_audit)
        sys.addaudithook(_audit)


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if not _watching:
        return
    if event == "open":
        path, _, flags = arguments
        if not isinstance(flags, int) or not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
    elif event in _CHANGES:
        path = arguments[0]
    else:
        return
    if isinstance(path, str | os.PathLike):
        for crasher in _watching:
            if os.fspath(path).startswith(crasher.root):
                crasher.step(f"{event} {path}")


def hurry(database: Database) -> None:
    """Do not wait for the disk: processes die here, not machines, so nothing that was written is lost."""
    database._sqlite._connection.execute("PRAGMA synchronous = OFF")


class CrashingDatabase(Database):
    """A database whose transactions have three steps: begin, commit, and what comes after."""

    def __init__(self, path: Path, crasher: Crasher) -> None:
        super().__init__(path)
        hurry(self)
        transaction = self._sqlite.transaction

        @contextlib.contextmanager
        def watched(mode: Literal["read", "write"]) -> Iterator[sqlite3.Connection]:
            crasher.step(f"begin {mode}")
            with transaction(mode) as connection:
                yield connection
                if mode == "write":
                    crasher.step("commit")
            if mode == "write":
                crasher.step("committed")

        self._sqlite.transaction = watched  # type: ignore[method-assign]
