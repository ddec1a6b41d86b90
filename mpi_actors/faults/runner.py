"""What of a fault plan is due. `FaultRunner` knows no clock: its caller tells it the time."""

from __future__ import annotations

from collections import Counter
from math import inf

import attrs

from ..errors import BadFaultPlan
from .plan import (
    After,
    AtEvent,
    AtRandom,
    CutOff,
    Fault,
    FaultPlan,
    FreezePeer,
    KillPeer,
    Partition,
    SlowLink,
)


@attrs.frozen
class Thaw:
    """End a peer's stop."""

    peer: int


@attrs.frozen
class Heal:
    """End the cut between two peers, `a` < `b`."""

    a: int
    b: int


@attrs.frozen
class Hasten:
    """End the slowness of the link between two peers, `a` < `b`."""

    a: int
    b: int


Relief = Thaw | Heal | Hasten
"""The end of a fault that lasts for some time."""


class FaultRunner:
    """Decides which faults of a plan are due. Times are seconds since the plan began, and never go back.

    The caller carries out what `note_event` and `due` return, in that order, with `apply`. A peer that two
    faults stop goes on when the later of the two ends; the same holds for cuts and slow links.

    Raises:
        BadFaultPlan: a fault comes at random, so somebody has to draw its moment (`FaultPlan.settled`).
    """

    def __init__(self, plan: FaultPlan) -> None:
        if any(isinstance(fault.when, AtRandom) for fault in plan.faults):
            raise BadFaultPlan("a fault comes at random: draw its moment first, with `FaultPlan.settled`")
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
    def left(self) -> list[Fault]:
        """The faults that have not come."""
        return [*(fault for _, fault in self._timed), *self._waiting]

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

    def note_count(self, kind: str, count: int, now: float) -> list[Fault]:
        """Note that `count` events of a kind have happened in all; return the faults that this triggers."""
        started: list[Fault] = []
        for k in range(self._events[kind] + 1, count + 1):
            self._events[kind] = k - 1
            started += self.note_event(kind, now)
        return started

    def waits_for(self) -> set[str]:
        """Return the kinds of event for which faults still wait."""
        return {fault.when.kind for fault in self._waiting if isinstance(fault.when, AtEvent)}

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
            case SlowLink():
                self._extend(Hasten(min(fault.a, fault.b), max(fault.a, fault.b)), now + fault.seconds)
            case Partition():
                for pair in fault.pairs:
                    self._extend(Heal(*pair), now + fault.seconds)
            case KillPeer():
                self._until.pop(Thaw(fault.peer), None)

    def _extend(self, relief: Relief, until: float) -> None:
        self._until[relief] = max(until, self._until.get(relief, -inf))
