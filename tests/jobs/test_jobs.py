"""Jobs from start to end: limits, waiting, resets, much data, and nothing left behind."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from pool_scenes import PROGRAMS, RING, children, eventually, listen
from trio.testing import MockClock

from mpi_actors.config import KIB, MIB, JobLimits, LaneLimits, PeerLimits, Settings
from mpi_actors.coordination.result import EXIT_JOB_FAILED, JobResult
from mpi_actors.errors import UnknownInterpreter, UsageError
from mpi_actors.events import JobFinished, RankLost, RankStarted, RankWaiting
from mpi_actors.jobs.job import Job
from mpi_actors.pool.memory import MemoryPool, open_memory_pool
from mpi_actors.programs.functions import ProgramFunction, RankContext
from mpi_actors.wire.stdio import Reset


@asynccontextmanager
async def clean_pool(
    *more: ProgramFunction, peers: int = 3, settings: Settings | None = None
) -> AsyncIterator[MemoryPool]:
    """Yield a pool of which nothing may be left of any job at the end."""
    programs = PROGRAMS | {program.__name__: program for program in more}
    async with open_memory_pool(programs, peers=peers, settings=settings) as pool:
        yield pool
        daemons = [peer.daemon for peer in pool.peers if peer.alive]
        await eventually(lambda: not any(daemon.router._jobs for daemon in daemons), within=10)
        await eventually(lambda: not any(children(daemon, "ranks", "jobs") for daemon in daemons), within=10)
        assert not any(daemon.router._coordinators or daemon.host._hosted for daemon in daemons)
        assert not any(daemon.protocol_errors() for daemon in daemons)


async def result_of(job: Job, within: float = 100.0) -> JobResult:
    """Return how the job ends; fail if it takes longer than that in virtual time."""
    with trio.fail_after(within):
        return await job.wait()


# --- programs that fail -----------------------------------------------------------------------------------


async def failing(rank: RankContext) -> None:
    """Rank 1 fails in each of its incarnations."""
    if rank.rank == 1:
        raise ValueError("the cupboard is bare")
    await trio.sleep_forever()


async def test_a_rank_that_fails_again_and_again_is_given_up(autojump_clock: MockClock) -> None:
    """Ten failures within a minute are forgiven; the reason of the eleventh names rank, peer and error."""
    async with clean_pool(failing) as pool:
        events = listen(pool.peer(0).daemon)
        result = await result_of(await pool.start("failing", 3))
        assert (result.ok, result.exit_code) == (False, EXIT_JOB_FAILED)
        assert "rank 1 was given up after 11 ends within 60 s, the last on …" in result.reason
        assert "exit code 1" in result.reason
        assert "ValueError: the cupboard is bare" in result.reason
        lost = [(event.rank, event.incarnation) for event in events if isinstance(event, RankLost)]
        assert lost == [(1, n) for n in range(10)]


async def test_a_script_that_fails_ends_with_its_exit_code(autojump_clock: MockClock) -> None:
    """With restart="lost", the first failure is the last, and the job's log shows the traceback."""
    async with clean_pool(failing) as pool:
        events = listen(pool.peer(0).daemon)
        job = await pool.start("failing", 3, restart="lost")
        result = await result_of(job, within=5)
        assert (result.ok, result.exit_code) == (False, 1)
        assert result.reason.startswith("rank 1 failed on …")
        assert "ValueError: the cupboard is bare" in result.reason
        assert not [event for event in events if isinstance(event, RankLost)]
        (finished,) = [event for event in events if isinstance(event, JobFinished)]
        assert (finished.ok, finished.exit_code, finished.reason) == (False, 1, result.reason)


async def test_a_program_that_is_not_deterministic_is_found_out(autojump_clock: MockClock) -> None:
    """A new incarnation that sends something else than the last one fails the job, with the reason."""
    attempts = itertools.count()

    async def fickle(rank: RankContext) -> None:
        if rank.rank == 1:
            await rank.send(0, f"attempt {next(attempts)}")
            await rank.receive(0)
        elif rank.rank == 0:
            await rank.log(await rank.receive(1))
            await trio.sleep(2)
            await rank.send(1, "thank you")

    async with clean_pool(fickle) as pool:
        job = await pool.start("fickle", 2)
        await trio.sleep(1)
        await pool.kill_process(1)
        result = await result_of(job)
        assert (result.ok, result.exit_code) == (False, EXIT_JOB_FAILED)
        assert "ReplayDivergence: rank 1 was started again (incarnation 1)" in result.reason
        assert "message number 0 to rank 0 is not what it had sent before" in result.reason


async def test_a_program_that_says_less_than_before_is_found_out(autojump_clock: MockClock) -> None:
    """When a new incarnation ends too early, the job must not end as if all were well."""
    attempts = itertools.count()

    async def tired(rank: RankContext) -> None:
        if rank.rank == 1 and next(attempts) == 0:
            await rank.send(0, "hello")
            await trio.sleep_forever()
        if rank.rank == 0:
            await rank.receive(1)

    async with clean_pool(tired) as pool:
        job = await pool.start("tired", 2)
        await trio.sleep(1)
        await pool.kill_process(1)
        result = await result_of(job)
        assert not result.ok
        assert "ReplayDivergence" in result.reason
        assert "ended 1 messages to rank 0 short" in result.reason


# --- waiting for a host -----------------------------------------------------------------------------------

ONE_EACH = Settings(peer=PeerLimits(max_ranks=1, slots=1))


async def test_a_job_waits_visibly_and_then_fails(autojump_clock: MockClock) -> None:
    """The event, `why` and the reason at the end say what the job waits for."""
    async with clean_pool(settings=ONE_EACH, peers=2) as pool:
        events = listen(pool.peer(0).daemon)
        began = trio.current_time()
        job = await pool.start("ring", 3)
        await trio.sleep(10)
        (waiting,) = [event for event in events if isinstance(event, RankWaiting)]
        assert (waiting.rank, waiting.seconds) == (2, 30.0)
        why = await job.why()
        assert why[2].startswith("rank 2: waits for a peer that can take it, for 10.0 s, 20 s left: ")
        assert why[2].count("takes no more") == 2
        assert "waits for a message from rank 0" in why[1]
        result = await result_of(job)
        assert 30 <= trio.current_time() - began < 31
        assert "no peer could take rank 2 within 30 s" in result.reason
        assert result.reason.count("takes no more") == 2
        assert await job.why() == [f"job {job.id} is over: {result.reason}"]


async def test_a_peer_that_comes_in_time_takes_the_rank(autojump_clock: MockClock) -> None:
    """A waiting job goes on as soon as a peer can take the rank."""
    async with clean_pool(settings=ONE_EACH, peers=2) as pool:
        job = await pool.start("ring", 3)
        await trio.sleep(20)
        await pool.add()
        result = await result_of(job)
        assert result.output == RING


async def test_a_rank_that_ends_elsewhere_makes_room(autojump_clock: MockClock) -> None:
    """A waiting job learns that another job has ended."""
    async with clean_pool(settings=ONE_EACH, peers=2) as pool:
        first = await pool.start("ring", 2, at=1)
        await trio.sleep(1)
        second = await pool.start("ring", 2)
        assert (await result_of(first)).ok
        assert second.result is None
        assert (await result_of(second)).ok


async def test_a_peer_that_refused_is_asked_again_when_it_has_room(autojump_clock: MockClock) -> None:
    """Two jobs that compete for the last slot both end well."""
    async with clean_pool(settings=ONE_EACH, peers=3) as pool:
        jobs = [await pool.start("ring", 2, at=at) for at in (0, 1)]
        for job in jobs:
            assert (await result_of(job)).ok


# --- ends that somebody wants -----------------------------------------------------------------------------


async def test_a_job_can_be_killed(autojump_clock: MockClock) -> None:
    """The job ends at once, with the reason that was given, and every host drops it."""
    async with clean_pool() as pool:
        job = await pool.start("idle", 6)
        await trio.sleep(1)
        job.kill("enough")
        job.kill("twice")
        result = await result_of(job, within=1)
        assert (result.ok, result.exit_code, result.reason) == (False, EXIT_JOB_FAILED, "enough")


async def test_a_reset_changes_nothing_but_the_incarnation(autojump_clock: MockClock) -> None:
    """A rank may have another rank replaced in the middle of its work."""

    async def reset_ring(rank: RankContext) -> None:
        if rank.rank == 0:
            await trio.sleep(1)
            await rank.reset(2)
        await PROGRAMS["ring"](rank)

    async with clean_pool(reset_ring) as pool:
        events = listen(pool.peer(0).daemon)
        result = await result_of(await pool.start("reset_ring", 3))
        assert result.output == RING
        lost = [(e.rank, e.incarnation, e.reason) for e in events if isinstance(e, RankLost)]
        assert lost == [(2, 0, "reset by rank 0")]


async def telling(rank: RankContext) -> None:
    """Each rank sends rank 0 the name of its host; rank 2 is reset when all know that it runs."""
    if rank.rank == 0:
        names = [await rank.receive(other) for other in range(1, rank.size)]
        await rank.log(" ".join(names))
        await rank.reset(2)
        names = [await rank.receive(other) for other in range(1, rank.size)]
        await rank.log(" ".join(names))
    else:
        await rank.send(0, rank.order.processor)
        await rank.send(0, rank.order.processor)


async def test_a_rank_keeps_the_name_of_its_host(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Programs send that name, and a new incarnation elsewhere must send what the first one sent."""
    machines = (f"machine-{number}" for number in itertools.count())
    real = os.uname()
    monkeypatch.setattr(
        "mpi_actors.ranks.incarnation.os.uname", lambda: os.uname_result((real[0], next(machines), *real[2:]))
    )
    async with clean_pool(telling) as pool:
        events = listen(pool.peer(0).daemon)
        result = await result_of(await pool.start("telling", 3))
        assert result.ok, result.reason
        started = [event for event in events if isinstance(event, RankStarted)]
        assert [event.incarnation for event in started if event.rank == 2] == [0, 1]
        first, second = (line.split() for line in result.output)
        assert first == second
        assert len(set(first)) == 2
        assert next(machines) == "machine-3"


@pytest.mark.parametrize("rank", [0, 1])
async def test_a_rank_that_resets_itself_does_so_once(autojump_clock: MockClock, rank: int) -> None:
    """Its next incarnation repeats the request, and is not reset again."""

    async def again(context: RankContext) -> None:
        await context.log("before")
        if context.rank == rank:
            await context.reset(rank)
            await trio.sleep(1)
        await context.log("after")

    async with clean_pool(again) as pool:
        events = listen(pool.peer(0).daemon)
        job = await pool.start("again", 2)
        assert (await result_of(job)).ok
        assert [(e.rank, e.reason) for e in events if isinstance(e, RankLost)] == [
            (rank, f"reset by rank {rank}")
        ]
        for each in (0, 1):
            assert [line.text for line in job.log if line.rank == each] == ["before", "after"]


async def test_a_reset_of_nobody_fails_the_job(autojump_clock: MockClock) -> None:
    """A program that names a rank that does not exist is told so."""

    async def wild(rank: RankContext) -> None:
        # skip the check at the program's side, as a host that lies would
        rank._said.append(Reset(7))
        rank._speak.ring()
        await trio.sleep_forever()

    async with clean_pool(wild) as pool:
        result = await result_of(await pool.start("wild", 1))
        assert result.reason == "rank 0 asked to reset rank 7, but the ranks are 0 to 0"


@pytest.mark.parametrize(
    ("size", "args"),
    [(0, ()), (4097, ()), (1, ("a" * 70_000,)), (1, ("\udcff",))],
)
async def test_a_job_that_cannot_be_is_not_started(
    autojump_clock: MockClock, size: int, args: tuple[str, ...]
) -> None:
    """The caller gets the error at once."""
    async with clean_pool(peers=1) as pool:
        with pytest.raises(UsageError):
            await pool.start("ring", size, *args)
        with pytest.raises(UnknownInterpreter, match="'none' is installed here; installed: chatty, idle"):
            await pool.start("none", 1)


# --- much data --------------------------------------------------------------------------------------------


async def test_hosts_that_cannot_reach_each_other_are_relayed(autojump_clock: MockClock) -> None:
    """Two hosts that are linked only with the coordinator give the same answer, and no rank is lost."""

    async def swap(rank: RankContext) -> None:
        if rank.rank:
            other = 3 - rank.rank
            for number in range(10):
                await rank.send(other, f"{number}" * 200_000)
                assert await rank.receive(other) == f"{number}" * 200_000
            await rank.send(0, "done")
        else:
            await rank.log(await rank.receive(1) + await rank.receive(2))

    async with clean_pool(swap, settings=Settings(peer=PeerLimits(slots=1))) as pool:
        await pool.cut(1, 2)
        await trio.sleep(20)
        events = listen(pool.peer(0).daemon)
        job = await pool.start("swap", 3)
        assert (await result_of(job)).output == ("donedone",)
        hosts = {event.peer for event in events if isinstance(event, RankStarted)}
        assert len(hosts) == 3
        assert pool.peer(1).daemon.roster.get(pool.peer(2).id) is None
        assert not [event for event in events if isinstance(event, RankLost)]


@pytest.mark.parametrize("peers", [1, 2])
async def test_a_large_message_arrives_whole(autojump_clock: MockClock, peers: int) -> None:
    """A message of 8 MiB, larger than any window, goes there and comes back."""

    async def large(rank: RankContext) -> None:
        if rank.rank == 0:
            await rank.send(1, bytes(range(256)) * (8 * MIB // 256))
            back = await rank.receive_bytes(1)
            await rank.log(str(back == bytes(range(256)) * (8 * MIB // 256)))
        else:
            await rank.send(0, await rank.receive_bytes(0))

    limits = Settings(lanes=LaneLimits(window=256 * KIB), peer=PeerLimits(slots=1))
    async with clean_pool(large, peers=peers, settings=limits) as pool:
        assert (await result_of(await pool.start("large", 2))).output == ("True",)


async def test_many_small_messages_arrive_in_order(autojump_clock: MockClock) -> None:
    """Five thousand messages go each way at the same time."""

    async def small(rank: RankContext) -> None:
        other = 1 - rank.rank
        for number in range(5000):
            await rank.send(other, str(number))
        got = [await rank.receive(other) for _ in range(5000)]
        await rank.log(str(got == [str(number) for number in range(5000)]))

    async with clean_pool(small, peers=2, settings=Settings(peer=PeerLimits(slots=1))) as pool:
        job = await pool.start("small", 2)
        assert (await result_of(job)).ok
        assert [line.text for line in job.log] == ["True", "True"]


@pytest.mark.parametrize("peers", [1, 2])
async def test_what_nobody_reads_fills_no_memory(autojump_clock: MockClock, peers: int) -> None:
    """A rank sends 200 MB to a rank that reads nothing: it does not wait, and most of it lies on disk."""
    limits = LaneLimits(window=64 * KIB, log_memory=MIB)

    async def pour(rank: RankContext) -> None:
        if rank.rank == 0:
            for number in range(2000):
                # each message differs, because equal ones would be stored once
                await rank.send(1, number.to_bytes(4, "big") * 25_000)
            await rank.log("poured")
        else:
            await trio.sleep(5)

    settings = Settings(lanes=limits, peer=PeerLimits(slots=1))
    async with clean_pool(pour, peers=peers, settings=settings) as pool:
        job = await pool.start("pour", 2)
        await eventually(lambda: job.log, within=4)
        await trio.sleep(1)
        views = [peer.daemon.router._jobs[job.id].endpoints for peer in pool.peers]
        endpoints = {rank: put.endpoint for view in views for rank, put in view.items()}
        sender, receiver = endpoints[0], endpoints[1]
        assert sender.log.memory <= limits.log_memory
        assert sender.log.total >= 200_000_000
        assert 0 < receiver.lane(0).incoming.queued * 100_000 <= limits.window + 100_000
        assert (await result_of(job)).output == ("poured",)


async def test_a_slow_receiver_delays_its_senders_only(autojump_clock: MockClock) -> None:
    """Meanwhile, other ranks of the same two peers talk at full speed."""

    async def mixed(rank: RankContext) -> None:
        if rank.rank == 0:
            for _ in range(40):
                await rank.send(1, bytes(500_000))
        elif rank.rank == 1:
            for _ in range(40):
                await rank.receive_bytes(0)
                await trio.sleep(1)
        else:
            other = 5 - rank.rank
            for _ in range(50):
                await rank.send(other, bytes(50_000))
                await rank.receive_bytes(other)
            await rank.log("quick")

    limits = Settings(lanes=LaneLimits(window=256 * KIB), peer=PeerLimits(slots=2))
    async with clean_pool(mixed, peers=2, settings=limits) as pool:
        began = trio.current_time()
        job = await pool.start("mixed", 4)
        await eventually(lambda: len(job.log) == 2, within=5)
        hosts = {seat.rank: seat.peer for seat in job.decisions.seats}
        assert (hosts[0] != hosts[1], hosts[2] != hosts[3]) == (True, True)
        assert (await result_of(job)).ok
        assert trio.current_time() - began >= 40


async def test_the_log_is_complete_at_the_end(autojump_clock: MockClock) -> None:
    """The log has every line of every rank, in each rank's order, including the last ones."""

    async def chronicle(rank: RankContext) -> None:
        for number in range(300):
            await rank.log(f"{number}: " + "x" * (number * 7 % 900))

    async with clean_pool(chronicle) as pool:
        job = await pool.start("chronicle", 7)
        assert (await result_of(job)).ok
        for rank in range(7):
            lines = [line.text for line in job.log if line.rank == rank]
            assert [int(line.partition(":")[0]) for line in lines] == list(range(300))


async def test_a_log_that_is_too_long_keeps_its_end(autojump_clock: MockClock) -> None:
    """The dropped lines are counted."""
    async with clean_pool(settings=Settings(jobs=JobLimits(log_lines=250))) as pool:
        job = await pool.start("chatty", 3)
        assert (await result_of(job)).ok
        assert (len(job.log), job.log.dropped) == (250, 50)


async def test_fifty_jobs_at_once(autojump_clock: MockClock) -> None:
    """Fifty jobs, started at all peers, end well, and each has its own answer."""

    async def add(rank: RankContext) -> None:
        if rank.rank == 0:
            await rank.send(1, rank.args[0])
            await rank.log(await rank.receive(1))
        else:
            await rank.send(0, str(int(await rank.receive(0)) + 1))

    async with clean_pool(add) as pool:
        jobs = [await pool.start("add", 2, str(number), at=number % 3) for number in range(50)]
        for number, job in enumerate(jobs):
            assert (await result_of(job)).output == (str(number + 1),)
