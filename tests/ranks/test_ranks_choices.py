"""Whole pools whose ranks make choices, with losses: nobody ever depends on a choice that is lost."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import trio
import trio.testing
from gossip import Gossip
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st
from mpi_puppets import PuppetStarter
from strategies import fault_plans

from mpi_actors.config import Settings
from mpi_actors.coordination.result import JobResult
from mpi_actors.faults import After, FaultDriver, FaultPlan, KillPeer
from mpi_actors.ids import PeerId
from mpi_actors.net.memory.network import MemoryNetwork
from mpi_actors.pool.memory import open_memory_pool

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
