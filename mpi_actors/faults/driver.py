"""Carries out a fault plan, by trio's clock.

The target may be an in-memory network, or real daemons and processes. Nothing in them is patched.
"""

from __future__ import annotations

from typing import Protocol, assert_never

import trio

from ..actors import Bell
from ..ids import Rank
from .plan import CutOff, DropLane, Fault, FaultPlan, FreezePeer, KillPeer, KillProcess, Partition, SlowLink
from .runner import FaultRunner, Hasten, Heal, Relief, Thaw


class FaultTarget(Protocol):
    """A pool on which a plan is carried out. Each method does nothing when there is nothing (more) to do."""

    async def kill_process(self, rank: Rank) -> None:
        """Kill the process of a rank."""

    async def kill_peer(self, i: int) -> None:
        """Kill the `i`-th peer."""

    async def freeze_peer(self, i: int) -> None:
        """Stop the `i`-th peer until `thaw_peer`."""

    async def thaw_peer(self, i: int) -> None:
        """Let the `i`-th peer go on."""

    async def cut(self, i: int, j: int) -> None:
        """Let no bytes pass between the `i`-th and the `j`-th peer until `heal`."""

    async def heal(self, i: int, j: int) -> None:
        """Let bytes pass between the `i`-th and the `j`-th peer again."""

    async def slow(self, i: int, j: int, delay: float) -> None:
        """Let what the two peers send each other take `delay` seconds longer; 0 ends that."""

    async def drop_lane(self, rank: Rank, other: Rank) -> None:
        """End the connection between the processes of two ranks; they get another one."""


async def apply(step: Fault | Relief, target: FaultTarget) -> None:
    """Carry out one step that a `FaultRunner` returned."""
    match step:
        case KillProcess():
            await target.kill_process(step.rank)
        case KillPeer():
            await target.kill_peer(step.peer)
        case FreezePeer():
            await target.freeze_peer(step.peer)
        case CutOff():
            await target.cut(step.a, step.b)
        case Partition():
            for a, b in step.pairs:
                await target.cut(a, b)
        case SlowLink():
            await target.slow(step.a, step.b, step.delay)
        case DropLane():
            await target.drop_lane(step.rank, step.other)
        case Hasten():
            await target.slow(step.a, step.b, 0.0)
        case Thaw():
            await target.thaw_peer(step.peer)
        case Heal():
            await target.heal(step.a, step.b)
        case _:
            assert_never(step)


class FaultDriver:
    """Carries out a plan on a target. The plan begins when the driver is made."""

    def __init__(self, plan: FaultPlan, target: FaultTarget) -> None:
        self._runner = FaultRunner(plan)
        self._target = target
        self._began = trio.current_time()
        self._triggered: list[Fault] = []
        self._bell = Bell()

    @property
    def left(self) -> list[Fault]:
        """The faults of the plan whose moment has not come."""
        return self._runner.left

    def note_event(self, kind: str) -> None:
        """Count one event. `run` carries out what it triggers, as soon as that task gets its turn."""
        self._start(self._runner.note_event(kind, trio.current_time() - self._began))

    def note_count(self, kind: str, count: int) -> None:
        """Note that `count` events of a kind have happened in all; else as `note_event`."""
        self._start(self._runner.note_count(kind, count, trio.current_time() - self._began))

    def waits_for(self) -> set[str]:
        """Return the kinds of event for which faults still wait."""
        return self._runner.waits_for()

    def _start(self, faults: list[Fault]) -> None:
        if faults:
            self._triggered += faults
            self._bell.ring()

    async def run(self) -> None:
        """Carry out each step when it is due; return when the plan has none left."""
        while self._triggered or not self._runner.finished:
            steps = [*self._triggered, *self._runner.due(self._now())]
            self._triggered = []
            for step in steps:
                await apply(step, self._target)
            if not self._triggered and not steps:
                with trio.move_on_at(self._began + self._runner.next_due):
                    await self._bell.wait()

    def _now(self) -> float:
        # Rounding must not give a time before `next_due` when the clock has just reached it.
        now, due = trio.current_time(), self._runner.next_due
        return due if self._began + due <= now else now - self._began
