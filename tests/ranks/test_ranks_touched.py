"""Files that a rank appends to, and its successor as well: the job says so at its end."""

from __future__ import annotations

import pytest
import trio
from mpi_puppets import PuppetRank, PuppetStarter
from pool_scenes import eventually, listen
from trio.testing import MockClock

from mpi_actors.events import Notice
from mpi_actors.pool.memory import open_memory_pool
from mpi_actors.wire.channel import ChannelKind


@pytest.mark.parametrize("how", ["process", "peer", "nothing"])
async def test_what_was_opened_twice_is_said_once(autojump_clock: MockClock, how: str) -> None:
    """The names are at the coordinator, so they outlive the process and its host."""
    gate = trio.Event()

    async def appending(rank: PuppetRank) -> None:
        await rank.say(ChannelKind.TOUCHED, text=f"/of {rank.rank}")
        if rank.rank == 1:
            await rank.say(ChannelKind.TOUCHED, text=f"/in incarnation {rank.order.incarnation}")
        rank.print("appended")
        await gate.wait()
        await rank.end()

    puppets = {"puppet": appending}
    async with open_memory_pool({}, peers=3, starter=lambda _: PuppetStarter(puppets)) as pool:
        events = listen(pool.peer(0).daemon)
        job = await pool.start("puppet", 3)
        await eventually(lambda: len({line.rank for line in job.log}) == 3)
        if how == "peer":
            await pool.kill_peer(1)
        elif how == "process":
            await pool.kill_process(1)
        if how != "nothing":
            await eventually(lambda: job.decisions.seats[1].incarnation == 1)
        gate.set()
        assert (await job.wait()).ok
        notices = [event.text for event in events if isinstance(event, Notice)]
        assert len(notices) == (how != "nothing")
        assert all("rank 1 was started again and opened /of 1 again to append" in text for text in notices)
