"""Events as JSON lines in a file, for `--events`."""

from __future__ import annotations

import errno
import logging
import os
import time
from pathlib import Path

from ...errors import UsageError
from ...events import Event, to_json

logger = logging.getLogger(__name__)


class EventLog:
    """Appends each event that it is called with to a file, at once, with the time of the call.

    When the file cannot be written any more (a full disk), that is logged once, and no more is written.
    A pipe or a terminal is written to as well; whoever reads it slowly makes the daemon wait.

    Raises:
        UsageError: the file cannot be opened for writing.
    """

    def __init__(self, path: Path) -> None:
        # non-blocking, or a named pipe that nobody reads would stop us here
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
        self._file = os.fdopen(fd, "wb", buffering=0)

    def __call__(self, event: Event) -> None:
        """Write an event. Never raises: an event is told wherever it happens."""
        if self._file.closed:
            return
        line = memoryview(to_json(event, time.time()).encode(errors="replace") + b"\n")
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError as error:
            logger.warning("no more events are written to %s: %s", self._path, error.strerror)
            self.close()

    def close(self) -> None:
        """Write no more; harmless when closed."""
        try:
            self._file.close()
        except OSError as error:
            logger.warning("%s: %s", self._path, error.strerror)
