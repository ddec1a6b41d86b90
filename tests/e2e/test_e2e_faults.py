"""Real losses: `kill -9` of daemons and of rank processes, SIGSTOP. The answer stays the same."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random

import pytest
import trio
from e2e_harness import EXAMPLES, leaves_nothing
from e2e_ring import ring

from mpi_actors.events import Log, RankStarted
from mpi_actors.pool.local.job import LocalJob
from mpi_actors.pool.local.pool import LocalPool, open_local_pool

pytestmark = pytest.mark.e2e

RANKS = 4
ROUNDS = 12
DELAY = "0.02"


async def logged(job: LocalJob, lines: int) -> None:
    """Wait until rank 0 has logged that many lines, or the job is over."""
    if lines:
        async for seen in job.events():
            if isinstance(seen.event, Log) and seen.event.rank == 0:
                lines -= 1
                if lines == 0:
                    return


async def start_ring(pool: LocalPool) -> LocalJob:
    """The job of these tests."""
    return await pool.start("round_echo", RANKS, str(ROUNDS), DELAY)


async def has_the_answer(job: LocalJob) -> None:
    """The job ends with what it gives without any loss."""
    result = await job.wait()
    assert result.ok, result.reason
    assert result.output[-1] == f"answer: {ring(RANKS, ROUNDS)}"
    assert len(result.output) == ROUNDS + 1


@pytest.mark.parametrize("seed", [1, 2])
async def test_losses_change_nothing(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rank processes and a daemon are killed and a daemon is stopped, at moments that the seed decides."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    rng = Random(seed)
    with trio.fail_after(600), leaves_nothing(tmp_path):
        async with open_local_pool(EXAMPLES / "round_echo", peers=3) as pool:
            job = await start_ring(pool)
            for rank in rng.sample(range(RANKS), 2):
                await logged(job, rng.randrange(ROUNDS))
                await pool.kill_process(rank)
            await has_the_answer(job)

            victim, frozen = rng.sample([1, 2], 2)
            job = await start_ring(pool)
            await logged(job, rng.randrange(ROUNDS))
            await pool.kill(victim)
            await has_the_answer(job)

            job = await start_ring(pool)
            await logged(job, rng.randrange(1, ROUNDS // 2))
            await pool.freeze(frozen)
            await has_the_answer(job)
            await pool.thaw(frozen)
            await pool.settle()
            await has_the_answer(await start_ring(pool))


async def test_a_rank_killed_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killing a rank is harmless before and after the job, and hits the incarnation that runs."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with trio.fail_after(600), leaves_nothing(tmp_path):
        async with open_local_pool(EXAMPLES / "round_echo", peers=1) as pool:
            await pool.kill_process(0)
            job = await start_ring(pool)
            for count in (2, 4):
                await logged(job, count)
                await pool.kill_process(1)
            await has_the_answer(job)
            await pool.kill_process(1)
            started = [seen.event async for seen in job.events() if isinstance(seen.event, RankStarted)]
            assert [event.incarnation for event in started if event.rank == 1] == [0, 1, 2]
