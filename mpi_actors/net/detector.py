"""When is a silent peer dead? A pure estimate from the heartbeats so far."""

from __future__ import annotations

from ..config import Timing

_SMOOTHING = 0.05


class Detector:
    """An adaptive failure detector for one link.

    It keeps a running mean and deviation of the gaps between signs of life (as TCP does for round trips;
    Jacobson 1988) and calls a peer dead after `dead_after` seconds of silence, or later when gaps have been
    long and uneven, up to `dead_after_most`. Our own pauses do not count against others: a check that comes
    late itself moves the deadline by as much.
    """

    def __init__(self, timing: Timing, now: float) -> None:
        self._timing = timing
        self._last = now
        self._beat = now
        self._checked = now
        self._grace = 0.0
        self._mean = timing.heartbeat
        self._deviation = timing.heartbeat / 4

    @property
    def patience(self) -> float:
        """Seconds of silence that are still no death."""
        estimate = self._mean + 8 * self._deviation
        return min(max(self._timing.dead_after, estimate), self._timing.dead_after_most)

    def heard(self, now: float) -> None:
        """A sign of life."""
        gap = max(0.0, now - self._beat - self._grace - self._own_delay(now))
        self._last = self._beat = now
        self._grace = 0.0
        self._deviation += _SMOOTHING * (abs(gap - self._mean) - self._deviation)
        self._mean += _SMOOTHING * (gap - self._mean)

    def seen(self, now: float) -> None:
        """A sign of life that is no heartbeat: it says nothing about their rhythm."""
        self._last = max(self._last, now)

    def silent_for(self, now: float) -> float:
        """Seconds since the last sign of life."""
        return now - self._last

    def check(self, now: float) -> bool:
        """Is the peer dead? To be called every `heartbeat` seconds or so."""
        # if we were stopped or starved ourselves, what arrived meanwhile is yet to be read
        self._grace += self._own_delay(now)
        self._checked = now
        return now - self._last > self.patience + self._grace

    def _own_delay(self, now: float) -> float:
        return max(0.0, now - self._checked - 2 * self._timing.heartbeat)
