"""Blocks on disk, for many threads and processes at the same time. All methods do blocking work on files."""

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
"""The file in the directory that is locked, and never removed."""

_LOCK_POLL = 0.02

_log = logging.getLogger(__name__)


class BlockStore:
    """The blocks in `directory`, which is made if need be.

    A block has one file, whatever the version and codec of the identifiers that it goes by. What was left by
    processes that died while they wrote is removed.

    Raises:
        StoreDamaged: the directory cannot be made or read.
        DiskFull: there is no room for it.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._collecting = False
        with self._failures("use"):
            self._files = BlockFiles(directory)
            self._files.tidy()

    # --- single blocks ------------------------------------------------------------------------------------

    def put(self, cid: Cid, data: AnyBytes, *, checked: bool = False) -> bool:
        """Keep a block; False if it was there already.

        Args:
            cid: its identifier.
            data: its bytes.
            checked: that the caller has just made the identifier from these bytes.

        Raises:
            BadBlock: the bytes are not of that identifier, or too many.
            DiskFull: there is no room for it. Nothing of it is left.
            StoreDamaged: it cannot be written.
        """
        if len(data) > MAX_BLOCK:
            raise BadBlock(f"the block {cid} has {len(data)} bytes; more than {MAX_BLOCK} are not taken")
        if not checked and not cid.matches(data):
            raise BadBlock(f"{len(data)} bytes are not the block {cid}")
        with self._failures("write"):
            return self._files.write(cid.digest, data)

    def get(self, cid: Cid) -> bytes:
        """The bytes of a block, checked. A damaged one is removed, so that it can be had again from others.

        Raises:
            ContentMissing: it is not here, or was damaged.
            StoreDamaged: it cannot be read.
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
            StoreDamaged: that cannot be told.
        """
        with self._failures("read"):
            return self._files.stat(cid.digest) is not None

    def size(self, cid: Cid) -> int:
        """The bytes of a block.

        Raises:
            ContentMissing: it is not here.
            StoreDamaged: that cannot be told.
        """
        with self._failures("read"):
            found = self._files.stat(cid.digest)
        if found is None:
            raise self._absent(cid)
        return found.st_size

    def leaf_size(self, cid: Cid) -> int | None:
        """The bytes of a file that are in a block, if it is here and seen at once to be a leaf; else None.

        Its beginning only is read, and nothing checked.

        Raises:
            StoreDamaged: it cannot be read.
        """
        with self._failures("read"):
            found = self._files.stat(cid.digest)
            if found is None or not is_node(cid):
                return None if found is None else found.st_size
            head = self._files.read(cid.digest, reader.HEAD_SIZE)
        return None if head is None else reader.leaf_size(head, found.st_size)

    def delete(self, cid: Cid) -> bool:
        """Remove a block; False if it was not here.

        Raises:
            StoreDamaged: it cannot be removed.
        """
        with self._failures("write"):
            return self._files.remove(cid.digest)

    def _absent(self, cid: Cid) -> ContentMissing:
        return ContentMissing(f"the block {cid} is not in {self.directory}")

    # --- all of them --------------------------------------------------------------------------------------

    def __iter__(self) -> Iterator[bytes]:
        """The SHA-256 of every block, in order."""
        with self._failures("read"):
            digests = list(self._files.digests())
        return iter(digests)

    def usage(self) -> tuple[int, int]:
        """How many blocks there are, and their bytes.

        Raises:
            StoreDamaged: that cannot be told.
        """
        count = size = 0
        with self._failures("read"):
            for digest in self._files.digests():
                found = self._files.stat(digest)
                if found is not None:
                    count, size = count + 1, size + found.st_size
        return count, size

    def missing(self, root: Cid, limits: TreeLimits | None = None, *, most: int = 100) -> list[Cid]:
        """The first blocks that a tree lacks here, `most` at most; none if it is complete.

        What is below a missing block cannot be told. Leaves are not read, so one may turn out to be damaged.

        Raises:
            ContentRefused: the tree goes over a limit, makes no sense, or has names that cannot be used.
            StoreDamaged: something cannot be read.
        """
        return marking.missing(self, root, limits or TreeLimits(), most)

    def collect(
        self, live: Iterable[Cid], *, single: Iterable[Cid] = (), below: Cid | None = None
    ) -> Collected:
        """Remove what is not needed. Only to be called inside `collecting`, where `live` has to be made, too.

        Args:
            live: roots of trees to keep, as far as they are here.
            single: blocks to keep, without what is below them.
            below: the root of a tree outside of which nothing is removed; None to look at all blocks.

        Raises:
            StoreDamaged: something cannot be read or removed.
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
        """Inside, nobody removes blocks, so that what is put stays until something refers to it.

        Any number may write at the same time. Whoever is `collecting` must not wait for this.

        Args:
            timeout: seconds to wait for a collection to end.

        Raises:
            StoreBusy: it did not end in time.
            StoreDamaged: the lock cannot be used.
        """
        with self._lock(fcntl.LOCK_SH, timeout, "removing blocks from it"):
            yield

    @contextlib.contextmanager
    def collecting(self, timeout: float = 10.0) -> Iterator[None]:
        """Inside, nobody is `writing`, so that what nothing refers to can be removed.

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
            os.close(file)  # and with it the lock goes

    def _try_lock(self, file: int, kind: int) -> bool:
        with self._failures("lock"):
            try:
                fcntl.flock(file, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
        return True

    @contextlib.contextmanager
    def _failures(self, doing: str) -> Iterator[None]:
        """Give errors of the operating system a name."""
        try:
            yield
        except OSError as error:
            if tells_full(error):
                raise disk_full(self.directory) from error
            text = f"cannot {doing} {self.directory}: {error.strerror}. Is it yours to use?"
            raise StoreDamaged(text) from error
