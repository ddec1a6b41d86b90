"""Jobs of programs that speak MPI: their lanes, output, ends and losses."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
from mpi_puppets import Puppet, PuppetRank, PuppetStarter
from pool_scenes import eventually, listen
from trio.testing import MockClock

from mpi_actors.coordination.result import EXIT_JOB_FAILED
from mpi_actors.coordination.seats import Phase
from mpi_actors.events import RankLost
from mpi_actors.jobs.job import Job
from mpi_actors.pool.memory import MemoryPool, open_memory_pool
from mpi_actors.wire.channel import ChannelKind, ChannelMessage


@asynccontextmanager
async def running(
    puppet: Puppet, ranks: int, peers: int = 1, **options: Any
) -> AsyncIterator[tuple[MemoryPool, Job]]:
    """Yield a pool in which every rank of a job is that puppet; only killed ranks are started again."""
    async with open_memory_pool({}, peers=peers, starter=lambda _: PuppetStarter({"puppet": puppet})) as pool:
        job = await pool.start("puppet", ranks, restart="lost", **options)
        with trio.fail_after(60):
            yield pool, job


def lines(job: Job, rank: int) -> list[str]:
    return [line.text for line in job.log if line.rank == rank and line.stream == "log"]


@pytest.mark.parametrize("peers", [1, 2, 3])
async def test_ranks_talk_over_lanes(autojump_clock: MockClock, peers: int) -> None:
    """They do so on one peer and on several. What they print is the job's log."""

    async def puppet(rank: PuppetRank) -> None:
        if rank.rank == 0:
            for other in (1, 2):
                lane = await rank.lane(other)
                await lane.send_all(b"hello")
                rank.print((await lane.receive_some(100)).decode())
        else:
            lane = await rank.given(0)
            assert await lane.receive_some(100) == b"hello"
            await lane.send_all(b"from %d" % rank.rank)
        await rank.end()

    async with running(puppet, 3, peers) as (_, job):
        result = await job.wait()
        assert result.ok, result.reason
        assert result.output == ("from 1", "from 2")


async def test_a_rank_that_has_ended_stays_until_the_jobs_end(autojump_clock: MockClock) -> None:
    """Its process lives on, does not count as running, and still gets lanes."""
    gate = trio.Event()

    async def puppet(rank: PuppetRank) -> None:
        rank.print("done")
        if rank.rank == 0:
            await gate.wait()
            lane = await rank.lane(1)
            rank.print((await lane.receive_some(100)).decode())
            await rank.end()
        else:
            await rank.say(ChannelKind.ENDED)
            lane = await rank.given(0)
            await lane.send_all(b"from the log")
            await rank.hear(ChannelKind.RELEASE)

    async with running(puppet, 2) as (pool, job):
        await eventually(lambda: job.decisions.seats[1].phase is Phase.ENDED)
        assert lines(job, 1) == ["done"]
        assert pool.peer(0).daemon.host.running == 1
        assert any("rank 1: incarnation 0" in line and "has ended" in line for line in await job.why())
        gate.set()
        assert (await job.wait()).output == ("done", "from the log")


async def test_the_end_comes_after_the_last_line(autojump_clock: MockClock) -> None:
    """What a program prints just before its end is in the log when the job is over."""

    async def puppet(rank: PuppetRank) -> None:
        for number in range(1000):
            rank.print(f"{number}")
        await rank.end()

    async with running(puppet, 1, 1) as (_, job):
        assert (await job.wait()).output == tuple(map(str, range(1000)))


async def test_a_killed_rank_is_started_again_and_its_repeats_are_dropped(autojump_clock: MockClock) -> None:
    """The log has each line once. Other ranks hear of the new incarnation and get lanes to it."""
    incarnations: list[int] = []

    async def puppet(rank: PuppetRank) -> None:
        if rank.rank == 1:
            incarnations.append(rank.order.incarnation)
            rank.print("one")
            rank.print("two")
            if rank.order.incarnation == 0:
                await trio.sleep_forever()
            rank.print("three")
            await (await rank.lane(0)).send_all(b"x")
        else:
            placed = await rank.hear(ChannelKind.PLACED)
            assert placed == ChannelMessage(ChannelKind.PLACED, 1, 1)
            assert await (await rank.given(1)).receive_some() == b"x"
        await rank.end()

    async with running(puppet, 2, 2) as (pool, job):
        await eventually(lambda: len(lines(job, 1)) == 2)
        await pool.kill_process(1)
        assert (await job.wait()).ok
        assert lines(job, 1) == ["one", "two", "three"]
        assert incarnations == [0, 1]


@pytest.mark.parametrize("killed", [True, False], ids=["killed", "by itself"])
async def test_a_process_that_goes_after_its_end_is_replaced(autojump_clock: MockClock, killed: bool) -> None:
    """Before the job's end its messages may still be needed: another incarnation takes its place."""
    gate = trio.Event()

    async def puppet(rank: PuppetRank) -> None:
        rank.print("once")
        if rank.rank == 0:
            await gate.wait()
        elif rank.order.incarnation == 0 and not killed:
            await rank.say(ChannelKind.ENDED)
            await trio.sleep(5)
            return
        await rank.end()

    async with running(puppet, 2) as (pool, job):
        events = listen(pool.peer(0).daemon)
        await eventually(lambda: job.decisions.seats[1].phase is Phase.ENDED)
        if killed:
            await pool.kill_process(1)
        await eventually(lambda: job.decisions.seats[1].incarnation == 1)
        (lost,) = [event for event in events if isinstance(event, RankLost)]
        assert "its process ended before the job did" in lost.reason
        gate.set()
        assert (await job.wait()).ok
        assert lines(job, 1) == ["once"]


@pytest.mark.parametrize(
    ("kind", "number", "text", "code", "reason", "traceback"),
    [
        (ChannelKind.FAILED, 1, "Traceback …\nKeyError: 3", 1, "failed on", "Traceback …\nKeyError: 3"),
        (ChannelKind.FAILED, 256, "odd", 1, "failed on", "odd"),
        (ChannelKind.ENDED, 5, "", 5, "exit code 5", ""),
        (ChannelKind.ABORT, 7, "", 7, "it called MPI_Abort(7)", ""),
        (ChannelKind.ABORT, 0, "enough", 0, "enough", ""),
        (ChannelKind.BROKE, 0, "SendLogFull: no room", EXIT_JOB_FAILED, "rank 1: SendLogFull: no room", ""),
        (ChannelKind.LANE, 0, "", EXIT_JOB_FAILED, "BadMessage: a program said LANE", ""),
    ],
    ids=["exception", "code 256", "exit", "abort", "abort 0", "broke", "nonsense"],
)
async def test_a_rank_can_end_the_job(
    autojump_clock: MockClock,
    kind: ChannelKind,
    number: int,
    text: str,
    code: int,
    reason: str,
    traceback: str,
) -> None:
    """The job ends with the rank's exit code and the lines it printed before, and waits for no other rank."""

    async def puppet(rank: PuppetRank) -> None:
        if rank.rank == 1:
            rank.print("before")
            await rank.say(kind, number=number, text=text)
        await trio.sleep_forever()

    async with running(puppet, 3, 2) as (pool, job):
        result = await job.wait()
        assert (result.ok, result.exit_code, result.traceback) == (False, code, traceback)
        assert reason in result.reason
        assert result.rank in (1, None)
        assert (result.rank is None) == (code == EXIT_JOB_FAILED)
        if code != EXIT_JOB_FAILED:
            assert lines(job, 1) == ["before"]
        await eventually(lambda: all(peer.daemon.host.running == 0 for peer in pool.peers))


async def test_an_exit_without_a_word_counts_by_its_code(autojump_clock: MockClock) -> None:
    """The exit code decides; with 0 the rank has ended well, and its process is gone."""

    async def puppet(rank: PuppetRank) -> None:
        if rank.rank == 1:
            rank.print("silent")
            return
        await rank.end()

    async with running(puppet, 2) as (_, job):
        assert (await job.wait()).ok
        assert lines(job, 1) == ["silent"]

    async def failing(rank: PuppetRank) -> None:
        raise SystemExit(9)

    async with running(failing, 1) as (_, job):
        result = await job.wait()
        assert (result.exit_code, result.rank) == (9, 0)


# --- choices ------------------------------------------------------------------------------------------------


def choosing(gate: trio.Event, *, ending: bool = False) -> Puppet:
    """Rank 1 makes a choice. All ranks end when the gate opens; if `ending`, rank 1 ends at once."""

    async def puppet(rank: PuppetRank) -> None:
        if rank.rank == 1:
            for _ in range(3):
                await rank.say(ChannelKind.CHOICE, text="calls from several threads")
                await rank.hear(ChannelKind.NOTED)
            rank.print("chose")
        if rank.rank != 1 or not ending:
            await gate.wait()
        await rank.end()

    return puppet


@pytest.mark.parametrize("how", ["process", "peer", "after its end"])
async def test_a_rank_that_chose_cannot_be_replaced(autojump_clock: MockClock, how: str) -> None:
    """The job fails with an error that names the rank, what it used, and what to do."""
    gate = trio.Event()
    async with running(choosing(gate, ending=how == "after its end"), 3, 2) as (pool, job):
        await eventually(lambda: lines(job, 1) == ["chose"])
        assert job.decisions.seats[1].peer == pool.peer(1).id
        if how == "peer":
            await pool.kill_peer(1)
        else:
            if how == "after its end":
                await eventually(lambda: job.decisions.seats[1].phase is Phase.ENDED)
            await pool.kill_process(1)
        result = await job.wait()
        assert (result.ok, result.exit_code, result.rank) == (False, EXIT_JOB_FAILED, 1)
        assert result.reason.startswith("NotReplayable: calls from several threads: rank 1 was lost on")
        assert "is not recorded" in result.reason


async def test_others_that_are_lost_are_replaced_all_the_same(autojump_clock: MockClock) -> None:
    """The rank that chose lives on, and needs no new incarnation."""
    gate = trio.Event()
    async with running(choosing(gate), 3, 2) as (pool, job):
        await eventually(lambda: lines(job, 1) == ["chose"])
        await pool.kill_process(2)
        await pool.kill_process(0)
        await eventually(
            lambda: job.decisions.seats[0].incarnation == job.decisions.seats[2].incarnation == 1
        )
        gate.set()
        assert (await job.wait()).ok


async def test_a_choice_waits_for_its_record(autojump_clock: MockClock) -> None:
    """Until the coordinator knows that a rank chooses, the rank sends nothing that depends on its choice."""
    gate, said, noted = trio.Event(), trio.Event(), trio.Event()

    async def puppet(rank: PuppetRank) -> None:
        if rank.rank == 1:
            await gate.wait()
            await rank.say(ChannelKind.CHOICE, text="Iprobe")
            said.set()
            await rank.hear(ChannelKind.NOTED)
            noted.set()
        await rank.end()

    async with running(puppet, 2, 2) as (pool, job):
        await eventually(lambda: len(tuple(job.decisions.placed())) == 2)
        pool.network.cut(pool.peer(0).id, pool.peer(1).id)
        gate.set()
        await said.wait()
        await trio.sleep(1)
        assert not noted.is_set()
        assert job.decisions.seats[1].choice == ""
        pool.network.heal(pool.peer(0).id, pool.peer(1).id)
        await noted.wait()
        assert job.decisions.seats[1].choice == "Iprobe"
        assert (await job.wait()).ok


# --- questions ----------------------------------------------------------------------------------------------


async def test_why_shows_what_ranks_say(autojump_clock: MockClock) -> None:
    """It shows a rank's own words; for a rank that does not answer, that it computes."""

    async def puppet(rank: PuppetRank) -> None:
        if rank.rank == 1:
            await trio.sleep_forever()
        while True:
            ask = await rank.hear(ChannelKind.ASK)
            await rank.say(ChannelKind.STATE, number=ask.number - 1, text="old news")
            await rank.say(ChannelKind.STATE, number=ask.number, text="waits for rank 1, tag 7")

    async with running(puppet, 2, 2) as (_, job):
        await eventually(lambda: len(tuple(job.decisions.placed())) == 2)
        for _ in range(2):
            zero, one = await job.why()
            assert zero.endswith("waits for rank 1, tag 7")
            assert one.endswith("computes: it makes no call of MPI that could answer")


async def test_a_rank_that_reads_nothing_is_broken_off(autojump_clock: MockClock) -> None:
    """What waits for it is bounded."""

    async def puppet(rank: PuppetRank) -> None:
        while True:
            await rank.say(ChannelKind.CHOICE, text="ANY_TAG")

    async with running(puppet, 1) as (_, job):
        result = await job.wait()
        assert "BadMessage: the program has left 10000 messages of its daemon unread" in result.reason
