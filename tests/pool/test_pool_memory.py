"""Jobs on a pool in one process, in virtual time."""

from __future__ import annotations

import pytest
import trio
from pool_scenes import RING, ring
from trio.testing import MockClock

from mpi_actors.cli.chaos.trial import messages_in
from mpi_actors.errors import JobFailed
from mpi_actors.events import Event, Log
from mpi_actors.faults import FaultDriver, parse_plan
from mpi_actors.faults.plan import line, message
from mpi_actors.jobs.job import Job
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


@pytest.mark.parametrize(
    "text",
    [
        "kill 1 at 0.95s",
        "kill peer 1 at line 3; kill 2 at line 5",
        "kill 2 at message 4 of rank 2; slow 0-1 by 300ms for 2s at 0s",
        "freeze peer 1 for 4s at line 2; drop lane 0-1 at line 4",
        "cut 1-2 for 3s at line 2; split 0,1 | 2 for 4s at line 6",
        "slow 0-1 by 5s for 30s at line 1",
    ],
)
async def test_a_plan_of_losses_changes_nothing(autojump_clock: MockClock, text: str) -> None:
    """The plans that people write for real daemons run here, too."""
    async with open_memory_pool(PROGRAMS, peers=3) as pool, trio.open_nursery() as nursery:
        driver = FaultDriver(parse_plan(text), pool)

        def count(event: Event) -> None:
            if isinstance(event, Log):
                driver.note_event(line())

        pool.peers[0].daemon.bus.listen(count)
        job = await pool.start("ring", 3)
        nursery.start_soon(driver.run)
        nursery.start_soon(count_messages, job, driver)
        with trio.fail_after(120):
            result = await job.wait()
        assert driver.waits_for() == set()
        nursery.cancel_scope.cancel()
    assert result.check().output == RING


async def count_messages(job: Job, driver: FaultDriver) -> None:
    """Tell the driver how many messages the ranks have sent, as `chaos` does."""
    while any(kind.startswith("message") for kind in driver.waits_for()):
        await trio.sleep(0.1)
        for rank, state in enumerate(await job.why()):
            driver.note_count(message(rank), messages_in(state))


async def test_a_failed_job_is_an_error_for_whoever_checks(autojump_clock: MockClock) -> None:
    """`check` raises JobFailed with the reason."""
    async with open_memory_pool(PROGRAMS, peers=1) as pool:
        job = await pool.start("ring", 2)
        job.kill("enough")
        result = await job.wait()
    with pytest.raises(JobFailed, match="enough"):
        result.check()
