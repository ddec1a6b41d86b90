"""When a listener cannot keep up, ranks wait, and no line is lost."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from mpi_actors.events import Event, Log
from mpi_actors.pool.memory import open_memory_pool
from mpi_actors.programs.functions import RankContext

LINES = 200


async def chatter(rank: RankContext) -> None:
    """Log many lines."""
    for number in range(LINES):
        await rank.log(f"{number}")


async def chatter_and_fail(rank: RankContext) -> None:
    """Log many lines, and fail."""
    await chatter(rank)
    raise ValueError("on purpose")


PROGRAMS = {"chatter": chatter, "chatter_and_fail": chatter_and_fail}


async def test_a_held_bus_takes_no_lines_and_loses_none(autojump_clock: MockClock) -> None:
    """While the bus is held, the log is empty and the job does not end; after that all lines come."""
    async with open_memory_pool(PROGRAMS, peers=2) as pool:
        let_go = pool.peers[0].daemon.bus.hold()
        job = await pool.start("chatter", 2)
        with trio.move_on_after(30):
            await job.wait()
        assert job.result is None
        assert not job.log
        let_go()
        with trio.fail_after(30):
            result = await job.wait()
    assert result.output == tuple(map(str, range(LINES)))


async def test_the_lines_before_a_failure_are_not_lost(autojump_clock: MockClock) -> None:
    """The coordinator decides about a failed rank only when it has the rank's lines, however late."""
    async with open_memory_pool(PROGRAMS, peers=1) as pool:
        bus = pool.peers[0].daemon.bus
        seen: list[str] = []

        def note(event: Event) -> None:
            if isinstance(event, Log) and event.stream == "log":
                seen.append(event.text)

        bus.listen(note)
        let_go = bus.hold()
        job = await pool.start("chatter_and_fail", 1, restart="lost")
        with trio.move_on_after(30):
            await job.wait()
        assert job.result is None
        let_go()
        with trio.fail_after(30):
            result = await job.wait()
    assert not result.ok
    assert seen[:LINES] == list(map(str, range(LINES)))
