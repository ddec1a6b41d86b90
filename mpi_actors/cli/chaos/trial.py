"""One run of a program on a pool while a plan's faults are carried out."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable

import attrs
import trio

from ...errors import MpiActorsError
from ...events import Event, Log
from ...faults import (
    CutOff,
    DropLane,
    Fault,
    FaultDriver,
    FaultPlan,
    FreezePeer,
    KillPeer,
    KillProcess,
    Partition,
    SlowLink,
)
from ...faults.plan import line, message
from ...faults.text import format_fault, format_seconds
from ...ids import Rank
from ...pool.local.job import LocalJob
from ...pool.local.pool import LocalPool
from .timeline import Timeline
from .transcript import Transcript

_COUNT_EVERY = 0.02
"""Seconds between two questions how many messages a rank has sent: only plans that count messages ask."""
_WHY_PATIENCE = 3.0
"""Seconds that hosts have to say what the ranks of a run do that hangs."""
_KILL_PATIENCE = 20.0
"""Seconds in which a run that hangs must end when it is killed; otherwise its pool is given up."""

_SENT_BY_MPI = re.compile(r"has sent (\d+) messages")
_SENT_BY_LINES = re.compile(r"\b\d+: (\d+) sent \(")


@attrs.define
class Trial:
    """One run, as it is known so far."""

    plan: FaultPlan
    transcript: Transcript = attrs.field(factory=Transcript)
    timeline: Timeline = attrs.field(factory=lambda: Timeline(time.time()))
    job: LocalJob | None = None
    why: list[str] = attrs.field(factory=list)
    """What each rank did when the run counted as hung."""
    seconds: float = 0.0
    """How long the run took."""
    never: list[str] = attrs.field(factory=list)
    """Faults of the plan whose moment had not come when the run ended."""


def lasting(plan: FaultPlan) -> float:
    """Return for how many seconds the faults of a plan can hold up a run."""
    return sum(getattr(fault, "seconds", 0.0) for fault in plan.faults)


class Slots:
    """A pool as a plan sees it: its peers are numbered by their slots, and a replaced peer leaves its slot.

    It is a `faults.FaultTarget`.

    Args:
        pool: the pool.
        peers: the number of slots.
    """

    def __init__(self, pool: LocalPool, peers: int) -> None:
        self.pool = pool
        self.peers = peers
        self.slots = list(range(peers))
        """The pool's number of the peer in each slot."""

    async def kill_process(self, rank: Rank) -> None:
        """Kill the process of a rank."""
        await self.pool.kill_process(rank)

    async def kill_peer(self, i: int) -> None:
        """Kill the peer in a slot."""
        await self.pool.kill(self.slots[i])

    async def freeze_peer(self, i: int) -> None:
        """Stop the peer in a slot."""
        await self.pool.freeze(self.slots[i])

    async def thaw_peer(self, i: int) -> None:
        """Let the peer in a slot go on."""
        await self.pool.thaw(self.slots[i])

    async def cut(self, i: int, j: int) -> None:
        """Let no bytes pass between the peers in two slots."""
        await self.pool.cut(self.slots[i], self.slots[j])

    async def heal(self, i: int, j: int) -> None:
        """Let bytes pass again."""
        await self.pool.heal(self.slots[i], self.slots[j])

    async def slow(self, i: int, j: int, delay: float) -> None:
        """Slow the link between the peers in two slots."""
        await self.pool.slow(self.slots[i], self.slots[j], delay)

    async def drop_lane(self, rank: Rank, other: Rank) -> None:
        """End the lane between two ranks."""
        await self.pool.drop_lane(rank, other)

    async def relieve(self) -> None:
        """End all that may still be stopped, cut or slow."""
        for i in range(self.peers):
            await self.thaw_peer(i)
            for j in range(i):
                await self.heal(i, j)
                await self.slow(i, j, 0.0)

    async def refill(self) -> None:
        """Put new peers into the slots of those that were lost, and wait until all are connected.

        Raises:
            MpiActorsError: the pool does not come together.
        """
        empty = [i for i, number in enumerate(self.slots) if not self.pool.peer(number).alive]
        for i, peer in zip(empty, await self.pool.add_all(len(empty)) if empty else [], strict=True):
            self.slots[i] = peer.index
        await self.pool.settle()


class _Told:
    """A target that tells a timeline of each step."""

    def __init__(self, slots: Slots, timeline: Timeline) -> None:
        self._slots = slots
        self._timeline = timeline

    def _tell(self, text: str, *, ends: bool = False) -> None:
        self._timeline.on_fault(text, time.time(), ends=ends)

    async def kill_process(self, rank: Rank) -> None:
        self._tell(f"kill {rank}")
        await self._slots.kill_process(rank)

    async def kill_peer(self, i: int) -> None:
        self._tell(f"kill peer {i}")
        await self._slots.kill_peer(i)

    async def freeze_peer(self, i: int) -> None:
        self._tell(f"freeze peer {i}")
        await self._slots.freeze_peer(i)

    async def thaw_peer(self, i: int) -> None:
        self._tell(f"peer {i} goes on", ends=True)
        await self._slots.thaw_peer(i)

    async def cut(self, i: int, j: int) -> None:
        self._tell(f"cut {i}-{j}")
        await self._slots.cut(i, j)

    async def heal(self, i: int, j: int) -> None:
        self._tell(f"{i}-{j} is whole again", ends=True)
        await self._slots.heal(i, j)

    async def slow(self, i: int, j: int, delay: float) -> None:
        if delay:
            self._tell(f"slow {i}-{j} by {format_seconds(delay)}")
        else:
            self._tell(f"{i}-{j} is fast again", ends=True)
        await self._slots.slow(i, j, delay)

    async def drop_lane(self, rank: Rank, other: Rank) -> None:
        self._tell(f"drop lane {rank}-{other}")
        await self._slots.drop_lane(rank, other)


class Conductor:
    """Runs trials on one pool, one at a time. Give `on_event` to the pool.

    Args:
        tell: called whenever something has happened in the trial that runs.
    """

    def __init__(self, tell: Callable[[Trial], None]) -> None:
        self._tell = tell
        self._trial: Trial | None = None
        self._driver: FaultDriver | None = None

    def on_event(self, event: Event, at: float) -> None:
        """An event of the coordinator's peer has come, `at` seconds since 1970."""
        trial = self._trial
        if trial is None or getattr(event, "job", None) is None:
            return
        if trial.job is not None and getattr(event, "job", None) != trial.job.id:
            return  # of a run before, which was given up
        trial.timeline.on_event(event, at)
        if isinstance(event, Log) and trial.transcript.add(event) and self._driver is not None:
            self._driver.note_event(line())
            self._driver.note_event(line(event.rank))
        self._tell(trial)

    async def run(
        self, slots: Slots, start: Callable[[], Awaitable[LocalJob]], plan: FaultPlan, patience: float
    ) -> tuple[Trial, bool]:
        """Run a program once; return the trial, and whether it ended within `patience` seconds.

        The times of the plan begin when the job has been started. A run that hangs is killed.
        """
        self._trial = trial = Trial(plan)
        begun = time.monotonic()
        try:
            async with trio.open_nursery() as nursery:
                # before the job starts, so that no line goes uncounted
                self._driver = driver = FaultDriver(plan, _Told(slots, trial.timeline))
                trial.job = job = await start()
                nursery.start_soon(driver.run)
                nursery.start_soon(self._count_messages, job, driver)
                with trio.move_on_after(patience) as scope:
                    await job.wait()
                trial.seconds = time.monotonic() - begun
                hung = scope.cancelled_caught
                if hung:
                    await self._give_up(slots, trial, job)
                nursery.cancel_scope.cancel()
            trial.never = [format_fault(fault) for fault in driver.left]
            return trial, not hung
        finally:
            self._trial = self._driver = None

    async def _count_messages(self, job: LocalJob, driver: FaultDriver) -> None:
        while kinds := {kind for kind in driver.waits_for() if kind.startswith("message ")}:
            await trio.sleep(_COUNT_EVERY)
            try:
                states = await job.why(_COUNT_EVERY * 10)
            except MpiActorsError:
                return  # the coordinator is gone, and the job with it
            for rank, state in enumerate(states):
                if message(rank) in kinds:
                    driver.note_count(message(rank), messages_in(state))

    async def _give_up(self, slots: Slots, trial: Trial, job: LocalJob) -> None:
        try:
            with trio.move_on_after(2 * _WHY_PATIENCE):
                trial.why = await job.why(_WHY_PATIENCE)
        except MpiActorsError as error:
            trial.why = [f"nobody answers: {error}"]
        await slots.relieve()
        job.kill("it hung")
        with trio.move_on_after(_KILL_PATIENCE):
            await job.wait()


def messages_in(state: str) -> int:
    """Return how many messages a rank has sent, as its answer to `why` says; 0 if it says nothing of it."""
    found = _SENT_BY_MPI.search(state)
    return int(found[1]) if found else sum(map(int, _SENT_BY_LINES.findall(state)))


def kind_of(fault: Fault) -> str:
    """Return the name of a kind of fault, for tables."""
    match fault:
        case KillProcess():
            return "kill process"
        case KillPeer():
            return "kill peer"
        case FreezePeer():
            return "freeze peer"
        case CutOff() | Partition():
            return "cut"
        case SlowLink():
            return "slow link"
        case DropLane():
            return "drop lane"


def plan_line(plan: FaultPlan) -> str:
    """Return a plan as one line to paste after `--faults`."""
    return "; ".join(map(format_fault, plan.faults))
