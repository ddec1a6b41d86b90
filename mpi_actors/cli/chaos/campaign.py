"""All runs of a program: first undisturbed, then with faults, on pools that are mended in between."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import attrs
import trio

from ...config import JobLimits
from ...errors import JobFailed, MpiActorsError
from ...events import Event
from ...faults import FaultPlan
from ...pool.local.job import LocalJob
from ...pool.local.peer import LocalPeer
from ...pool.local.pool import LocalPool, open_local_pool
from ...wire.script import ScriptProgram
from ..arguments.chaos import MAX_SEED, ChaosArguments
from ..run.launch import start_on
from .transcript import Expectation, Transcript
from .trial import Conductor, Slots, Trial, lasting
from .verdict import RunVerdict, judge

_UNDISTURBED = 2
"""Runs without faults: the second shows whether the program always writes the same."""
_UNDISTURBED_PATIENCE = 3600.0
"""Seconds that a run without faults may take: an hour, so that one that hangs is noticed some time."""
_MEND_PATIENCE = 60.0
"""Seconds in which a pool must be whole again after a run; after that a new one is opened."""
_LEAST_PATIENCE = 30.0
"""Seconds that a run with faults may take at least: a busy machine is slow to start processes."""
_SLOWER = 10.0
"""How many times as long as undisturbed a run with faults may take."""
_LONGEST_FAULT = 5.0
"""Seconds that a stop or a cut at random lasts at most: longer than it takes to notice it."""
_BRIEF_STOP = 1.0
"""Seconds that a stop at random of the coordinator's peer lasts at most: others must not take it for dead."""
_MOST_FAULTS = 3
"""Faults of a random plan: one alone is the usual case, and three find what two hide."""
_MANY_LINES = 5
"""Lines from which on faults at random also come at lines."""


@attrs.frozen
class Outcome:
    """One run with faults, after its end."""

    number: int
    """From 1."""
    seed: int
    trial: Trial
    verdict: RunVerdict
    name: str
    """The name of the error, if it failed by name."""
    details: tuple[str, ...]
    """What is wrong, or why it failed."""


@attrs.frozen
class Baseline:
    """What the runs without faults gave."""

    expectation: Expectation
    code: int
    """Their exit code."""
    shortest: float
    """Seconds that the shortest took …"""
    longest: float
    """… and the longest."""

    @property
    def lines(self) -> int:
        """The lines of the shortest."""
        return min(run.count for run in self.expectation.runs)


class Audience(Protocol):
    """Who is told of the runs as they happen."""

    def on_undisturbed(self, baseline: Baseline) -> None:
        """The runs without faults are over."""

    def on_begin(self, number: int, seed: int, plan: FaultPlan) -> None:
        """A run begins."""

    def on_news(self, trial: Trial) -> None:
        """Something has happened in the run."""

    def on_outcome(self, outcome: Outcome) -> None:
        """A run is over."""


class Campaign:
    """Runs a program as `options` say. `outcomes` grows meanwhile; `run` may be cancelled at any time.

    Args:
        options: what a person wants.
        program: what `run.launch.program_of` returned.
        audience: who is told.
    """

    def __init__(self, options: ChaosArguments, program: ScriptProgram | Path, audience: Audience) -> None:
        self.seed = random.SystemRandom().randint(0, MAX_SEED) if options.seed is None else options.seed
        """Decides what comes at random. Run number k has the seed `seed` + k - 1."""
        self.outcomes: list[Outcome] = []
        self._options = options
        self._program = program
        self._audience = audience
        self._conductor = Conductor(audience.on_news)
        self._baseline: Baseline | None = None
        self._until = float("inf")

    async def run(self) -> None:
        """Do all runs.

        Raises:
            JobFailed: the program fails without any fault.
            MpiActorsError: the daemons cannot be started, or the program cannot be run.
        """
        while self._goes_on():
            await self._on_one_pool()

    def _goes_on(self) -> bool:
        runs = self._options.runs
        return (runs is None or len(self.outcomes) < runs) and time.monotonic() < self._until

    async def _on_one_pool(self) -> None:
        """Run trials until all are done, or the pool cannot be mended."""
        options = self._options.program

        async def on_event(peer: LocalPeer, at: float, event: Event) -> None:
            if peer.index == 0:  # which coordinates the job
                self._conductor.on_event(event, at)

        store = None if isinstance(self._program, ScriptProgram) else self._program
        async with open_local_pool(
            store, peers=options.peers, debug=options.debug, on_event=on_event
        ) as pool:
            slots = Slots(pool, options.peers)
            if self._baseline is None:
                self._baseline = await self._undisturbed(slots)
                if self._options.minutes is not None:
                    self._until = time.monotonic() + 60 * self._options.minutes
                self._audience.on_undisturbed(self._baseline)
            mended = True
            while mended and self._goes_on():
                await self._trial(slots, self._baseline)
                mended = await self._mend(slots)

    async def _start(self, pool: LocalPool) -> LocalJob:
        return await start_on(pool, self._program, self._options.program)

    async def _undisturbed(self, slots: Slots) -> Baseline:
        runs: list[Transcript] = []
        seconds: list[float] = []
        code = 0
        for _ in range(_UNDISTURBED):
            trial, ended = await self._conductor.run(
                slots, lambda: self._start(slots.pool), FaultPlan(), _UNDISTURBED_PATIENCE
            )
            result = trial.job.result if trial.job is not None else None
            if result is None or not ended:
                raise JobFailed("the program does not end, even without any fault")
            if not result.ok:
                raise JobFailed(f"the program fails without any fault: {result.reason}")
            runs.append(trial.transcript)
            seconds.append(trial.seconds)
            code = result.exit_code
        return Baseline(Expectation(tuple(runs)), code, min(seconds), max(seconds))

    async def _trial(self, slots: Slots, baseline: Baseline) -> None:
        number = len(self.outcomes) + 1
        seed = self.seed + number - 1
        plan = self._plan(seed, baseline)
        self._audience.on_begin(number, seed, plan)
        trial, ended = await self._conductor.run(
            slots, lambda: self._start(slots.pool), plan, self._patience(plan, baseline)
        )
        result = trial.job.result if trial.job is not None else None
        if not ended or result is None:
            outcome = Outcome(number, seed, trial, RunVerdict.HUNG, "", tuple(trial.why))
        else:
            verdict, name, details = judge(result, trial.transcript, baseline.expectation, baseline.code)
            if verdict is RunVerdict.FAILED:
                details = [result.reason.partition("\n")[0]]
            outcome = Outcome(number, seed, trial, verdict, name, tuple(details))
        self.outcomes.append(outcome)
        self._audience.on_outcome(outcome)

    def _plan(self, seed: int, baseline: Baseline) -> FaultPlan:
        events = {"line": baseline.lines} if baseline.lines >= _MANY_LINES else {}
        given = self._options.plan
        if given is not None:
            return attrs.evolve(given.settled(seed, horizon=baseline.shortest, events=events), seed=seed)
        return FaultPlan.random(
            seed,
            peers=self._options.program.peers,
            ranks=self._options.program.size,
            faults=random.Random(seed).randint(1, _MOST_FAULTS),
            horizon=baseline.shortest,
            events=events,
            longest=_LONGEST_FAULT,
            brief=_BRIEF_STOP,
        )

    def _patience(self, plan: FaultPlan, baseline: Baseline) -> float:
        if self._options.patience is not None:
            return self._options.patience
        usual = max(_LEAST_PATIENCE, _SLOWER * baseline.longest)
        # a rank may have to wait for a peer; what a fault holds up may have to be noticed first
        return usual + JobLimits().wait_for_host + 2 * lasting(plan)

    async def _mend(self, slots: Slots) -> bool:
        """Make the pool whole; return whether that was possible."""
        if not slots.pool.peer(0).alive:
            return False
        with trio.move_on_after(_MEND_PATIENCE):
            try:
                await slots.relieve()
                await slots.refill()
            except MpiActorsError:
                return False
            return True
        return False


def counts(outcomes: list[Outcome]) -> dict[RunVerdict, int]:
    """Return how many runs ended in each way."""
    return {verdict: sum(each.verdict is verdict for each in outcomes) for verdict in RunVerdict}


def failures(outcomes: list[Outcome]) -> Iterator[Outcome]:
    """Yield the runs that were not right, the worst first."""
    order = (RunVerdict.WRONG, RunVerdict.HUNG, RunVerdict.FAILED)
    for verdict in order:
        yield from (each for each in outcomes if each.verdict is verdict)
