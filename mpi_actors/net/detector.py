"""Decides when a silent peer is dead, from the heartbeats so far. No clock: the caller gives the time."""

from __future__ import annotations

from ..config import Timing

_SMOOTHING = 0.05
"""Weight of the newest gap in the running means: about the last 20 gaps count, 4 s of heartbeats."""
_DEVIATIONS = 8
"""Deviations above the mean that a gap may be long: TCP takes 4 for a retransmission, a death costs more."""


class Detector:
    """An adaptive failure detector for one link.

    It keeps a running mean and deviation of the gaps between heartbeats, as TCP does for round trips
    (Jacobson 1988). A peer is dead after `dead_after` seconds of silence; after more, up to
    `dead_after_most`, if gaps have been long and uneven. Pauses of this process do not count against the
    peer: a check that comes late moves the deadline by as much.
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
        """Seconds of silence after which the peer is dead."""
        estimate = self._mean + _DEVIATIONS * self._deviation
        return min(max(self._timing.dead_after, estimate), self._timing.dead_after_most)

    def on_heartbeat(self, now: float) -> None:
        """Note a heartbeat of the peer."""
        gap = max(0.0, now - self._beat - self._grace - self._own_delay(now))
        self._last = self._beat = now
        self._grace = 0.0
        self._deviation += _SMOOTHING * (abs(gap - self._mean) - self._deviation)
        self._mean += _SMOOTHING * (gap - self._mean)

    def on_traffic(self, now: float) -> None:
        """Note another sign of life, which says nothing about the rhythm of heartbeats."""
        self._last = max(self._last, now)

    def silent_for(self, now: float) -> float:
        """Return the seconds since the last sign of life."""
        return now - self._last

    def check(self, now: float) -> bool:
        """Return whether the peer is dead. Call this about every `heartbeat` seconds."""
        # if this process was stopped or starved, it has not read yet what arrived meanwhile
        self._grace += self._own_delay(now)
        self._checked = now
        return now - self._last > self.patience + self._grace

    def _own_delay(self, now: float) -> float:
        return max(0.0, now - self._checked - 2 * self._timing.heartbeat)
