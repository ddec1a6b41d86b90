"""How files are opened, and how a full disk is recognised."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ...errors import DepotUnusable, DiskFull

READ_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Flags to open a file that should be a regular one: a link is refused, and a pipe does not block."""

_FULL_ERRNOS = (errno.ENOSPC, errno.EDQUOT)
_PROBE_SIZE = 256 * 1024
"""Bytes that `is_full` writes: on a disk with less room than that, little can succeed."""


def tells_full(error: BaseException) -> bool:
    """Whether an error says that a disk, or a quota of it, is full."""
    return isinstance(error, DiskFull) or (isinstance(error, OSError) and error.errno in _FULL_ERRNOS)


def is_full(directory: Path) -> bool:
    """Whether the disk has no room for even a small file in a directory. Tries it, and blocks."""
    try:
        with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
            return os.write(file.fileno(), bytes(_PROBE_SIZE)) < _PROBE_SIZE
    except OSError as error:
        return tells_full(error)


def disk_full(place: Path | str) -> DiskFull:
    """Return the error for a full disk, with words that name the place."""
    return DiskFull(f"the disk that holds {place} is full. Free some space there, then try again.")


def reason(error: Exception) -> str:
    """Return an error as words to follow a colon."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    if tells_full(error):
        return str(disk_full(error.filename or "this peer's directory"))
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror


@contextlib.contextmanager
def unusable(what: str) -> Iterator[None]:
    """Turn trouble with files inside the context into one error; `what` follows "cannot".

    Raises:
        DepotUnusable: in place of OSError and DiskFull. StoreDamaged passes: its text says what to do.
    """
    try:
        yield
    except (OSError, DiskFull) as error:
        raise DepotUnusable(f"cannot {what}: {reason(error)}") from error
