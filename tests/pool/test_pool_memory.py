"""Jobs on a pool in one process, in virtual time."""

from __future__ import annotations

import pytest
import trio
from pool_scenes import RING, ring
from trio.testing import MockClock

from mpi_actors.errors import JobFailed
from mpi_actors.pool.memory import open_memory_pool
from mpi_actors.programs.functions import RankContext


async def echo(rank: RankContext) -> None:
    """Send rank 0's arguments to the last rank and back."""
    other = rank.size - 1
    if rank.rank == 0:
        await rank.send(other, " ".join(rank.args))
    if rank.rank == other:
        await rank.send(0, await rank.receive(0))
    if rank.rank == 0:
        await rank.log(await rank.receive(other))


PROGRAMS = {"echo": echo, "ring": ring}


@pytest.mark.parametrize(("peers", "size"), [(1, 1), (1, 3), (2, 2), (3, 2), (3, 7)])
async def test_a_job_gives_its_answer(autojump_clock: MockClock, peers: int, size: int) -> None:
    """A job of any number of ranks runs on any number of peers."""
    async with open_memory_pool(PROGRAMS, peers=peers) as pool:
        job = await pool.start("echo", size, "hello", "there")
        result = await job.wait()
    assert (result.ok, result.exit_code, result.output) == (True, 0, ("hello there",))


@pytest.mark.parametrize("fault", ["none", "kill", "process", "freeze", "cut"])
async def test_a_loss_in_the_middle_changes_nothing(autojump_clock: MockClock, fault: str) -> None:
    """The ring's answer is the same, whatever happens to the peer or the process of rank 1."""
    async with open_memory_pool(PROGRAMS, peers=3) as pool:
        job = await pool.start("ring", 3)
        await trio.sleep(0.95)
        if fault == "kill":
            await pool.kill(1)
        elif fault == "process":
            await pool.kill_process(1)
        elif fault == "freeze":
            await pool.freeze(1)
        elif fault == "cut":
            await pool.cut(1, 2)
        with trio.fail_after(60):
            result = await job.wait()
    assert result.check().output == RING


async def test_a_failed_job_is_an_error_for_whoever_checks(autojump_clock: MockClock) -> None:
    """`check` raises JobFailed with the reason."""
    async with open_memory_pool(PROGRAMS, peers=1) as pool:
        job = await pool.start("ring", 2)
        job.kill("enough")
        result = await job.wait()
    with pytest.raises(JobFailed, match="enough"):
        result.check()
