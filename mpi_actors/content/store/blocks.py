"""A store of blocks on disk, which many threads and processes use at the same time. All methods block."""

from __future__ import annotations

import contextlib
import fcntl
import logging
import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...errors import BadBlock, ContentMissing, StoreBusy, StoreDamaged
from ..formats import reader
from ..formats.cid import AnyBytes, Cid
from ..formats.dagpb import is_node
from ..formats.limits import MAX_BLOCK, TreeLimits
from . import marking
from .backend import Collected
from .block_files import BlockFiles
from .disk import disk_full, tells_full

LOCK_NAME = "lock"
"""Name of the file in the directory on which locks are taken; it is never removed."""

_LOCK_POLL = 0.02
"""Seconds between two attempts to take a lock: too short for a person to notice, and no load."""

_log = logging.getLogger(__name__)


class BlockStore:
    """The blocks in `directory`, which is made if it does not exist.

    A block has one file, whatever the versions and codecs of its identifiers. Files that were left by
    processes which died while they wrote are removed.

    Raises:
        StoreDamaged: the directory cannot be made or read.
        DiskFull: the disk has no room for the directory.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._collecting = False
        with self._failures("use"):
            self._files = BlockFiles(directory)
            self._files.tidy()

    # --- single blocks ------------------------------------------------------------------------------------

    def put(self, cid: Cid, data: AnyBytes, *, checked: bool = False) -> bool:
        """Store a block; return False if it was there already.

        Args:
            cid: its identifier.
            data: its bytes.
            checked: the caller has just hashed these bytes, so they need not be hashed again.

        Raises:
            BadBlock: the bytes do not have that identifier, or are too many.
            DiskFull: the disk has no room for the block. Nothing of it is left.
            StoreDamaged: the block cannot be written.
        """
        if len(data) > MAX_BLOCK:
            raise BadBlock(f"the block {cid} has {len(data)} bytes; more than {MAX_BLOCK} are not taken")
        if not checked and not cid.matches(data):
            raise BadBlock(f"{len(data)} bytes are not the block {cid}")
        with self._failures("write"):
            return self._files.write(cid.digest, data)

    def get(self, cid: Cid) -> bytes:
        """Return the bytes of a block, which are checked. A damaged block is removed: others may have it.

        Raises:
            ContentMissing: the block is not here, or was damaged.
            StoreDamaged: the block cannot be read.
        """
        with self._failures("read"):
            data = self._files.read(cid.digest, MAX_BLOCK + 1)
            if data is not None:
                if cid.matches(data):
                    return data
                _log.warning("removed the damaged block %s from %s", cid, self.directory)
                self._files.remove(cid.digest)
        raise self._absent(cid)

    def has(self, cid: Cid) -> bool:
        """Whether a block is here; it may turn out to be damaged.

        Raises:
            StoreDamaged: the directory cannot be read.
        """
        with self._failures("read"):
            return self._files.stat(cid.digest) is not None

    def size(self, cid: Cid) -> int:
        """Return how many bytes a block has.

        Raises:
            ContentMissing: the block is not here.
            StoreDamaged: the directory cannot be read.
        """
        with self._failures("read"):
            found = self._files.stat(cid.digest)
        if found is None:
            raise self._absent(cid)
        return found.st_size

    def leaf_size(self, cid: Cid) -> int | None:
        """Return how many bytes of a file are in a block, if it is here and surely a leaf; else None.

        Only the beginning of the block is read, and its hash is not checked.

        Raises:
            StoreDamaged: the block cannot be read.
        """
        with self._failures("read"):
            found = self._files.stat(cid.digest)
            if found is None or not is_node(cid):
                return None if found is None else found.st_size
            head = self._files.read(cid.digest, reader.HEAD_SIZE)
        return None if head is None else reader.leaf_size(head, found.st_size)

    def delete(self, cid: Cid) -> bool:
        """Remove a block; return False if it was not here.

        Raises:
            StoreDamaged: the block cannot be removed.
        """
        with self._failures("write"):
            return self._files.remove(cid.digest)

    def _absent(self, cid: Cid) -> ContentMissing:
        return ContentMissing(f"the block {cid} is not in {self.directory}")

    # --- all of them --------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[bytes]:
        """Iterate over the SHA-256 of every block, in order."""
        with self._failures("read"):
            digests = list(self._files.digests())
        return iter(digests)

    def usage(self) -> tuple[int, int]:
        """Return how many blocks there are, and how many bytes they have.

        Raises:
            StoreDamaged: the directory cannot be read.
        """
        count = size = 0
        with self._failures("read"):
            for digest in self._files.digests():
                found = self._files.stat(digest)
                if found is not None:
                    count, size = count + 1, size + found.st_size
        return count, size

    def missing(self, root: Cid, limits: TreeLimits | None = None, *, most: int = 100) -> list[Cid]:
        """Return the first blocks of a tree that are not here, `most` at most; none if the tree is complete.

        Blocks below a missing one are not known. Leaves are not read, so one may turn out to be damaged.

        Raises:
            ContentRefused: the tree goes over a limit, makes no sense, or has names that cannot be used.
            StoreDamaged: a block cannot be read.
        """
        return marking.missing(self, root, limits or TreeLimits(), most)

    def collect(
        self, live: Iterable[Cid], *, single: Iterable[Cid] = (), below: Cid | None = None
    ) -> Collected:
        """Remove blocks that are not needed. Call this inside `collecting`, and find out `live` there, too.

        Args:
            live: roots of trees to keep, as far as they are here.
            single: blocks to keep, without what is below them.
            below: the root of the only tree of which blocks may be removed; None to look at all blocks.

        Raises:
            RuntimeError: the caller is not inside `collecting`.
            StoreDamaged: a block cannot be read or removed.
        """
        if not self._collecting:
            raise RuntimeError("collect() is called outside of collecting()")
        needed = marking.reachable(self, live)
        needed.update(cid.digest for cid in single)
        count = size = 0
        for digest in self if below is None else marking.reachable(self, [below]):
            with self._failures("write"):
                found = None if digest in needed else self._files.stat(digest)
                if found is not None and self._files.remove(digest):
                    count, size = count + 1, size + found.st_size
        with self._failures("write"):
            self._files.tidy()
        return Collected(count, size)

    # --- locks between threads and processes --------------------------------------------------------------

    @contextlib.contextmanager
    def writing(self, timeout: float = 60.0) -> Iterator[None]:
        """Enter a context in which no process removes blocks: new blocks stay until something refers to them.

        Any number of threads and processes may write at the same time. A thread that is `collecting` must not
        enter this.

        Args:
            timeout: seconds to wait for a collection to end.

        Raises:
            StoreBusy: the collection did not end in time.
            StoreDamaged: the lock cannot be used.
        """
        with self._lock(fcntl.LOCK_SH, timeout, "removing blocks from it"):
            yield

    @contextlib.contextmanager
    def collecting(self, timeout: float = 10.0) -> Iterator[None]:
        """Enter a context in which no thread or process is `writing`: blocks can be removed.

        Args:
            timeout: seconds to wait for those that write.

        Raises:
            StoreBusy: they did not end in time.
            StoreDamaged: the lock cannot be used.
        """
        with self._lock(fcntl.LOCK_EX, timeout, "adding to it"):
            self._collecting = True
            try:
                yield
            finally:
                self._collecting = False

    @contextlib.contextmanager
    def _lock(self, kind: int, timeout: float, doing: str) -> Iterator[None]:
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with self._failures("lock"):
            file = os.open(self.directory / LOCK_NAME, flags, 0o600)
        try:
            deadline = time.monotonic() + timeout
            while not self._try_lock(file, kind):
                if time.monotonic() >= deadline:
                    raise StoreBusy(f"{self.directory} is in use: a process is {doing}. Try again later.")
                time.sleep(_LOCK_POLL)
            yield
        finally:
            os.close(file)  # this releases the lock

    def _try_lock(self, file: int, kind: int) -> bool:
        with self._failures("lock"):
            try:
                fcntl.flock(file, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    @contextlib.contextmanager
    def _failures(self, doing: str) -> Iterator[None]:
        """Turn errors of the operating system into StoreDamaged or DiskFull."""
        try:
            yield
        except OSError as error:
            if tells_full(error):
                raise disk_full(self.directory) from error
            text = f"cannot {doing} {self.directory}: {error.strerror}. Is it yours to use?"
            raise StoreDamaged(text) from error
