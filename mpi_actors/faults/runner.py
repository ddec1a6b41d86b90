"""What of a fault plan is due. `FaultRunner` knows no clock: its caller tells it the time."""

from __future__ import annotations

from collections import Counter
from math import inf

import attrs

from .plan import After, AtEvent, CutOff, Fault, FaultPlan, FreezePeer, KillPeer, Partition


@attrs.frozen
class Thaw:
    """End a peer's stop."""

    peer: int


@attrs.frozen
class Heal:
    """End the cut between two peers, `a` < `b`."""

    a: int
    b: int


Relief = Thaw | Heal
"""The end of a fault that lasts for some time."""


class FaultRunner:
    """Decides which faults of a plan are due. Times are seconds since the plan began, and never go back.

    The caller carries out what `note_event` and `due` return, in that order, with `apply`. A peer that two
    faults stop goes on when the later of the two ends; the same holds for cuts.
    """

    def __init__(self, plan: FaultPlan) -> None:
        timed = [(fault.when.seconds, fault) for fault in plan.faults if isinstance(fault.when, After)]
        self._timed = sorted(timed, key=lambda entry: entry[0])
        self._waiting = [fault for fault in plan.faults if isinstance(fault.when, AtEvent)]
        self._events: Counter[str] = Counter()
        self._until: dict[Relief, float] = {}

    @property
    def next_due(self) -> float:
        """When `due` next has something to return, if no event comes before; infinity if never."""
        return min([self._timed[0][0] if self._timed else inf, *self._until.values()])

    @property
    def finished(self) -> bool:
        """Whether all faults have been returned, and the ends of all that last."""
        return not (self._timed or self._waiting or self._until)

    def note_event(self, kind: str, now: float) -> list[Fault]:
        """Count one event; return the faults that it triggers."""
        self._events[kind] += 1
        hit = AtEvent(kind, self._events[kind])
        started = [fault for fault in self._waiting if fault.when == hit]
        for fault in started:
            self._waiting.remove(fault)
            self._start(fault, now)
        return started

    def due(self, now: float) -> list[Fault | Relief]:
        """Return what is due by `now` and not returned yet: first the ends of faults, then new faults."""
        over = sorted((end, str(relief), relief) for relief, end in self._until.items() if end <= now)
        found: list[Fault | Relief] = [relief for _, _, relief in over]
        self._until = {relief: end for relief, end in self._until.items() if end > now}
        while self._timed and self._timed[0][0] <= now:
            fault = self._timed.pop(0)[1]
            self._start(fault, now)
            found.append(fault)
        return found

    def _start(self, fault: Fault, now: float) -> None:
        match fault:
            case FreezePeer():
                self._extend(Thaw(fault.peer), now + fault.seconds)
            case CutOff():
                self._extend(Heal(min(fault.a, fault.b), max(fault.a, fault.b)), now + fault.seconds)
            case Partition():
                for pair in fault.pairs:
                    self._extend(Heal(*pair), now + fault.seconds)
            case KillPeer():
                self._until.pop(Thaw(fault.peer), None)

    def _extend(self, relief: Relief, until: float) -> None:
        self._until[relief] = max(until, self._until.get(relief, -inf))
