"""One daemon for each directory: a locked file that says which process uses it."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import PathInUse, UsageError

LOCK_NAME = "daemon.lock"
"""The file's name inside the directory. The file stays there, unlocked, when no process holds it."""


_MAX_HOLDER = 32
"""Bytes to read of the file: a process id has fewer digits."""


@contextlib.contextmanager
def hold(directory: Path) -> Iterator[None]:
    """Hold `directory` for this process; make it, with mode 0700, if it does not exist.

    The kernel drops the lock when the process ends, in whatever way. Programs that this process starts do not
    inherit the lock; a `fork` without `exec` would.

    Raises:
        PathInUse: another process holds the directory; the text names its process id.
        UsageError: the directory cannot be made or written.
    """
    path = directory / LOCK_NAME
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # the file is never removed: a second daemon could otherwise lock a file that has no name any more
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise UsageError(f"cannot use {directory}: {error.strerror}. Choose another -path.") from error
    try:
        _lock(file, directory)
        os.ftruncate(file, 0)
        os.pwrite(file, b"%d\n" % os.getpid(), 0)
        yield
    finally:
        os.close(file)


def _lock(file: int, directory: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(file, _MAX_HOLDER, 0).strip()
        # the file is empty for an instant after another process has locked it
        who = f"process {int(holder)}" if holder.isdigit() else "another process"
        text = f"{directory} is in use by {who}. Stop that daemon or choose another -path."
        raise PathInUse(text) from None
    except OSError as error:
        raise UsageError(f"cannot lock {directory}: {error.strerror}. Choose another -path.") from error
