"""Unchanged mpi4py programs whose ranks or daemons are killed: is the output the same, and how late is it?

The benchmark runs real daemons. At a random moment it kills with `kill -9` the process of a rank, or a daemon
that does not coordinate the job. It measures the time from the signal to the start of the last replacement,
and to the next new line of the program: by then all ranks have caught up.
"""

from __future__ import annotations

import random
import statistics
import time
from pathlib import Path
from typing import Literal

import attrs
import trio

from ..coordination.result import JobResult
from ..errors import MpiActorsError
from ..events import Log, RankLost, RankStarted
from ..ids import PeerId
from ..pool.local.job import LocalJob
from ..pool.local.pool import LocalPool, open_local_pool

Loss = Literal["process", "daemon"]
"""What is killed."""

RANKS = 4
"""Ranks of each job: more than daemons, so that some share a daemon."""
PEERS = 3
"""Daemons: one coordinates, one is killed, one is left."""
PROGRAMS = {"stencil": ("80", "500"), "mpi_collectives": ("2500", "120")}
"""Examples and their arguments: they run some seconds each, and print lines all the time."""
_DEADLINE = 120.0
"""Seconds that a job may take: ten times what it takes without a loss."""
_LATEST_LOSS = 0.85
"""The latest loss, as a part of the program's lines: lines must follow it."""


@attrs.frozen
class FaultsResult:
    """The losses in one program."""

    program: str
    """The name of the example."""
    loss: Loss
    seed: int
    """The seed of the random choices."""
    runs: int
    """All runs with a loss."""
    right: int
    """Runs that printed what the undisturbed one printed."""
    failures: tuple[str, ...]
    """What happened in the other runs."""
    started_s: tuple[float, ...]
    """Seconds from each loss to the start of its replacement."""
    went_on_s: tuple[float, ...]
    """Seconds from each loss to the next new line of the program."""


async def measure(store: Path, program: str, runs: int, loss: Loss, seed: int = 0) -> FaultsResult:
    """Run a program `runs` times with a loss in each.

    Args:
        store: a directory with the program.
        program: one of `PROGRAMS`.
        runs: the number of runs.
        loss: what to kill.
        seed: decides what is killed and when.

    Raises:
        MpiActorsError: the program fails even without a loss.
    """
    rng = random.Random(seed)
    failures: list[str] = []
    started: list[float] = []
    went_on: list[float] = []
    async with open_local_pool(store / program, peers=PEERS) as pool:
        begun = time.monotonic()
        undisturbed = await _outcome(await _start(pool, program))
        duration = time.monotonic() - begun
        if not undisturbed.ok:
            raise MpiActorsError(f"{program} fails without any loss: {undisturbed.reason}")
        lines = len(undisturbed.output)
        while (number := len(started) + len(failures)) < runs:
            job = await _start(pool, program)
            await _moment(job, rng, lines, duration)
            mended, resumed = await _lose_one(pool, job, loss, rng)
            result = await _outcome(job)
            if not (result.ok and result.output == undisturbed.output):
                failures.append(f"run {number} of seed {seed}: {result.reason or 'another output'}")
            elif mended is not None:
                started.append(mended)
                if resumed is not None:
                    went_on.append(resumed)
            await _refill(pool)
    right = runs - len(failures)
    return FaultsResult(program, loss, seed, runs, right, tuple(failures), tuple(started), tuple(went_on))


async def _start(pool: LocalPool, program: str) -> LocalJob:
    return await pool.start(program, RANKS, *PROGRAMS[program], restart="lost")


async def _outcome(job: LocalJob) -> JobResult:
    with trio.fail_after(_DEADLINE):
        return await job.wait()


async def _refill(pool: LocalPool) -> None:
    missing = PEERS - sum(peer.alive for peer in pool.peers)
    if missing:
        await pool.add_all(missing)


async def _moment(job: LocalJob, rng: random.Random, lines: int, duration: float) -> None:
    """Wait for a random moment of the job: a number of lines, then a part of the time between two lines."""
    wanted, started = rng.randrange(int(lines * _LATEST_LOSS)), False
    async for seen in job.events():
        started = started or (isinstance(seen.event, RankStarted) and len(job.ranks) == RANKS)
        wanted -= isinstance(seen.event, Log) and seen.event.rank == 0
        if started and wanted <= 0:
            break
    await trio.sleep(rng.uniform(0.0, duration / lines))


async def _lose_one(
    pool: LocalPool, job: LocalJob, loss: Loss, rng: random.Random
) -> tuple[float | None, float | None]:
    """Kill a process or a daemon.

    Returns:
        The seconds until the last lost rank started again, None if the job ended before; and the seconds
        until the next new line, None if the program had printed its last line.
    """
    if loss == "process":
        before = time.time()
        await pool.kill_process(rng.randrange(RANKS))
    else:
        victims = {_index(pool, rank.peer) for rank in job.ranks.values()} - {0}
        before = time.time()
        await pool.kill(rng.choice(sorted(victims or {PEERS - 1})))
    lost: set[int] = set()
    mended = None
    async for seen in job.events():
        match seen.event:
            case RankLost(rank=rank):
                lost.add(rank)
            case RankStarted(rank=rank) if seen.time > before and rank in lost:
                mended = seen.time - before
                lost.discard(rank)
            case Log(rank=0, stream="log") if mended and not lost and seen.time > before + mended:
                return mended, seen.time - before
    return mended, None


def _index(pool: LocalPool, peer: PeerId) -> int:
    return next(each.index for each in pool.peers if each.id == peer)


def report(result: FaultsResult) -> list[str]:
    """Return a line for people, and a line for each run that went wrong."""
    loss = {"process": "rank process, kill -9", "daemon": "daemon, kill -9"}[result.loss]
    text = f"{result.program}, {loss}, seed {result.seed}: {result.right} of {result.runs} right"
    for what, times in (("replaced", result.started_s), ("went on", result.went_on_s)):
        if times:
            text += f"; {what} after {_ms(statistics.median(times))} (median), {_ms(max(times))} (worst)"
    return [text, *(f"  {failure}" for failure in result.failures)]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
