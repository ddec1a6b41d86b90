"""Jobs on a pool in one process, in virtual time."""

from __future__ import annotations

import pytest
import trio

from mpi_actors.memory_pool import open_memory_pool
from mpi_actors.process.functions import RankContext


async def echo(rank: RankContext) -> None:
    """Rank 0's arguments go to the last rank and back."""
    other = rank.size - 1
    if rank.rank == 0:
        await rank.send(other, " ".join(rank.args))
    if rank.rank == other:
        await rank.send(0, await rank.receive(0))
    if rank.rank == 0:
        await rank.log(await rank.receive(other))


async def slow_ring(rank: RankContext) -> None:
    """A token goes round ten times, a tenth of a second at each rank."""
    right, left = (rank.rank + 1) % rank.size, (rank.rank - 1) % rank.size
    token = 0
    for _ in range(10):
        if rank.rank == 0:
            await rank.send(right, str(token))
            token = int(await rank.receive(left))
            await rank.log(str(token))
        else:
            token = int(await rank.receive(left))
            await trio.sleep(0.1)
            await rank.send(right, str(token + rank.rank))


PROGRAMS = {"echo": echo, "slow_ring": slow_ring}


@pytest.mark.parametrize(("peers", "size"), [(1, 1), (1, 3), (2, 2), (3, 2), (3, 7)])
async def test_a_job_gives_its_answer(autojump_clock, peers: int, size: int) -> None:
    """Any number of ranks on any number of peers."""
    async with open_memory_pool(PROGRAMS, peers=peers) as pool:
        job = await pool.start("echo", size, "hello", "there")
        result = await job.wait()
    assert (result.ok, result.exit_code, result.output) == (True, 0, ("hello there",))


@pytest.mark.parametrize("fault", ["none", "kill", "process", "freeze", "cut"])
async def test_a_loss_in_the_middle_changes_nothing(autojump_clock, fault: str) -> None:
    """The ring's answer is the same whatever happens to the peer or process of rank 1."""
    async with open_memory_pool(PROGRAMS, peers=3) as pool:
        job = await pool.start("slow_ring", 3)
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
    assert result.output == tuple(str(3 * (i + 1)) for i in range(10))
