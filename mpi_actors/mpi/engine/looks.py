"""Looks at clocks: what they saw is recorded, and a new incarnation sees it again.

Whoever reads the clocks lets them go on where the recorded looks end (`boot.clocks`)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from threading import get_ident

MOST_UNSAID = 256
"""Looks that wait until something leaves, or until there are so many: enough to make each cheap."""


class Looks:
    """The looks of one rank. Those of the thread that made this object are recorded, others are not.

    Args:
        recorded: what earlier incarnations saw, in nanoseconds, by clock.
        on_unsaid: is called when the first look waits to be recorded, and when more than `MOST_UNSAID` do.
    """

    __slots__ = ("_on_unsaid", "_repeat", "_thread", "recording", "unsaid")

    def __init__(self, recorded: Mapping[int, Sequence[int]], on_unsaid: Callable[[], None]) -> None:
        self._repeat = {number: deque(seen) for number, seen in recorded.items()}
        self._on_unsaid = on_unsaid
        self._thread = get_ident()
        self.recording = False
        self.unsaid: deque[tuple[int, int]] = deque()
        """Looks that are not in the page yet: the clock and what it showed. Nobody has seen consequences."""

    def last(self, number: int) -> int | None:
        """Return what the last recorded look at a clock saw; None if there is none to repeat."""
        repeat = self._repeat.get(number)
        return repeat[-1] if repeat else None

    def clock(self, number: int, read: Callable[[], int]) -> int:
        """Look at a clock; return what it shows, in nanoseconds.

        Args:
            number: which clock, see `replay.choices`.
            read: reads the clock of this process.
        """
        if get_ident() != self._thread:
            return read()
        repeat = self._repeat.get(number)
        if repeat:
            return repeat.popleft()
        now = read()
        if self.recording:
            # one step, so that a signal handler between two looks changes nothing
            self.unsaid.append((number, now))
            waiting = len(self.unsaid)
            if waiting == 1 or waiting > MOST_UNSAID:
                self._on_unsaid()
        return now
