"""Ranks that are lost in a pool whose hosts are not all of one kind."""

from __future__ import annotations

import itertools

import trio
from pool_scenes import listen
from trio.testing import MockClock

from mpi_actors.events import Notice, RankStarted
from mpi_actors.pool.memory import open_memory_pool
from mpi_actors.programs.functions import FunctionStarter, ProgramFunction, RankContext
from mpi_actors.wire.fields import HostKind

NEW = HostKind("x86_64 avx2 avx512f", "3.11.7", "2.4.6")
OLD = HostKind("x86_64 avx2", "3.11.7", "2.4.6")


async def patient(rank: RankContext) -> None:
    """Rank 0 waits for a word of each other one, which comes late."""
    if rank.rank:
        await trio.sleep(5)
        await rank.send(0, "word")
    else:
        for other in range(1, rank.size):
            await rank.log(await rank.receive(other))


async def places(program: ProgramFunction, *kinds: HostKind) -> tuple[list[int], list[str], bool, str]:
    """Run a job of two ranks on peers of these kinds, and kill the peer of rank 1.

    Return where rank 1 ran, the notices, and how the job ended.
    """

    def starter(index: int) -> FunctionStarter:
        return FunctionStarter({"program": program}, kinds[index])

    async with open_memory_pool({}, peers=len(kinds), starter=starter) as pool:
        events = listen(pool.peer(0).daemon)
        job = await pool.start("program", 2)
        await trio.sleep(1)
        ids = [peer.id for peer in pool.peers]

        def hosts() -> list[int]:
            started = (event for event in events if isinstance(event, RankStarted))
            return [ids.index(event.peer) for event in started if event.rank == 1]

        await pool.kill(hosts()[0])
        with trio.fail_after(100):
            result = await job.wait()
        return (
            hosts(),
            [event.text for event in events if isinstance(event, Notice)],
            result.ok,
            result.reason,
        )


async def test_a_lost_rank_goes_to_a_host_of_its_kind(autojump_clock: MockClock) -> None:
    """Even if another one comes first otherwise, and then nothing needs to be said."""
    assert (await places(patient, OLD, NEW, OLD, OLD, NEW))[:3] == ([1, 4], [], True)


async def test_it_is_said_when_there_is_none(autojump_clock: MockClock) -> None:
    """The job goes on: most programs do not mind."""
    hosts, notices, ok, _ = await places(patient, OLD, NEW, OLD)
    assert (hosts, ok) == ([1, 2], True)
    assert notices == [
        "no host like the first one of rank 1 can take it: it goes on with a processor without avx512f. If "
        "its arithmetic differs there in the last bits, the job will fail with ReplayDivergence"
    ]


async def test_a_divergence_names_the_cause(autojump_clock: MockClock) -> None:
    """Where the kinds differ, and only there."""
    for kind, named in ((OLD, True), (NEW, False)):
        attempts = itertools.count()

        async def sloppy(rank: RankContext, attempts: itertools.count[int] = attempts) -> None:
            if rank.rank:
                await rank.send(0, f"{next(attempts)}")
                await trio.sleep(5)
            else:
                await rank.receive(1)
                await trio.sleep(5)

        _, _, ok, reason = await places(sloppy, OLD, NEW, kind)
        assert not ok
        assert reason.startswith("ReplayDivergence") or "ReplayDivergence" in reason
        assert ("Rank 1 has moved to a host with a processor without avx512f" in reason) is named
