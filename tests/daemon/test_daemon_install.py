"""Jobs whose program is not installed everywhere: peers install it when a rank needs it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing
from hypothesis import given, note, settings
from hypothesis import strategies as st
from pool_scenes import PROGRAMS, RING, Stranger, children, eventually, listen, running_transport
from strategies import fault_plans
from trio.testing import MockClock

from mpi_actors.config import JobLimits, PeerLimits, Settings, Timing
from mpi_actors.coordination.result import JobResult
from mpi_actors.errors import InstallFailed, UnknownInterpreter
from mpi_actors.events import RankInstalling, RankLost, RankStarted
from mpi_actors.faults import FaultDriver, FaultPlan
from mpi_actors.pool.memory import MemoryPool, open_memory_pool
from mpi_actors.programs.functions import FunctionStarter
from mpi_actors.programs.program import Order, Program
from mpi_actors.wire.messages import Capacity, Ping, RankPreparing, RankRefused, StartRank, Stock, StopRank
from mpi_actors.wire.messages import RankIsUp as Started

ONE_SLOT = Settings(peer=PeerLimits(slots=1))
SLOW = 30.0
"""Seconds of an installation: longer than a host has to start a rank."""
assert Timing().start_rank < SLOW


class LazyStarter(FunctionStarter):
    """Installs programs as a depot does: one at a time, slowly, and without success if they have a flaw."""

    def __init__(self, *installed: str, seconds: float = SLOW, flaw: str = "") -> None:
        super().__init__(PROGRAMS)
        self.installed = set(installed)
        self.seconds = seconds
        self.flaw = flaw
        self.failed: set[str] = set()
        self.removals = 0
        """So often a program is removed at once after its installation, to make room."""
        self.installations = 0
        self.cancelled = 0
        self.changed: Callable[[], None] = lambda: None
        self._turn = trio.Lock()

    def interpreters(self) -> tuple[str, ...]:
        return tuple(sorted(self.installed))

    def installable(self) -> tuple[str, ...]:
        return tuple(sorted(PROGRAMS.keys() - self.installed - self.failed))

    async def ensure(self, program: str) -> None:
        async with self._turn:
            if program in self.installed:
                return
            if program in self.failed:
                raise InstallFailed(self.flaw)
            await self._install(program)

    async def _install(self, program: str) -> None:
        self.installations += 1
        try:
            await trio.sleep(self.seconds)
        except trio.Cancelled:
            self.cancelled += 1
            raise
        if self.flaw:
            self.failed.add(program)
        elif self.removals:
            self.removals -= 1
        else:
            self.installed.add(program)
        self.changed()
        if self.flaw:
            raise InstallFailed(self.flaw)

    @asynccontextmanager
    async def start(self, order: Order) -> AsyncIterator[Program]:
        if order.program not in self.installed:
            raise UnknownInterpreter(f"no interpreter {order.program!r} is installed here")
        async with super().start(order) as program:
            yield program


@asynccontextmanager
async def lazy_pool(*starters: LazyStarter, settings: Settings = ONE_SLOT) -> AsyncIterator[MemoryPool]:
    """Yield a pool of peers that could install programs; at the end, nothing of any job is left."""
    async with open_memory_pool(
        {}, peers=len(starters), starter=starters.__getitem__, settings=settings
    ) as pool:
        for peer, starter in zip(pool.peers, starters, strict=True):
            starter.changed = peer.daemon.on_offer_changed
            await eventually(
                lambda: all(
                    record.stock.installable == starters[number].installable()
                    for number, other in enumerate(pool.peers)
                    if (record := peer.daemon.roster.get(other.id)) is not None  # noqa: B023
                )
            )
        yield pool
        daemons = [peer.daemon for peer in pool.peers if peer.alive]
        await eventually(lambda: not any(daemon.router._jobs for daemon in daemons), within=10)
        await eventually(lambda: not any(children(daemon, "ranks", "jobs") for daemon in daemons), within=10)
        assert not any(daemon.host._hosted for daemon in daemons)
        assert not any(starter._turn.locked() for starter in starters)


def ring_of(ranks: int) -> tuple[str, ...]:
    """Return what rank 0 of a `ring` of that size logs."""
    return tuple(str(ranks * (ranks - 1) // 2 * (lap + 1)) for lap in range(10))


async def test_who_could_install_it_does_so_for_a_rank(autojump_clock: MockClock) -> None:
    """It may take longer than a start, and people see it; peers that have the program are taken first."""
    starters = (LazyStarter(), LazyStarter("ring"), LazyStarter())
    async with lazy_pool(*starters) as pool:
        events = listen(pool.peer(0).daemon)
        began = trio.current_time()
        job = await pool.start("ring", 4)
        await trio.sleep(12.5)
        why = await job.why()
        assert why[0] == "rank 0: incarnation 0 on …peer-000, installing ring for 12.5 s"
        assert why[3].startswith("rank 3: incarnation 0 on …peer-002, installing ring for 12.5 s")
        with trio.fail_after(60):
            result = await job.wait()
        assert result.check().output == ring_of(4)
        assert trio.current_time() - began > SLOW
        installing = [(e.rank, e.peer, e.program) for e in events if isinstance(e, RankInstalling)]
        assert installing == [(0, pool.peer(0).id, "ring"), (3, pool.peer(2).id, "ring")]
        started = {e.rank: e.peer for e in events if isinstance(e, RankStarted)}
        assert [started[rank] for rank in range(4)] == [pool.peer(n).id for n in (0, 1, 1, 2)]
        assert not [event for event in events if isinstance(event, RankLost)]
        assert [starter.installations for starter in starters] == [1, 0, 1]


async def test_many_ranks_wait_for_one_installation(autojump_clock: MockClock) -> None:
    """A peer installs a program once, however many ranks need it, and the job ends as any other."""
    starter = LazyStarter()
    async with lazy_pool(starter) as pool:
        job = await pool.start("ring", 3)
        assert pool.peer(0).daemon.host.running <= 3
        with trio.fail_after(60):
            assert (await job.wait()).check().output == RING
        assert starter.installations == 1
        assert (await (await pool.start("ring", 3)).wait()).seconds < SLOW


async def test_what_cannot_be_installed_on_one_peer_is_on_another(autojump_clock: MockClock) -> None:
    """The coordinator learns why and elects another peer; the first one no longer offers to install it."""
    starters = (LazyStarter("ring"), LazyStarter(flaw="init.py wants Windows"), LazyStarter())
    async with lazy_pool(*starters) as pool:
        events = listen(pool.peer(0).daemon)
        job = await pool.start("ring", 4)
        with trio.fail_after(100):
            assert (await job.wait()).check().output == ring_of(4)
        (lost,) = [event for event in events if isinstance(event, RankLost)]
        assert lost.peer == pool.peer(1).id
        assert lost.reason == "refused by its peer: InstallFailed: init.py wants Windows"
        for other in (0, 2):
            record = pool.peer(other).daemon.roster.get(pool.peer(1).id)
            assert record is not None
            assert "ring" not in record.stock.installable
            assert "idle" in record.stock.installable


async def test_a_job_that_nobody_can_install_fails_with_the_reason(autojump_clock: MockClock) -> None:
    """After the last installation failed, the job waits its time for another peer and then says why."""
    starters = (LazyStarter(flaw="init.py wants Windows"), LazyStarter(flaw="too large"))
    async with lazy_pool(*starters) as pool:
        began = trio.current_time()
        result = await (await pool.start("ring", 1)).wait()
        assert not result.ok
        assert "no peer could take rank 0 within 30 s" in result.reason
        assert "…peer-000 refused: InstallFailed: init.py wants Windows" in result.reason
        assert "…peer-001 refused: InstallFailed: too large" in result.reason
        waited = trio.current_time() - began - 2 * SLOW
        assert 29 < waited < 32


async def kill(pool: MemoryPool) -> None:
    await pool.kill(1)


async def freeze(pool: MemoryPool) -> None:
    await pool.freeze(1)


async def cut(pool: MemoryPool) -> None:
    await pool.cut(0, 1)


@pytest.mark.parametrize("lose", [kill, freeze, cut])
async def test_a_host_that_is_lost_while_it_installs_is_replaced(
    autojump_clock: MockClock, lose: Callable[[MemoryPool], Awaitable[None]]
) -> None:
    """News of preparation do not hide the loss of a host: it shows at once or within seconds."""
    starters = (LazyStarter("ring"), LazyStarter(seconds=500), LazyStarter())
    async with lazy_pool(*starters) as pool:
        events = listen(pool.peer(0).daemon)
        job = await pool.start("ring", 3)
        await trio.sleep(10)
        began = trio.current_time()
        await lose(pool)
        await eventually(lambda: [event for event in events if isinstance(event, RankLost)], within=10)
        with trio.fail_after(60):
            assert (await job.wait()).check().output == RING
        assert trio.current_time() - began < SLOW + 15
        (lost,) = [event for event in events if isinstance(event, RankLost)]
        assert (lost.rank, lost.peer) == (2, pool.peer(1).id)
        assert starters[1].installed == set()
        pool.network.thaw(pool.peer(1).id)
        pool.network.heal(pool.peer(0).id, pool.peer(1).id)


async def test_a_job_that_is_killed_installs_nothing_more(autojump_clock: MockClock) -> None:
    """Its installations are cancelled everywhere without a trace; the next job starts from the beginning."""
    starters = (LazyStarter(), LazyStarter())
    async with lazy_pool(*starters) as pool:
        job = await pool.start("ring", 4)
        await trio.sleep(10)
        job.kill("enough")
        with trio.fail_after(1):
            assert (await job.wait()).reason == "enough"
        await eventually(lambda: not any(starter._turn.locked() for starter in starters), within=1)
        assert [starter.cancelled for starter in starters] == [1, 1]
        assert not any(starter.installed for starter in starters)
        with trio.fail_after(100):
            assert (await (await pool.start("ring", 3)).wait()).check().output == RING


async def test_the_loss_of_the_coordinator_cancels_installations(autojump_clock: MockClock) -> None:
    """A host stops an installation for which no coordinator waits."""
    starters = (LazyStarter("ring"), LazyStarter())
    async with lazy_pool(*starters) as pool:
        await pool.start("ring", 3)
        await trio.sleep(5)
        assert pool.peer(1).daemon.host.running == 1
        await pool.kill(0)
        await eventually(lambda: starters[1].cancelled == 1, within=10)
        assert pool.peer(1).daemon.host.running == 0


async def test_an_installation_may_not_take_for_ever(autojump_clock: MockClock) -> None:
    """After its time, the host loses the rank and is told to stop."""
    limits = Settings(peer=PeerLimits(slots=1), jobs=JobLimits(prepare=100.0))
    starters = (LazyStarter("ring"), LazyStarter(seconds=1e6), LazyStarter())
    async with lazy_pool(*starters, settings=limits) as pool:
        events = listen(pool.peer(0).daemon)
        job = await pool.start("ring", 3)
        with trio.fail_after(200):
            assert (await job.wait()).check().output == RING
        (lost,) = [event for event in events if isinstance(event, RankLost)]
        assert lost.reason == "its peer did not start it in time: 100 s of installing ring"
        assert starters[1].cancelled == 1


@pytest.mark.parametrize(("removals", "ok"), [(1, True), (2, True), (3, False)])
async def test_what_is_removed_before_it_starts_is_installed_again(
    autojump_clock: MockClock, removals: int, ok: bool
) -> None:
    """Two jobs that need the same room may take it from each other a few times, but not for ever."""
    starter = LazyStarter()
    starter.removals = removals
    async with lazy_pool(starter) as pool:
        result = await (await pool.start("ring", 1)).wait()
        assert result.ok == ok
        assert starter.installations == min(removals + 1, 3)
        assert ok or "no interpreter 'ring' is installed here" in result.reason


async def test_a_job_needs_a_program_that_its_peer_has_or_could_install(autojump_clock: MockClock) -> None:
    """The error names both kinds. What only other peers have does not count, because rank 0 runs here."""
    only = LazyStarter("chatty")
    only.failed = {"ring"}
    async with lazy_pool(only, LazyStarter("ring")) as pool:
        with pytest.raises(UnknownInterpreter) as raised:
            await pool.start("ring", 1)
        assert str(raised.value) == (
            "no interpreter 'ring' is installed here; installed: chatty; could be installed: idle"
        )


async def test_a_coordinator_hears_that_its_order_is_being_prepared(autojump_clock: MockClock) -> None:
    """It hears so every second until the rank starts. An order to stop ends the installation."""
    starter = LazyStarter(seconds=9.5)
    start = StartRank("a" * 16, 1, 0, 2, "idle", (), ())
    async with (
        lazy_pool(starter) as pool,
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

        await link.say(start, StopRank(start.job, 1, 0), StartRank("a" * 16, 1, 1, 2, "idle", (), ()))
        await link.hear(Started)
        said = [heard for heard in link.heard if isinstance(heard, RankPreparing)]
        assert said[-10:] == [RankPreparing("a" * 16, 1, 1, "installing idle")] * 10
        assert all(heard.incarnation == 0 for heard in said[:-10])
        assert not [heard for heard in link.heard if isinstance(heard, RankRefused)]
        assert starter.installed == {"idle"}
        assert not daemon.protocol_errors()
        nursery.cancel_scope.cancel()


async def test_a_host_that_only_says_that_it_prepares_does_not_hold_a_job_for_ever(
    autojump_clock: MockClock,
) -> None:
    """The coordinator reads few of its many messages, and later gives the rank to another host."""
    limits = Settings(peer=PeerLimits(slots=1), jobs=JobLimits(prepare=60.0))
    async with (
        lazy_pool(LazyStarter("ring"), settings=limits) as pool,
        running_transport(pool.network, "stranger") as transport,
        trio.open_nursery() as nursery,
    ):
        home = pool.peer(0).daemon
        events = listen(home)
        link = await Stranger(transport).greeted(home)
        await link.say(Capacity(slots=9), Stock(("ring",)))
        await eventually(lambda: [record for record in home.roster if record.stock.installable])
        job = await pool.start("ring", 3)
        order = await link.hear(StartRank)
        assert isinstance(order, StartRank)

        @nursery.start_soon
        async def lie() -> None:
            while True:
                await link.say(*[RankPreparing(job.id, order.rank, 0, "installing")] * 50, Ping(0))
                await trio.sleep(0.2)

        with trio.fail_after(100):
            assert (await job.wait()).check().output == RING
        (lost,) = [event for event in events if isinstance(event, RankLost)]
        assert lost.reason == "its peer did not start it in time: 60 s of installing"
        assert len([event for event in events if isinstance(event, RankInstalling)]) == 1
        assert job.mailbox.statistics().taken < 2000, "of 15000 that were said"
        assert not home.protocol_errors()
        nursery.cancel_scope.cancel()


# --- whatever is lost meanwhile -----------------------------------------------------------------------------


async def run_ring(starters: list[LazyStarter], plan: FaultPlan) -> JobResult:
    """Run a ring under a plan while peers install it, and return the job's result."""
    async with open_memory_pool(
        {}, peers=len(starters), starter=starters.__getitem__, settings=ONE_SLOT
    ) as pool:
        for peer, starter in zip(pool.peers, starters, strict=True):
            starter.changed = peer.daemon.on_offer_changed
        async with trio.open_nursery() as nursery:
            nursery.start_soon(FaultDriver(plan, pool).run)
            job = await pool.start("ring", 3)
            with trio.move_on_after(300):
                result = await job.wait()
                nursery.cancel_scope.cancel()
                return result
            why = "\n".join(await job.why())
            raise AssertionError(f"the job hangs:\n{why}")
    raise AssertionError("unreachable")


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_losses_while_peers_install_change_nothing(data: st.DataObject) -> None:
    """As long as the peer that started the job can install its program, the answer is the same."""
    seconds = st.sampled_from([0.0, 0.5, 3.0, SLOW])
    others = st.tuples(st.sampled_from([(), ("ring",)]), seconds, st.sampled_from(["", "", "no"]))
    described = [((), data.draw(seconds), ""), *data.draw(st.lists(others, min_size=1, max_size=3))]
    plan = data.draw(fault_plans(peers=len(described), ranks=3, horizon=20.0))
    note(f"to reproduce: starters {described}, plan {plan!r}")
    starters = [LazyStarter(*has, seconds=time, flaw=flaw) for has, time, flaw in described]
    clock = trio.testing.MockClock(autojump_threshold=0)
    result = trio.run(run_ring, starters, plan, clock=clock)
    assert result.check().output == RING
