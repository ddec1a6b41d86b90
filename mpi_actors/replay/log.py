"""What a rank has sent, kept so that it can be sent again."""

from __future__ import annotations

import os
import tempfile
from typing import IO

import attrs

from ..config import MIB, LaneLimits
from ..errors import SendLogFull


@attrs.frozen
class Spilled:
    """Where a payload lies in the spill file."""

    offset: int
    size: int


Stored = bytes | Spilled


class SendLog:
    """One endpoint's sent payloads, for all its lanes: in memory first, then a spill file, then an error.

    The spill file has no name, so that nothing is left behind however the daemon ends.
    """

    def __init__(self, limits: LaneLimits | None = None, *, directory: str | None = None) -> None:
        self._limits = limits or LaneLimits()
        self._directory = directory
        self._file: IO[bytes] | None = None
        self._spilled = 0
        self._count = 0
        self.memory = 0
        """Bytes held in memory."""

    @property
    def total(self) -> int:
        """Bytes held in all."""
        return self.memory + self._spilled

    def add(self, payload: bytes) -> Stored:
        """Keep a payload; returns what `read` takes.

        Raises:
            SendLogFull: the log's limit is reached, or the disk is full.
        """
        size = len(payload)
        if self.total + size > self._limits.log_total or self._count >= self._limits.log_messages:
            raise SendLogFull(
                f"the rank's sender log reached its limit of {self._limits.log_total // MIB} MiB or "
                f"{self._limits.log_messages} messages: each is kept until the job ends, so send less"
            )
        self._count += 1
        if self.memory + size <= self._limits.log_memory:
            self.memory += size
            return payload
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(  # noqa: SIM115 - closed by `close`
                    buffering=0, dir=self._directory, prefix="mpi-actors-log-"
                )
            _write_all(self._file.fileno(), payload, self._spilled)
        except OSError as error:
            raise SendLogFull(f"the rank's sender log cannot be written to disk: {error}") from error
        stored = Spilled(self._spilled, size)
        self._spilled += size
        return stored

    def read(self, stored: Stored) -> bytes:
        """The payload that `add` kept."""
        if isinstance(stored, bytes):
            return stored
        assert self._file is not None
        return os.pread(self._file.fileno(), stored.size, stored.offset)

    def close(self) -> None:
        """Give the memory and the file back."""
        if self._file is not None:
            self._file.close()
            self._file = None


def _write_all(fd: int, data: bytes, offset: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(fd, view, offset)
        offset += written
        view = view[written:]
