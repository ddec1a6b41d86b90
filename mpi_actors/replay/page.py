"""The page: shared memory in which one incarnation of a rank writes its choices. It outlives the process.

The daemon makes it, filled with what earlier incarnations chose, and passes its descriptor to the process.
The process appends; the daemon reads. Bytes are written first and counted afterwards, so whoever reads sees
whole records, also when the process was killed in between.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from contextlib import suppress

from ..errors import BadPage, PageFull

HEADER_SIZE = 4096
"""Bytes before the choices: one page of the machine's memory, which both sides map."""
MOST = 64 * 1024 * 1024
"""Bytes of choices in one page: a choice takes one or two, so this is more than most programs make."""
SCARCE = 64 * 1024
"""Bytes that are kept in reserve: a rank says that its page is nearly full while it can still write."""
_LEAST = 64 * 1024
"""Bytes of choices for which a new page has memory."""
_MAGIC = b"MPI-page"
_VERSION = 1
"""The version of this format; the daemon and the process must have the same."""
_FIXED = struct.Struct("<8sQ")
"""What the header begins with: magic, version."""
_WRITTEN = 64
"""Where in the header the number of bytes written is: in a cache line of its own."""
_IN_ORDER = os.uname().machine in ("x86_64", "i686")
"""Processors on which others see stores in the order in which a process made them."""


class Page:
    """One page, at either end. Only one process may append, and only one thread of it at a time.

    Args:
        fd: the memory's descriptor; the page closes it.
        limit: how many bytes of choices it may hold.

    Raises:
        BadPage: the memory is no page, or was cut short.
    """

    __slots__ = ("_area", "_at", "_counter", "_data", "_header", "_limit", "_room", "fd", "scarce")

    def __init__(self, fd: int, limit: int = MOST) -> None:
        self.fd = fd
        self.scarce = False
        """Less than `SCARCE` bytes are left, and there will be no more."""
        self._limit = limit
        size = os.fstat(fd).st_size
        if size < HEADER_SIZE:
            raise BadPage(f"the page of a rank's choices has {size} bytes, less than its header")
        self._header = mmap.mmap(fd, HEADER_SIZE)
        if self._header[: _FIXED.size] != _FIXED.pack(_MAGIC, _VERSION):
            self._header.close()
            raise BadPage("the page of a rank's choices does not begin as one of this version")
        self._counter = memoryview(self._header)[_WRITTEN : _WRITTEN + 8].cast("Q")
        self._area: mmap.mmap | None = None
        self._data = memoryview(b"")
        self._at = 0
        self._room = 0
        """`append` needs `_grow` to write beyond this byte."""

    @classmethod
    def create(cls, recovered: bytes = b"", *, limit: int = MOST) -> Page:
        """Return a new page that has the choices of the incarnations before; for the daemon.

        Raises:
            PageFull: the system has no memory or no descriptor for it.
        """
        fd = -1
        try:
            fd = os.memfd_create("mpi-actors-choices", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            os.posix_fallocate(fd, 0, HEADER_SIZE + max(_LEAST, len(recovered)))
            # nobody can cut it: reading what was cut off would end the daemon
            fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK)
            os.pwrite(fd, _FIXED.pack(_MAGIC, _VERSION), 0)
            _write_all(fd, recovered, HEADER_SIZE)
        except OSError as error:
            if fd >= 0:
                os.close(fd)
            raise PageFull(f"there is no memory for a rank's choices: {error}") from error
        page = cls(fd, limit)
        page._counter[0] = len(recovered)
        return page

    @classmethod
    def open(cls, fd: int, *, limit: int = MOST) -> Page:
        """Return the page that the daemon gave to this process, ready to append; for the rank.

        Raises:
            BadPage: the descriptor is not that of a page, or the page was cut short.
        """
        try:
            os.set_inheritable(fd, False)
            page = cls(fd, limit)
        except OSError as error:
            raise BadPage(f"the page of a rank's choices cannot be opened: {error}") from error
        page._at = page.written
        page._map(page._memory())
        return page

    @property
    def claims(self) -> int:
        """How many bytes of choices are in the page, by its own word, which costs little to read."""
        return self._counter[0]

    @property
    def written(self) -> int:
        """How many bytes of choices are in the page.

        Raises:
            BadPage: the page has not that many bytes.
        """
        written = self.claims
        room = self._memory()
        if written > room:
            raise BadPage(f"the page of a rank's choices has room for {room} bytes and claims {written}")
        return written

    def read(self, start: int = 0) -> bytes:
        """Return the choices from byte `start` on.

        Raises:
            BadPage: the page has fewer bytes than it must have.
        """
        missing = self.written - start
        if missing < 0:
            raise BadPage(f"the page of a rank's choices had {start} bytes and now claims {start + missing}")
        pieces = []
        while missing:
            piece = os.pread(self.fd, missing, HEADER_SIZE + start)
            if not piece:
                raise BadPage(f"the page of a rank's choices ends at byte {start}")
            pieces.append(piece)
            start += len(piece)
            missing -= len(piece)
        return b"".join(pieces)

    def append(self, data: bytes) -> None:
        """Write more choices.

        Raises:
            PageFull: the limit is reached, or the system has no more memory.
        """
        at = self._at
        end = at + len(data)
        if end > self._room:
            self._grow(end)
        if _IN_ORDER:
            self._data[at:end] = data
        else:
            _write_all(self.fd, data, HEADER_SIZE + at)  # a system call: what follows is not seen before it
        self._at = end
        self._counter[0] = end

    def _grow(self, end: int) -> None:
        """Make room up to byte `end`: get more memory while the last `SCARCE` bytes are still unused."""
        have = self._memory()
        if not self.scarce and have < self._limit:
            more = min(self._limit, max(2 * have, end + SCARCE)) - have
            with suppress(OSError):  # then what is there has to do
                os.posix_fallocate(self.fd, HEADER_SIZE + have, more)
            have = self._memory()
            self._map(have)
        if end <= have - SCARCE:
            self._room = have - SCARCE
            return
        self.scarce = True
        if end > have:
            raise PageFull(f"the page of a rank's choices is full, with {self._at} bytes")
        self._room = have

    def _memory(self) -> int:
        return os.fstat(self.fd).st_size - HEADER_SIZE

    def _map(self, size: int) -> None:
        self._unmap()
        if size:
            self._area = mmap.mmap(self.fd, size, offset=HEADER_SIZE)
            self._data = memoryview(self._area)

    def _unmap(self) -> None:
        self._data.release()
        self._data = memoryview(b"")
        if self._area is not None:
            self._area.close()
            self._area = None

    def close(self) -> None:
        """Give the memory and the descriptor back. The memory lives on while another process has it."""
        if self.fd >= 0:
            self._unmap()
            self._counter.release()
            self._header.close()
            os.close(self.fd)
            self.fd = -1


def _write_all(fd: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        count = os.pwrite(fd, view, offset)
        offset += count
        view = view[count:]
