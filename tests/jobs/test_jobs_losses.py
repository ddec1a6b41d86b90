"""Promises 1 and 2 (the same answer, no silence) on generated programs and losses, in virtual time."""

from __future__ import annotations

import gc
import hashlib
import os

import attrs
import trio
import trio.testing
from hypothesis import HealthCheck, event, given, note, settings
from hypothesis import strategies as st
from strategies import fault_plans

from mpi_actors.coordination.result import JobResult
from mpi_actors.faults import FaultDriver, FaultPlan
from mpi_actors.net.memory.network import MemoryNetwork
from mpi_actors.pool.memory import open_memory_pool
from mpi_actors.programs.functions import RankContext

CASES = int(os.environ.get("MPI_ACTORS_CASES", "500"))
PATIENCE = 100.0
"""Virtual seconds after which a job counts as hung; faults end within ten."""


@attrs.frozen
class Transfer:
    """One step of a program: `src` sends what it knows to `dst`, after `pause` seconds."""

    src: int
    dst: int
    pause: float
    size: int


@attrs.frozen
class Script:
    """A generated program: who sends what to whom. Each rank does its own part, in this order."""

    ranks: int
    transfers: tuple[Transfer, ...]

    def answers(self) -> list[list[str]]:
        """Return what each rank logs when nothing goes wrong, computed without a pool."""
        states = [f"rank {rank}" for rank in range(self.ranks)]
        logs: list[list[str]] = [[] for _ in range(self.ranks)]
        for number, transfer in enumerate(self.transfers):
            text = message(states[transfer.src], number, transfer.size)
            states[transfer.src] = digest(states[transfer.src], "sent")
            states[transfer.dst] = digest(states[transfer.dst], text)
            logs[transfer.dst].append(states[transfer.dst])
        return logs


def digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


def message(state: str, number: int, size: int) -> str:
    return (digest(state, str(number)) * (size // 16 + 1))[:size]


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    ranks = draw(st.integers(2, 6))
    ends = st.tuples(st.integers(0, ranks - 1), st.integers(0, ranks - 1))
    transfers = draw(
        st.lists(
            st.builds(
                lambda pair, pause, size: Transfer(pair[0], pair[1], pause, size),
                ends,
                st.sampled_from([0.0, 0.0, 0.01, 0.3, 1.0]),
                st.sampled_from([16, 16, 100, 70_000, 1_500_000]),
            ),
            min_size=1,
            max_size=16,
        )
    )
    return Script(ranks, tuple(transfers))


async def run_script(script: Script, peers: int, plan: FaultPlan) -> tuple[JobResult, list[list[str]]]:
    """Run a script on a pool under a plan; return the result and what each rank logged."""
    drivers: list[FaultDriver] = []

    async def program(rank: RankContext) -> None:
        state = f"rank {rank.rank}"
        for number, transfer in enumerate(script.transfers):
            if transfer.src == rank.rank:
                await trio.sleep(transfer.pause)
                await rank.send(transfer.dst, message(state, number, transfer.size))
                state = digest(state, "sent")
                drivers[0].note_event("message")
            if transfer.dst == rank.rank:
                state = digest(state, await rank.receive(transfer.src))
                await rank.log(state)

    network = MemoryNetwork(latency=0.002, seed=plan.seed, short_reads=0.05)
    async with open_memory_pool({"script": program}, peers=peers, network=network) as pool:
        drivers.append(FaultDriver(plan, pool))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(drivers[0].run)
            job = await pool.start("script", script.ranks)
            with trio.move_on_after(PATIENCE):
                result = await job.wait()
                logs = [[line.text for line in job.log if line.rank == rank] for rank in range(script.ranks)]
                nursery.cancel_scope.cancel()
                return result, logs
            why = "\n".join(await job.why())
            raise AssertionError(f"the job hangs:\n{why}")
    raise AssertionError("unreachable")


@given(st.data())
@settings(
    max_examples=CASES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
def test_results_equal_the_undisturbed_ones(data: st.DataObject) -> None:
    """Whatever is lost, at whatever message, the job ends well and every rank has logged the same."""
    script = data.draw(scripts())
    peers = data.draw(st.integers(2, 5))
    plan = data.draw(fault_plans(peers=peers, ranks=script.ranks, events={"message": 20}))
    note(f"to reproduce: run_script({script!r}, {peers}, {plan!r})")
    for fault in plan.faults:
        event(type(fault).__name__)
    clock = trio.testing.MockClock(autojump_threshold=0)
    result, logs = trio.run(run_script, script, peers, plan, clock=clock)
    assert result.ok, result.reason
    assert logs == script.answers()


def test_nothing_is_left_behind() -> None:
    """After a pool with losses, no descriptor is open that was not open before."""
    script = Script(3, tuple(Transfer(i % 3, (i + 1) % 3, 0.1, 3_000_000) for i in range(40)))
    plan = FaultPlan.random(7, peers=3, ranks=3)
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    clock = trio.testing.MockClock(autojump_threshold=0)
    result, logs = trio.run(run_script, script, 3, plan, clock=clock)
    gc.collect()
    assert result.ok
    assert logs == script.answers()
    assert len(os.listdir("/proc/self/fd")) == before
