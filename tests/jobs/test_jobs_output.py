"""What ranks write, through a pool in virtual time: standard error waits for its reader and loses nothing."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest
import trio
from pool_scenes import eventually, listen
from trio.testing import MockClock

from mpi_actors.events import Event, Log, Notice
from mpi_actors.ids import PeerId
from mpi_actors.pool.memory import MemoryPeer, open_memory_pool
from mpi_actors.programs.functions import RankContext
from mpi_actors.replay.stderr import LAST_WORDS, WINDOW
from mpi_actors.wire.messages import RankStderr, StderrTaken, ToCoordinator, ToHost

_STDERR = (RankStderr, StderrTaken)

LINE = 100
"""Bytes of each line of standard error here."""


async def complainer(rank: RankContext) -> None:
    """Write ten windows of standard error, and a last line without an end."""
    for number in range(10 * WINDOW // LINE):
        await rank.complain(f"{number:0{LINE - 1}}\n")
    await rank.complain(b"caf\xe9")


async def endless(rank: RankContext) -> None:
    """Rank 1 writes to standard error without end; the others pass a message on."""
    if rank.rank == 1:
        while True:
            await rank.complain("x" * (LINE - 1) + "\n")
    await rank.send(2 - rank.rank, "hello")
    await rank.log(await rank.receive(2 - rank.rank))
    if rank.rank == 0:
        await trio.sleep_forever()


async def last_words(rank: RankContext) -> None:
    """Fail with a traceback that is far longer than the window."""
    if rank.rank == 1:
        raise ValueError("\n".join(f"{number:0{LINE - 1}}" for number in range(5 * WINDOW // LINE)) + "!")
    await trio.sleep_forever()


async def crowd(rank: RankContext) -> None:
    """Write a little, at each rank."""
    for number in range(300):
        await rank.complain(f"{rank.rank} {number}\n")


PROGRAMS = {each.__name__: each for each in (complainer, endless, last_words, crowd)}


def text_of(events: list[Event], rank: int) -> bytes:
    """Return the standard error of a rank as a terminal would show it."""
    logs = (event for event in events if isinstance(event, Log))
    return b"".join(
        log.text.encode(errors="surrogateescape") + b"\n" * log.ended
        for log in logs
        if (log.rank, log.stream) == (rank, "stderr")
    )


def all_of(program: str) -> bytes:
    """Return what `complainer` writes."""
    assert program == "complainer"
    return b"".join(b"%0*d\n" % (LINE - 1, number) for number in range(10 * WINDOW // LINE)) + b"caf\xe9"


def lose(peer: MemoryPeer, lost: Callable[[object], bool]) -> Callable[[], None]:
    """Lose such messages of a peer, as a link that breaks does; return a function that ends this."""
    router = peer.daemon.router
    tell = router.tell

    def losing(peer: PeerId, message: ToHost | ToCoordinator) -> bool:
        return not lost(message) and tell(peer, message)

    router.tell = losing  # type: ignore[method-assign]
    return lambda: setattr(router, "tell", tell)


@pytest.mark.parametrize("home", [0, 1], ids=["here", "elsewhere"])
@pytest.mark.parametrize("losses", [False, True], ids=["whole", "lossy"])
async def test_all_of_standard_error_comes(autojump_clock: MockClock, home: int, losses: bool) -> None:
    """Byte for byte, from the coordinator's own host and from another, also where messages are lost."""
    async with open_memory_pool(PROGRAMS, peers=2) as pool:
        events = listen(pool.peer(home).daemon)
        if losses:
            random = Random(home)
            for peer in pool.peers:
                lose(peer, lambda told: isinstance(told, _STDERR) and random.random() < 0.1)
        job = await pool.start("complainer", 2, at=home)
        with trio.fail_after(1000):
            result = await job.wait()
        assert result.ok, result.reason
        for rank in range(2):
            assert text_of(events, rank) == all_of("complainer")
        assert not [event for event in events if isinstance(event, Notice)]


async def test_a_rank_that_writes_without_end_waits(autojump_clock: MockClock) -> None:
    """In little memory, while nobody reads; others go on, `why` says so, and the job can be killed."""
    async with open_memory_pool(PROGRAMS, peers=2) as pool:
        daemon = pool.peer(0).daemon
        let_go = daemon.bus.hold()
        job = await pool.start("endless", 3)
        await trio.sleep(100)
        output = job._output
        assert WINDOW <= output.stderr(1, 0).waiting < WINDOW + 64 * 1024
        assert not job.log
        why = await job.why()
        assert "bytes of standard error wait for somebody to read" in why[1]
        assert "has ended" in why[2], "rank 2 has had its message"
        job.kill("enough")
        with trio.fail_after(1):
            result = await job.wait()
        assert result.reason == "enough"
        let_go()
        await eventually(lambda: daemon.host.running == 0)


async def test_the_last_words_of_a_failure_are_shown(autojump_clock: MockClock) -> None:
    """However late somebody reads, and although they are longer than the window; then the job ends."""
    async with open_memory_pool(PROGRAMS, peers=2) as pool:
        events = listen(pool.peer(0).daemon)
        let_go = pool.peer(0).daemon.bus.hold()
        job = await pool.start("last_words", 2, restart="lost")
        await trio.sleep(100)
        assert job.result is None
        assert job._output.stderr(1, 0).waiting < WINDOW + LAST_WORDS
        let_go()
        with trio.fail_after(10):
            result = await job.wait()
        assert result.exit_code == 1
        text = text_of(events, 1)
        assert text.startswith(b"Traceback")
        assert text.endswith(b"!\n")
        assert text.count(b"\n") > 5 * WINDOW // LINE


async def test_what_was_lost_is_counted(autojump_clock: MockClock) -> None:
    """A process that is killed while nobody reads leaves text in its host, which goes with it."""
    async with open_memory_pool(PROGRAMS, peers=1) as pool:
        events = listen(pool.peer(0).daemon)

        def late(told: object) -> bool:
            return isinstance(told, RankStderr) and told.offset >= WINDOW

        heal = lose(pool.peer(0), late)
        job = await pool.start("complainer", 1)
        await trio.sleep(5)
        await pool.kill_process(0)
        await trio.sleep(5)
        heal()
        with trio.fail_after(1000):
            result = await job.wait()
        assert result.ok, result.reason
        [notice] = [event.text for event in events if isinstance(event, Notice)]
        assert notice.endswith("bytes of the standard error of rank 0 were lost with its process")
        assert int(notice.split()[0]) > 0
        assert text_of(events, 0).endswith(all_of("complainer")), (
            "the next incarnation writes all of it again"
        )


async def test_many_ranks_write_at_once(autojump_clock: MockClock) -> None:
    """Each line comes whole."""
    async with open_memory_pool(PROGRAMS, peers=3) as pool:
        events = listen(pool.peer(0).daemon)
        job = await pool.start("crowd", 40)
        with trio.fail_after(1000):
            result = await job.wait()
        assert result.ok, result.reason
        for rank in range(40):
            assert text_of(events, rank) == b"".join(b"%d %d\n" % (rank, number) for number in range(300))
