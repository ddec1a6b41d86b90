"""Telling a full disk from other trouble with files."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...errors import DepotUnusable, DiskFull

_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)
_PROBE_SIZE = 256 * 1024


def tells_full(error: BaseException) -> bool:
    """Whether an error says that a disk, or a quota of it, is full."""
    return isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in _FULL_ERRNOS)


def is_full(directory: Path) -> bool:
    """Whether not even a small file can be written in a directory; it is tried (blocking)."""
    try:
        with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
            return os.write(file.fileno(), bytes(_PROBE_SIZE)) < _PROBE_SIZE
    except OSError as error:
        return tells_full(error)


def disk_full(place: Path | str) -> DiskFull:
    """The error, in words."""
    return DiskFull(f"the disk that holds {place} is full. Free some space there, then try again.")


def reason(error: Exception) -> str:
    """An error as words to follow a colon."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    if tells_full(error):
        return str(disk_full(error.filename or "this peer's directory"))
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


@contextlib.contextmanager
def unusable(what: str) -> Iterator[None]:
    """Makes trouble with files and the database in the block one error; `what` could not be done.

    Raises:
        DepotUnusable: in place of OSError and DiskFull.
        StoreDamaged: it tells itself what to do.
    """
    try:
        yield
    except (OSError, DiskFull) as error:
        raise DepotUnusable(f"cannot {what}: {reason(error)}") from error
