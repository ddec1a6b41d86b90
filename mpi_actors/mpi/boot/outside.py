"""Files that the program opens to append to them or to change them: another run of it does that twice.

The functions that open files are replaced. An audit hook would see them, too, but Python calls that for much
else as well, such as `id` and each class in a pickle, which would take several times as long.
"""

from __future__ import annotations

import builtins
import io
import os
import stat
from collections.abc import Callable
from typing import Any

from .imports import AfterImport
from .standins import stand_in

_MOST_FILES = 1000
"""Files of a rank that are noted: people read no more names, and a program may open any number."""
_ANEW = os.O_TRUNC | os.O_EXCL
"""Flags of a file that begins empty: another run makes the same again."""
_OF_SQLITE = ("sqlite3", "sqlite3.dbapi2")


class OpenedFiles:
    """Notes the files of one process.

    Args:
        tell: is called with each file's path, once.
    """

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell
        self._pid = os.getpid()
        self._noted: set[str] = set()

    def replace(self, imports: AfterImport) -> None:
        """Put functions in the place of `open`, `os.open` and `sqlite3.connect`.

        Args:
            imports: acts on modules that the program imports later.
        """
        plain_open, plain_os_open = builtins.open, os.open

        def open(file: Any, mode: Any = "r", *args: Any, **kwargs: Any) -> Any:
            if type(mode) is str and ("a" in mode or ("+" in mode and "r" in mode)):
                self._note(file)
            return plain_open(file, mode, *args, **kwargs)

        def os_open(path: Any, flags: Any, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
            if dir_fd is None and type(flags) is int and _goes_on(flags):
                self._note(path)
            return plain_os_open(path, flags, mode, dir_fd=dir_fd)

        builtins.open = io.open = stand_in(open, io, "open")
        stand_in(os_open, os, "open")
        for name in _OF_SQLITE:
            imports.add(name, self._replace_connect)

    def _replace_connect(self, module: Any) -> None:
        plain = module.connect

        def connect(database: Any, *args: Any, **kwargs: Any) -> Any:
            if not kwargs.get("uri") and database not in (":memory:", b":memory:", "", b""):
                self._note(database)
            return plain(database, *args, **kwargs)

        stand_in(connect, module, "connect")

    def _note(self, file: Any) -> None:
        if type(file) is int or len(self._noted) >= _MOST_FILES or os.getpid() != self._pid:
            return
        try:
            path = os.path.abspath(os.fsdecode(file))
            if path in self._noted or not _is_regular(path):
                return
        except (TypeError, ValueError, OSError):
            return  # the call that follows says what is wrong
        self._noted.add(path)
        self._tell(path)


def _goes_on(flags: int) -> bool:
    """Return whether a file is opened with what is in it, to append to it or to change what one has read."""
    if flags & os.O_TMPFILE == os.O_TMPFILE:
        return False
    return bool(flags & (os.O_APPEND | os.O_RDWR)) and not flags & _ANEW


def _is_regular(path: str) -> bool:
    """Return whether a file is, or will be, one that keeps what is written to it."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except FileNotFoundError:
        return True
