"""A peer as a host, seen by a coordinator that a test plays: what it takes, refuses, stops and reports."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
from pool_scenes import PROGRAMS, RawLink, Stranger, children, eventually, running_transport
from trio.testing import MockClock

from mpi_actors.config import PeerLimits, Settings
from mpi_actors.daemon.tree import Daemon
from mpi_actors.ids import JobId
from mpi_actors.pool.memory import open_memory_pool
from mpi_actors.programs.functions import RankContext
from mpi_actors.programs.program import Order
from mpi_actors.wire.messages import (
    AskRank,
    Capacity,
    EndJob,
    Ping,
    Placed,
    Placement,
    Pong,
    RankExited,
    RankIsUp,
    RankRefused,
    RankState,
    RankStderr,
    StartRank,
    StopRank,
)

JOB = JobId("a" * 16)
START = StartRank(JOB, 1, 0, 2, "idle", (), ())


async def loud(rank: RankContext) -> None:
    """Fail with more to say than one message holds."""
    raise RuntimeError(chr(233) * 300_000)


async def done(rank: RankContext) -> None:
    """End at once."""


@attrs.frozen
class Hosting:
    """A daemon, and a coordinator's link to it."""

    daemon: Daemon
    link: RawLink

    async def order(self, message: StartRank) -> RankIsUp | RankRefused:
        """Give an order to start, and wait for the answer."""
        self.link.heard.clear()
        await self.link.say(message)
        while True:
            for heard in self.link.heard:
                if isinstance(heard, RankIsUp | RankRefused):
                    return heard
            self.link.heard += self.link.decoder.feed(await self.link.control.receive_some())


@asynccontextmanager
async def hosting(settings: Settings | None = None) -> AsyncIterator[Hosting]:
    """Yield a pool of one peer, and a stranger that coordinates a job there."""
    programs = PROGRAMS | {"loud": loud, "done": done}
    async with (
        open_memory_pool(programs, peers=1, settings=settings) as pool,
        running_transport(pool.network, "stranger") as transport,
        trio.open_nursery() as nursery,
    ):
        daemon = pool.peer(0).daemon
        link = await Stranger(transport).greeted(daemon)

        @nursery.start_soon
        async def beat() -> None:
            while True:
                await link.say(Ping(0))
                await trio.sleep(0.2)

        yield Hosting(daemon, link)
        assert not daemon.protocol_errors()
        nursery.cancel_scope.cancel()


async def test_an_order_is_carried_out_and_reported(autojump_clock: MockClock) -> None:
    """The process is started. The report of its end has the exit code and the number of its reports."""
    async with hosting() as scene:
        assert isinstance(await scene.order(attrs.evolve(START, program="done")), RankIsUp)
        exited = await scene.link.hear(RankExited)
        assert exited == RankExited(JOB, 1, 0, False, 0, 0, "exit code 0", "")


@pytest.mark.parametrize(
    ("order", "why"),
    [
        (attrs.evolve(START, program="nothing"), "no interpreter 'nothing' is installed here"),
        (attrs.evolve(START, rank=2), "the job has 2 ranks: there is no rank 2"),
    ],
)
async def test_what_cannot_be_started_is_refused(
    autojump_clock: MockClock, order: StartRank, why: str
) -> None:
    """The coordinator learns why, and nothing of the job stays."""
    async with hosting() as scene:
        answer = await scene.order(order)
        assert isinstance(answer, RankRefused)
        assert (answer.reason, answer.incarnation) == (why, 0)
        assert scene.daemon.router.coordinator_of(JOB) is None


async def test_a_full_peer_refuses(autojump_clock: MockClock) -> None:
    """It takes no more ranks than its limit, tells all peers so, and takes more when there is room."""
    async with hosting(Settings(peer=PeerLimits(max_ranks=2))) as scene:
        for rank in (0, 1):
            assert isinstance(await scene.order(attrs.evolve(START, rank=rank)), RankIsUp)
        other = attrs.evolve(START, job="b" * 16)
        answer = await scene.order(other)
        assert isinstance(answer, RankRefused)
        assert answer.reason == "it hosts 2 ranks and takes no more"
        assert scene.daemon.capacity().full
        await scene.link.say(StopRank(JOB, 0, 0))
        await eventually(lambda: not scene.daemon.capacity().full)
        assert isinstance(await scene.order(other), RankIsUp)


async def test_a_new_incarnation_replaces_the_old_one(autojump_clock: MockClock) -> None:
    """Two incarnations never run at once: the old one is stopped first, and a late order is refused."""
    async with hosting() as scene:
        for incarnation in (0, 1, 5):
            answer = await scene.order(attrs.evolve(START, incarnation=incarnation))
            assert isinstance(answer, RankIsUp)
            assert children(scene.daemon, "ranks") == scene.daemon.host.running == 1
        answer = await scene.order(attrs.evolve(START, incarnation=4))
        assert isinstance(answer, RankRefused)
        assert answer.reason == "a newer incarnation is here already"
        assert scene.daemon.router.coordinator_of(JOB) == "stranger"


async def test_stopping_an_older_incarnation_spares_the_newer(autojump_clock: MockClock) -> None:
    """The fenced incarnation is stopped; the one that took its place goes on."""
    async with hosting() as scene:
        await scene.order(attrs.evolve(START, incarnation=3))
        await scene.link.say(StopRank(JOB, 1, 2), Placed(JOB, Placement(1, 2, "elsewhere")))
        await trio.sleep(1)
        assert scene.daemon.host.running == 1
        await scene.link.say(StopRank(JOB, 1, 3))
        await eventually(lambda: children(scene.daemon, "ranks") == 0)
        assert scene.daemon.host.running == 0


async def test_the_end_of_a_job_leaves_nothing(autojump_clock: MockClock) -> None:
    """All its ranks are stopped, and it is forgotten; other jobs go on."""
    async with hosting() as scene:
        for rank in (0, 1):
            await scene.order(attrs.evolve(START, rank=rank))
        await scene.order(attrs.evolve(START, job="b" * 16))
        await scene.link.say(EndJob(JOB), EndJob(JOB))
        await eventually(lambda: children(scene.daemon, "ranks") == 1)
        assert scene.daemon.router.coordinator_of(JOB) is None
        assert scene.daemon.router.coordinator_of(JobId("b" * 16)) == "stranger"


async def test_a_long_last_word_arrives_in_parts(autojump_clock: MockClock) -> None:
    """Whatever a program writes to standard error, it does not cost its host the link."""
    async with hosting() as scene:
        await scene.order(attrs.evolve(START, program="loud"))
        exited = await scene.link.hear(RankExited)
        assert (exited.code, exited.killed) == (1, False)
        text = b"".join(told.data for told in scene.link.heard if isinstance(told, RankStderr))
        assert text.decode().count("é") == 300_000
        assert exited.errors == len(text)
        await scene.link.hear(Pong)


async def test_what_goes_wrong_here_is_told_there(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Even an unexpected error of the host is reported, so that the coordinator does not wait."""

    def start(order: Order) -> object:
        raise OSError(28, "no space left on device")

    async with hosting() as scene:
        monkeypatch.setattr(scene.daemon.starter, "start", start)
        answer = await scene.order(START)
        assert isinstance(answer, RankRefused)
        assert "no space left on device" in answer.reason
        assert "failed on this peer" in caplog.text


async def test_what_a_rank_does_is_told(autojump_clock: MockClock) -> None:
    """The answer names the question. For a rank that is not here, the answer says so."""
    async with hosting() as scene:
        await scene.order(START)
        await scene.link.say(AskRank(JOB, 1, 7))
        assert await scene.link.hear(RankState) == RankState(JOB, 1, 0, 7, "computes; messages by rank: none")
        await scene.link.say(AskRank(JOB, 0, 8))
        while (told := await scene.link.hear(RankState)).question != 8:
            scene.link.heard += scene.link.decoder.feed(await scene.link.control.receive_some())
        assert told == RankState(JOB, 0, 0, 8, "is not here any more")


async def test_what_runs_here_is_told_to_all(autojump_clock: MockClock) -> None:
    """A peer's capacity follows the ranks that it hosts."""
    async with hosting() as scene:
        await scene.order(START)
        capacity = await scene.link.hear(Capacity)
        assert capacity.running == 1
        assert "idle" in capacity.interpreters
