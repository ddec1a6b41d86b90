"""The log of what a rank has sent, from which it can be sent again."""

from __future__ import annotations

import mmap
import os
from typing import IO, NamedTuple, Protocol

import xxhash

from ..errors import SendLogFull

Part = bytes | bytearray | memoryview
Payload = Part | tuple[Part, ...]

_MIB = 1024 * 1024
"""Bytes in a mebibyte, the unit of limits in errors."""
_ARENA_SIZE = 32 * _MIB
"""Bytes of memory taken from the system at a time for large copies: few calls, and little is left over."""
_LEAST_SHARED = 16 * 1024
"""Bytes: of equal payloads from this size on the log keeps one. Programs send one payload to many ranks."""
_LEAST_IN_ARENA = 128 * 1024
"""Bytes: copies from this size on go into an arena, as fresh memory costs a page fault for each page."""


class LogLimits(Protocol):
    """What a log may hold: the part of `config.LaneLimits` that concerns it."""

    @property
    def log_memory(self) -> int:
        """Bytes in memory; what is more goes into a file."""

    @property
    def log_total(self) -> int:
        """Bytes in memory and in the file together."""

    @property
    def log_messages(self) -> int:
        """How many messages."""


class Spilled(NamedTuple):
    """Where a payload lies in the spill file: its first byte, and how many bytes it has."""

    offset: int
    size: int


Stored = bytes | memoryview | Spilled
"""What the log gives for a payload that it keeps."""


class SendLog:
    """The payloads that one endpoint has sent, over all its lanes: in memory first, then in a spill file.

    Of large payloads that are equal, by the same digest that replay compares, the log keeps one. The spill
    file has no name, so that nothing is left behind however the process ends.

    Args:
        limits: what the log may hold; None for the defaults of `config.LaneLimits`.
        directory: where the spill file is made; None for the system's directory of temporary files.
    """

    def __init__(self, limits: LogLimits | None = None, *, directory: str | None = None) -> None:
        if limits is None:
            from ..config import LaneLimits  # ranks give limits, and do not load this

            limits = LaneLimits()
        # plain numbers: they are looked at for each message
        self._most_memory = limits.log_memory
        self._most = limits.log_total
        self.most_messages = limits.log_messages
        self.quickly = min(self._most, self._most_memory)
        """Bytes in memory up to which small `bytes` are just kept; below 0 once the file is in use."""
        self._directory = directory
        self._file: IO[bytes] | None = None
        self._spilled = 0
        self._arena = memoryview(b"")
        self._used = 0
        self._kept: dict[bytes, Stored] = {}
        self.count = 0
        """Messages held."""
        self.memory = 0
        """Bytes held in memory."""

    @property
    def total(self) -> int:
        """Bytes held, in memory and in the file."""
        return self.memory + self._spilled

    def add(self, payload: Payload) -> Stored:
        """Keep a payload and return what `read` takes.

        `bytes` are kept as they are; memory that can change is copied.

        Raises:
            SendLogFull: a limit of the log is reached, or the disk is full.
        """
        if type(payload) is bytes and len(payload) < _LEAST_SHARED and self.count < self.most_messages:
            memory = self.memory + len(payload)
            if memory <= self.quickly:
                self.count += 1
                self.memory = memory
                return payload
        return self._add(payload if isinstance(payload, tuple) else (payload,))

    def _add(self, parts: tuple[Part, ...]) -> Stored:
        size = sum(map(len, parts))
        mark = b""
        if size >= _LEAST_SHARED and self.count < self.most_messages:
            # a digest of all bytes costs much less than fresh memory for them
            mark = _mark(parts)
            kept = self._kept.get(mark)
            if kept is not None:
                self.count += 1
                return kept
        if self.total + size > self._most or self.count >= self.most_messages:
            raise SendLogFull(
                f"the rank's sender log reached its limit of {self._most // _MIB} MiB or "
                f"{self.most_messages} messages: each is kept until the job ends, so send less"
            )
        self.count += 1
        stored = self._store(parts, size)
        if mark:
            self._kept[mark] = stored
        return stored

    def _store(self, parts: tuple[Part, ...], size: int) -> Stored:
        if self.memory + size <= self._most_memory:
            self.memory += size
            return self._copy(parts, size)
        try:
            if self._file is None:
                self._file = _unnamed_file(self._directory)
            at = self._spilled
            for part in parts:
                _write_all(self._file.fileno(), part, at)
                at += len(part)
        except OSError as error:
            raise SendLogFull(f"the rank's sender log cannot be written to disk: {error}") from error
        self.quickly = -1
        stored = Spilled(self._spilled, size)
        self._spilled += size
        return stored

    def _copy(self, parts: tuple[Part, ...], size: int) -> Stored:
        if size < _LEAST_IN_ARENA:
            return b"".join(parts) if len(parts) > 1 else bytes(parts[0])
        if len(parts) == 1 and isinstance(parts[0], bytes):
            return parts[0]
        if size > _ARENA_SIZE // 4:
            place = _memory(size)
        else:
            if self._used + size > len(self._arena):
                self._arena, self._used = _memory(_ARENA_SIZE), 0
            place = self._arena[self._used : self._used + size]
            self._used += size + -size % 64
        at = 0
        for part in parts:
            place[at : at + len(part)] = part
            at += len(part)
        return place

    def read(self, stored: Stored) -> bytes | memoryview:
        """Return the payload that `add` kept."""
        if not isinstance(stored, Spilled):
            return stored
        assert self._file is not None
        return os.pread(self._file.fileno(), stored.size, stored.offset)

    def close(self) -> None:
        """Release the memory and the file."""
        self._arena = memoryview(b"")
        if self._file is not None:
            self._file.close()
            self._file = None


def _mark(parts: tuple[Part, ...]) -> bytes:
    if len(parts) == 1:
        return xxhash.xxh3_128_digest(parts[0])
    state = xxhash.xxh3_128()
    for part in parts:
        state.update(part)
    return state.digest()


def _memory(size: int) -> memoryview:
    # Private: a first touch of shared memory takes longer. No huge pages: a virtual machine may
    # have given its large free blocks back to its host, and each of them takes milliseconds to come again.
    return memoryview(mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))


def _unnamed_file(directory: str | None) -> IO[bytes]:
    import tempfile  # takes 10 ms to load, and few ranks need it

    return tempfile.TemporaryFile(buffering=0, dir=directory, prefix="mpi-actors-log-")


def _write_all(fd: int, data: Part, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        offset += written
        view = view[written:]
