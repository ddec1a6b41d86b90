"""Unchanged mpi4py programs whose ranks or daemons are killed: is the output the same, and how long it takes.

Real daemons; `kill -9` of a rank's process, or of a daemon that has not started the job, at a random moment
of the program's run. Measured from the signal to the start of the last lost rank's replacement, and to the
next line that the program prints, which it had not printed before: by then all ranks have caught up.
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

RANKS = 4
PEERS = 3
PROGRAMS = {"stencil": ("80", "500"), "mpi_collectives": ("2500", "120")}
"""Examples and their arguments: some seconds each, with a line every now and then."""
_DEADLINE = 120.0
_LATEST = 0.85
"""The part of its lines that a program has printed, at the most, when something is lost."""


@attrs.frozen
class FaultsResult:
    """What was measured."""

    program: str
    loss: Loss
    seed: int
    runs: int
    right: int
    """Runs that printed what the undisturbed one printed."""
    failures: tuple[str, ...]
    """What happened in the others."""
    started_s: tuple[float, ...]
    """Seconds from each loss to the start of its replacement."""
    went_on_s: tuple[float, ...]
    """Seconds from each loss to the next new line of the program."""


async def measure(store: Path, program: str, runs: int, loss: Loss, seed: int = 0) -> FaultsResult:
    """Run a program `runs` times with a loss in each.

    Args:
        store: a directory with the program, one of `PROGRAMS`.
        seed: decides who is lost when.
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
            mended, on = await _lose_one(pool, job, loss, rng)
            result = await _outcome(job)
            if not (result.ok and result.output == undisturbed.output):
                failures.append(f"run {number} of seed {seed}: {result.reason or 'another output'}")
            elif mended is not None:
                started.append(mended)
                if on is not None:
                    went_on.append(on)
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
    """Wait for a random moment of the job: a number of lines, then a part of the time between two."""
    wanted, started = rng.randrange(int(lines * _LATEST)), False
    async for seen in job.events():
        started = started or (isinstance(seen.event, RankStarted) and len(job.ranks) == RANKS)
        wanted -= isinstance(seen.event, Log) and seen.event.rank == 0
        if started and wanted <= 0:
            break
    await trio.sleep(rng.uniform(0.0, duration / lines))


async def _lose_one(
    pool: LocalPool, job: LocalJob, loss: Loss, rng: random.Random
) -> tuple[float | None, float | None]:
    """Cause a loss.

    Returns:
        The seconds until the last lost rank was started again, None if the job was over before; and until the
        next line, None if the program had printed its last one.
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
    """A line for people, and one for each run that went wrong."""
    loss = {"process": "rank process, kill -9", "daemon": "daemon, kill -9"}[result.loss]
    text = f"{result.program}, {loss}, seed {result.seed}: {result.right} of {result.runs} right"
    for what, times in (("replaced", result.started_s), ("went on", result.went_on_s)):
        if times:
            text += f"; {what} after {_ms(statistics.median(times))} (median), {_ms(max(times))} (worst)"
    return [text, *(f"  {failure}" for failure in result.failures)]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
