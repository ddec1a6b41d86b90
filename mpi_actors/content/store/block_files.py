"""Files that are named after the SHA-256 of their bytes, in 256 subdirectories.

Each file appears whole or not at all. Only regular files count, and no symbolic link is followed. All methods
raise OSError when the operating system refuses something.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

from ...process.descriptors import write_all
from ..formats.cid import DIGEST_SIZE, AnyBytes
from .disk import READ_FLAGS

INCOMING = "incoming"
"""Name of the subdirectory with files that are being written."""
MAX_WRITE_TIME = 3600.0
"""Seconds after which a file in it counts as left by a dead process: no block takes so long to write."""

_FOLDER_FLAGS = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_WRITE_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ABSENT = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP})
_FOLDER_NAME = re.compile("[0-9a-f]{2}")
_FILE_NAME = re.compile(f"[0-9a-f]{{{2 * DIGEST_SIZE}}}")


class BlockFiles:
    """The files in `directory`, which is made if it does not exist."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._open_or_make(INCOMING) as incoming:
            self._incoming = os.dup(incoming)
        weakref.finalize(self, os.close, self._incoming)

    def stat(self, digest: bytes) -> os.stat_result | None:
        """Return what the operating system says of a file; None if there is no such file."""
        name = digest.hex()
        try:
            with self._open(name[:2]) as folder:
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise
        return found if stat.S_ISREG(found.st_mode) else None

    def read(self, digest: bytes, most: int) -> bytes | None:
        """Return the first `most` bytes of a file; b"" if the disk lost them; None if there is no file."""
        name = digest.hex()
        try:
            with self._open(name[:2]) as folder:
                file = os.open(name, READ_FLAGS, dir_fd=folder)
        except OSError as error:
            if error.errno in _ABSENT:
                return None
            raise
        try:
            found = os.fstat(file)
            return os.read(file, min(most, found.st_size)) if stat.S_ISREG(found.st_mode) else None
        except OSError as error:
            if error.errno == errno.EIO:
                return b""
            raise
        finally:
            os.close(file)

    def write(self, digest: bytes, data: AnyBytes) -> bool:
        """Make a file; return False if there is one of that size already."""
        name = digest.hex()
        # few system calls: after each, this thread may wait for others of a busy program
        with self._open_or_make(name[:2]) as folder:
            with contextlib.suppress(FileNotFoundError):
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if stat.S_ISREG(found.st_mode) and found.st_size == len(data):
                    return False
            temporary = f"{name}.{secrets.token_hex(8)}"
            file = os.open(temporary, _WRITE_FLAGS, 0o600, dir_fd=self._incoming)
            try:
                write_all(file, data)
                os.rename(temporary, name, src_dir_fd=self._incoming, dst_dir_fd=folder)
            except BaseException:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(temporary, dir_fd=self._incoming)
                raise
            finally:
                os.close(file)
        return True

    def remove(self, digest: bytes) -> bool:
        """Remove a file; return False if there is no such file."""
        name = digest.hex()
        try:
            with self._open(name[:2]) as folder:
                os.unlink(name, dir_fd=folder)
        except OSError as error:
            if error.errno in _ABSENT:
                return False
            raise
        return True

    def digests(self) -> Iterator[bytes]:
        """Yield the SHA-256 of every file, in order."""
        for folder in self._list("."):
            if _FOLDER_NAME.fullmatch(folder):
                for name in self._list(folder):
                    if name.startswith(folder) and _FILE_NAME.fullmatch(name):
                        yield bytes.fromhex(name)

    def tidy(self) -> None:
        """Remove files that were left by processes which died while they wrote."""
        for name in os.listdir(self._incoming):
            with contextlib.suppress(FileNotFoundError, IsADirectoryError):
                found = os.stat(name, dir_fd=self._incoming, follow_symlinks=False)
                if found.st_mtime < time.time() - MAX_WRITE_TIME:
                    os.unlink(name, dir_fd=self._incoming)

    @contextlib.contextmanager
    def _open(self, name: str) -> Iterator[int]:
        folder = os.open(self._directory / name, _FOLDER_FLAGS)
        try:
            yield folder
        finally:
            os.close(folder)

    def _list(self, name: str) -> list[str]:
        try:
            with self._open(name) as folder:
                return sorted(os.listdir(folder))
        except OSError as error:
            if error.errno in _ABSENT:
                return []
            raise

    @contextlib.contextmanager
    def _open_or_make(self, name: str) -> Iterator[int]:
        """Like `_open`, but make the folder if it does not exist."""
        try:
            folder = os.open(self._directory / name, _FOLDER_FLAGS)
        except FileNotFoundError:
            with contextlib.suppress(FileExistsError):
                os.mkdir(self._directory / name, 0o700)
            folder = os.open(self._directory / name, _FOLDER_FLAGS)
        try:
            yield folder
        finally:
            os.close(folder)
