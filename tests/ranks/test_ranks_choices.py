"""Whole pools whose ranks make choices, with losses: nobody ever depends on a choice that is lost."""

from __future__ import annotations

import os
import random
import resource
from collections.abc import Callable

import trio
import trio.testing
from gossip import Gossip
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st
from mpi_puppets import PuppetRank, PuppetStarter
from pool_scenes import eventually
from strategies import fault_plans

from mpi_actors.config import Settings
from mpi_actors.coordination.result import JobResult
from mpi_actors.faults import After, FaultDriver, FaultPlan, KillPeer, KillProcess
from mpi_actors.ids import PeerId
from mpi_actors.net.memory.network import MemoryNetwork
from mpi_actors.pool.memory import open_memory_pool
from mpi_actors.wire.choices import ChoicePiece, encode_pieces
from mpi_actors.wire.fields import MAX_CHOICES
from mpi_actors.wire.frame import Frame, FrameKind

CASES = int(os.environ.get("MPI_ACTORS_CASES", "500")) // 10
PATIENCE = 200.0
"""Virtual seconds after which a job counts as hung; faults end within ten."""


def latencies(seed: int) -> Callable[[PeerId, PeerId], float]:
    """Some links are slow: so news overtakes news, and for a while choices are known to few."""

    def latency(sender: PeerId, receiver: PeerId) -> float:
        pair = "".join(sorted((sender, receiver)))
        return random.Random(f"{seed} {pair}").choice((0.001, 0.2))

    return latency


async def run_gossip(
    ranks: int, peers: int, plan: FaultPlan, seed: int, *, burst: int = 1, seconds: float = 4.0
) -> tuple[JobResult, Gossip]:
    """Run the program on a pool under a plan; return the result, and the truth."""
    gossip = Gossip(ranks, seed, seconds, burst)
    network = MemoryNetwork(latency=latencies(seed), seed=plan.seed, short_reads=0.05)
    async with (
        open_memory_pool(
            {},
            peers=peers,
            network=network,
            starter=lambda _: PuppetStarter({"gossip": gossip}),
            settings=Settings(),
        ) as pool,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(FaultDriver(plan, pool).run)
        job = await pool.start("gossip", ranks)
        with trio.move_on_after(PATIENCE):
            result = await job.wait()
            nursery.cancel_scope.cancel()
            return result, gossip
        why = "\n".join(await job.why())
        raise AssertionError(f"the job hangs:\n{why}")
    raise AssertionError("unreachable")


def check(ranks: int, peers: int, plan: FaultPlan, seed: int, burst: int = 1) -> None:
    """Run it in virtual time. It ends well, and all histories agree."""
    note(f"to reproduce: check({ranks}, {peers}, {plan!r}, {seed}, {burst})")
    clock = trio.testing.MockClock(autojump_threshold=0)
    result, gossip = trio.run(lambda: run_gossip(ranks, peers, plan, seed, burst=burst), clock=clock)
    assert result.ok, result.reason
    gossip.check()


@given(st.data())
@settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_nobody_depends_on_a_lost_choice(data: st.DataObject) -> None:
    """Whatever is lost, together or one after the other."""
    ranks, peers = data.draw(st.integers(2, 6)), data.draw(st.integers(2, 5))
    plan = data.draw(fault_plans(peers=peers, ranks=ranks))
    for fault in plan.faults:
        event(type(fault).__name__)
    check(ranks, peers, plan, data.draw(st.integers(0, 2**32)), data.draw(st.sampled_from([1, 1, 1000])))


@given(st.integers(0, 2**32))
@settings(max_examples=CASES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_nobody_depends_on_a_choice_of_lost_peers(seed: int) -> None:
    """Peers die in the middle, often several at once or during the recovery of another."""
    dice = random.Random(seed)
    peers = dice.randint(3, 5)
    when = dice.uniform(0.5, 3.0)
    dead = dice.sample(range(1, peers), dice.randint(1, peers - 2))
    plan = FaultPlan(
        tuple(KillPeer(peer, After(when + dice.choice((0.0, 0.001, 0.02, 0.2)))) for peer in dead), seed
    )
    check(6, peers, plan, seed)


async def test_megabytes_of_choices_are_repeated(autojump_clock: trio.testing.MockClock) -> None:
    """What does not fit into the order to start a rank follows it; meanwhile bytes wait and go on."""
    plan = FaultPlan((KillPeer(1, After(1.5)), KillProcess(3, After(1.0))), 1)
    result, gossip = await run_gossip(4, 3, plan, 3, burst=20_000, seconds=3.0)
    assert result.ok, result.reason
    gossip.check()
    repeated = [4 * 20_000 * number for rank in gossip.ranks for number in rank.repeated[1:]]
    assert len(repeated) >= 2
    assert max(repeated) > MAX_CHOICES


async def test_two_records_that_differ_fail_the_job(autojump_clock: trio.testing.MockClock) -> None:
    """Nobody can say what the rank chose, and the job says so."""
    gossip = Gossip(2, 1, 10.0)
    async with open_memory_pool({}, peers=2, starter=lambda _: PuppetStarter({"gossip": gossip})) as pool:
        job = await pool.start("gossip", 2)
        home, other = (peer.daemon for peer in pool.peers)
        choices = home.router.choices_of(job.id)
        assert choices is not None
        await eventually(lambda: choices.position(1) >= 4)
        payload = encode_pieces([ChoicePiece(1, 0, 0, 0, b"\xff\xff\xff\xff")])
        choices.receive(Frame(FrameKind.CHOICES, job.id, 0, 0, 0, 0, payload=payload), other.local)
        result = await job.wait()
        assert not result.ok
        assert result.reason.startswith("ConflictingChoices: two records of what rank 1 chose")


async def test_a_host_without_memory_for_choices_refuses_the_rank(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The job says by name why no peer could take it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with open_memory_pool({}, peers=2, starter=lambda _: PuppetStarter({"idle": _idle})) as pool:
        resource.setrlimit(resource.RLIMIT_FSIZE, (16_384, before[1]))
        try:
            job = await pool.start("idle", 1)
            result = await job.wait()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not result.ok
    assert "PageFull: there is no memory for a rank's choices" in result.reason


async def _idle(_: PuppetRank) -> None:
    await trio.sleep_forever()
