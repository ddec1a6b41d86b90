"""The package's log records, as a person should see them."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

PACKAGE = "mpi_actors"
"""The logger above all loggers of the package."""


class ConsoleFormatter(logging.Formatter):
    """Formats a record as one line, without a traceback: tracebacks are for `-debug`."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the text of a record."""
        text = f"{record.levelname.lower()}: {record.getMessage()}"
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            text += f": {type(error).__name__}: {error}"
        return text.strip().replace("\n", "\n    ")


class ConsoleHandler(logging.Handler):
    """Writes to standard error, except while `diverted`.

    Args:
        debug: show all records with times and tracebacks; else warnings and errors in one line each.
    """

    def __init__(self, *, debug: bool) -> None:
        super().__init__(logging.DEBUG if debug else logging.WARNING)
        self.setFormatter(
            logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
            if debug
            else ConsoleFormatter()
        )
        self._write: Callable[[str], None] = _to_stderr

    def emit(self, record: logging.LogRecord) -> None:
        """See `logging.Handler.emit`."""
        try:
            self._write(self.format(record))
        except Exception:  # noqa: BLE001 - what logging prescribes
            self.handleError(record)

    @contextmanager
    def diverted(self, write: Callable[[str], None], soon: Callable[..., object]) -> Iterator[None]:
        """Inside, pass texts to `write`, always in this thread; `soon(write, text)` calls it from others."""
        home = threading.get_ident()

        def divert(text: str) -> None:
            if threading.get_ident() == home:
                write(text)
            else:
                soon(write, text)

        self._write = divert
        try:
            yield
        finally:
            self._write = _to_stderr


@contextmanager
def installed(*, debug: bool) -> Iterator[ConsoleHandler]:
    """Inside, show the package's records; with `debug`, also warnings of other packages."""
    handler = ConsoleHandler(debug=debug)
    ours = logging.getLogger(PACKAGE)
    place = logging.getLogger() if debug else ours
    before = ours.level, ours.propagate
    ours.setLevel(logging.DEBUG if debug else logging.WARNING)
    ours.propagate = debug
    place.addHandler(handler)
    try:
        yield handler
    finally:
        place.removeHandler(handler)
        ours.setLevel(before[0])
        ours.propagate = before[1]


def _to_stderr(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
