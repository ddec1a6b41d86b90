"""A line program that runs again and ends well is compared with what every other rank has."""

from __future__ import annotations

import itertools

import pytest
import trio
from pool_scenes import eventually
from trio.testing import MockClock

from mpi_actors.coordination.seats import Phase
from mpi_actors.pool.memory import open_memory_pool
from mpi_actors.programs.functions import ProgramFunction, RankContext


def pays(second: str | None) -> ProgramFunction:
    """Rank 1 sends rank 2 a message. Rank 0 resets it after rank 2 has ended; it sends another, or none."""

    async def program(rank: RankContext) -> None:
        if rank.rank == 0:
            await rank.receive(2)
            await rank.reset(1)
        elif rank.rank == 1:
            word = "pay 100" if rank.order.incarnation == 0 else second
            if word is not None:
                await rank.send(2, word)
            if rank.order.incarnation == 0:
                await trio.sleep_forever()
        else:
            await rank.log("acts on " + await rank.receive(1))
            await rank.send(0, "done")

    return program


@pytest.mark.parametrize("peers", [1, 4])
@pytest.mark.parametrize(
    ("second", "text"),
    [
        (None, "rank 1 was started again and ended 1 messages to rank 2 short"),
        ("pay 200", "its message number 0 to rank 2 is not what it had sent before"),
        ("pay 100", "every rank has ended well"),
    ],
    ids=["nothing", "other", "same"],
)
async def test_a_second_life_is_compared_before_it_ends(
    autojump_clock: MockClock, peers: int, second: str | None, text: str
) -> None:
    """Also where its message, or its end, has further to go than the news of the end."""
    async with open_memory_pool({"pays": pays(second)}, peers=peers) as pool:
        for one, other in itertools.combinations(range(peers), 2):
            await pool.slow(one, other, 0.5)
        job = await pool.start("pays", 3)
        with trio.fail_after(100):
            result = await job.wait()
        assert text in result.reason
        assert result.ok == (second == "pay 100")


async def test_the_end_of_a_second_life_waits_for_a_rank_without_a_host(autojump_clock: MockClock) -> None:
    """`why` says so. The rank has nothing of earlier lives when it runs again."""
    gate = trio.Event()

    async def program(rank: RankContext) -> None:
        if rank.rank == 1 and rank.order.incarnation == 0:
            await rank.send(2, "once")
            await trio.sleep_forever()
        elif rank.rank == 1:
            await gate.wait()
            await rank.send(2, "once")
        elif rank.rank == 2:
            await rank.receive(1)
            if rank.order.incarnation == 0:
                await trio.sleep_forever()

    async with open_memory_pool({"program": program}, peers=3) as pool:
        job = await pool.start("program", 3)
        await eventually(lambda: all(seat.phase is Phase.RUNNING for seat in job.decisions.seats[1:]))
        host = next(i for i in (0, 1, 2) if pool.peer(i).id == job.decisions.seats[2].peer)
        await pool.kill_process(1)
        await eventually(lambda: job.decisions.seats[1].incarnation == 1)
        await eventually(lambda: job.decisions.seats[1].phase is Phase.RUNNING)
        others = [i for i in range(1, 3) if i != host]
        await pool.cut(host, others[0])
        await pool.freeze(host)
        gate.set()
        await trio.sleep(0.5)
        assert any("rank 1" in line and "until rank 2 has compared" in line for line in await job.why())
        await pool.kill(host)
        with trio.fail_after(100):
            assert (await job.wait()).ok
