"""Reporting how far a transfer is, no more often than a person can see."""

from __future__ import annotations

import math
from collections.abc import Callable

from .backend import OnProgress, TransferProgress

SMALLEST_STEP = 1 << 20
"""Bytes between two reports at least, without a clock: 1 MiB, which a disk reads in milliseconds."""
MAX_STEPS = 1000
"""Reports of one transfer at most, without a clock: steps of 0.1 %."""
INTERVAL = 0.1
"""Seconds between two reports at least, with a clock: a screen need not change more often."""


class Meter:
    """Reports the progress of one transfer, but leaves out reports that come too soon after the last one.

    Args:
        report: is called with the progress; None for nobody.
        clock: tells the time in seconds, by which reports are spaced; None to space them by bytes, for a
            worker thread, where trio's clock cannot be read.
    """

    def __init__(self, report: OnProgress | None, clock: Callable[[], float] | None = None) -> None:
        self._report = report
        self._clock = clock
        self.done = 0
        """Bytes that have been transferred."""
        self.total: int | None = None
        """Bytes in all, as far as it is known; it may turn out to be too small."""
        self._last: TransferProgress | None = None
        self._next_time = -math.inf

    def advance(self, size: int) -> None:
        """Count `size` more bytes, and report if it is time."""
        self.update(self.done + size, self.total)

    def update(self, done: int, total: int | None) -> None:
        """Set how many bytes are done, and how many there are; report if it is time."""
        self.done, self.total = done, total
        if self._report is not None and self._is_due():
            self._say()

    def end(self) -> None:
        """Report that all is done, unless the last report has said so."""
        self.total = self.done
        if self._last != TransferProgress(self.done, self.done):
            self._say()

    def _is_due(self) -> bool:
        if self._clock is None:
            reported = 0 if self._last is None else self._last.done
            return self.done - reported >= max(SMALLEST_STEP, (self.total or 0) // MAX_STEPS)
        now = self._clock()
        if now < self._next_time:
            return False
        self._next_time = now + INTERVAL
        return True

    def _say(self) -> None:
        total = None if self.total is None else max(self.total, self.done)
        self._last = TransferProgress(self.done, total)
        if self._report is not None:
            self._report(self._last)
