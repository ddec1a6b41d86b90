"""The decisions of supervision, without tasks or clocks."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from .spec import Intensity, Strategy


def affected(strategy: Strategy, order: Sequence[str], ended: str) -> tuple[str, ...]:
    """Return the children to stop and start again when `ended` must be restarted: in start order, with
    `ended`.

    Args:
        strategy: the strategy of the supervisor.
        order: the ids of all children, in start order.
        ended: the id of the child that ended.
    """
    if strategy is Strategy.ONE_FOR_ONE:
        return (ended,)
    if strategy is Strategy.REST_FOR_ONE:
        return tuple(order[order.index(ended) :])
    return tuple(order)


class RestartWindow:
    """Remembers the times of restarts within the last period of an intensity."""

    def __init__(self, intensity: Intensity) -> None:
        self._intensity = intensity
        self._times: deque[float] = deque()

    def admit(self, now: float) -> bool:
        """Count a restart at `now` (seconds, never less than before); return False if it is one too many."""
        self._times.append(now)
        while now - self._times[0] > self._intensity.period:
            self._times.popleft()
        return len(self._times) <= self._intensity.max_restarts
