"""Events as JSON lines in a file, for `--events`."""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

from ...errors import UsageError
from ...events import Event, to_json
from ...process.descriptors import write_all
from .streams import write_from_trio

logger = logging.getLogger(__name__)


class EventLog:
    """Appends events to a file, each one as it comes.

    When the file cannot be written any more (a full disk, a pipe without a reader), the log says so once and
    writes no more: no job fails because of that.

    Args:
        path: the file. It may be a pipe or a terminal; then a slow reader makes the writer wait.
        complain: takes the text that says why no more is written.

    Raises:
        UsageError: the file cannot be opened for writing.
    """

    def __init__(self, path: Path, complain: Callable[[str], object] = logger.warning) -> None:
        # non-blocking: to open a named pipe would wait for somebody who reads it
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK
        try:
            fd = os.open(path, flags, 0o666)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            if isinstance(error, OSError) and error.errno == errno.ENXIO:
                reason = "nobody reads that pipe"
            raise UsageError(f"cannot write events to {path}: {reason}") from error
        os.set_blocking(fd, True)
        self._path = path
        self._complain = complain
        self._fd: int | None = fd

    def on_event(self, event: Event) -> None:
        """Append an event that happens now. This blocks, and raises nothing to whoever emits the event."""
        if self._fd is not None:
            try:
                write_all(self._fd, _line(event, time.time()))
            except OSError as error:
                self._give_up(error)

    async def append(self, event: Event, when: float) -> None:
        """Append an event that happened at `when`, in seconds since 1970, while other tasks go on."""
        if self._fd is not None:
            try:
                await write_from_trio(self._fd, _line(event, when))
            except OSError as error:
                self._give_up(error)

    def close(self) -> None:
        """Write no more. Closing a closed log does nothing."""
        fd, self._fd = self._fd, None
        if fd is not None:
            try:
                os.close(fd)
            except OSError as error:
                self._complain(f"{self._path}: {error.strerror}")

    def _give_up(self, error: OSError) -> None:
        self._complain(f"no more events are written to {self._path}: {error.strerror}")
        self.close()


def _line(event: Event, when: float) -> bytes:
    return to_json(event, when).encode() + b"\n"
