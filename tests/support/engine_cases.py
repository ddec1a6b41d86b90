"""Cases for `engine_world`: a program, losses and a seed; and what must be true of each."""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import attrs
import pytest
from engine_coordinator import Wrong
from engine_processes import Process
from engine_programs import Exchange, Mail, Phase, exchange_of, is_plain, phase_of, program_of
from engine_world import EngineWorld, Loss
from hypothesis import strategies as st

from mpi_actors.mpi.engine import STANDARD, inlet, outlet, runs, stream
from mpi_actors.mpi.engine.engine import Engine


@attrs.frozen
class Case:
    """One life of one job."""

    hosts: int
    slots: tuple[int, ...]
    """By host: how many ranks it takes before others are preferred."""
    ranks: int
    phases: list[Phase]
    losses: list[Loss]
    seed: int

    def world(self, world: type[EngineWorld] = EngineWorld) -> EngineWorld:
        """The world in which it happens; close it."""
        return world(
            self.hosts, self.ranks, program_of(self.phases), self.seed, self.losses, slots=self.slots
        )

    def run(self, world: type[EngineWorld] = EngineWorld) -> EngineWorld:
        """Let it happen, and check what came out.

        Raises:
            Wrong: it must not be.
        """
        with small():
            life = self.world(world)
            try:
                life.run()
            finally:
                life.close()
        check(life)
        if self.losses and is_plain(self.phases):
            undisturbed = attrs.evolve(self, losses=[], seed=self.seed + 1).run(world)
            for rank, process in life.current.items():
                same(process, undisturbed.current[rank])
        return life


@contextmanager
def small() -> Iterator[None]:
    """Inside, few bytes are many: messages are announced, windows are full, frames come in parts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(outlet, "EAGER", 100)
        patch.setattr(outlet, "WINDOW", 1500)
        patch.setattr(inlet, "CREDIT_STEP", 400)
        patch.setattr(sys.modules[Engine.__module__], "MOST_QUICK", 60)
        patch.setattr(runs, "MOST_QUICK", 60)
        patch.setattr(stream, "_BUFFER_SIZE", 120)
        yield


def check(world: EngineWorld) -> None:
    """What the last incarnations have seen is one undisturbed run.

    Raises:
        Wrong: it is not.
    """
    last = [world.current[rank] for rank in range(world.size)]
    for source in last:
        for dest in last:
            sent = Counter(mail[1:] for mail in source.sent if mail[0] == dest.rank)
            received = Counter(mail[1:] for mail in dest.received if mail[0] == source.rank)
            if sent != received:
                raise Wrong(f"{source.rank} sent {dest.rank}: {sent - received}, got {received - sent}")
    for process in last:
        shown = [number for rank, number in world.coordinator.shown if rank == process.rank]
        if sorted(shown) != list(range(process.lines)):
            raise Wrong(f"of {process.lines} lines of rank {process.rank} were shown: {sorted(shown)}")


def same(process: Process, other: Process) -> None:
    """Two lives of a program that chooses nothing have seen the same.

    Raises:
        Wrong: they have not.
    """
    if process.seen != other.seen:
        where = next(
            i for i, pair in enumerate(zip(process.seen, other.seen, strict=False)) if pair[0] != pair[1]
        )
        raise Wrong(f"rank {process.rank} saw {process.seen[where]}, and undisturbed {other.seen[where]}")


def loss_of(dice: random.Random, hosts: int) -> tuple[int, str, tuple[int, ...]]:
    """How many steps after the one before, and what is lost."""
    after = dice.choice((0, 30, 100, 300, 1000, 1000))
    kinds = ["process", "process", "cut"] + ["host", "host", "host", "drop", "back"] * (hosts > 1)
    which = [dice.randrange(100) for _ in range(dice.choice((1, 1, 2)))]
    return dice.randint(after // 3, after), dice.choice(kinds), tuple(which)


@st.composite
def cases(draw: st.DrawFn, *, plain: bool = False) -> Case:
    """Generate cases. `plain`: of programs that choose nothing.

    Details come from dice, as hypothesis prefers small examples; it makes failures shorter by leaving out
    losses and phases.
    """
    seed = draw(st.integers(0, 2**32))
    dice = random.Random(seed)
    hosts = dice.choice((1, 2, 2, 3, 3, 4, 5, 6))
    ranks = dice.choice((1, 2, 3, 4, 4, 5, 6, 7, 8))
    seeds = st.integers(0, 2**32).map(random.Random)
    phases = draw(st.lists(seeds, min_size=dice.choice((1, 2, 3)), max_size=4))
    losses = draw(st.lists(seeds, min_size=dice.choice((0, 1, 2, 2, 3)), max_size=4))
    step, found = 50, []
    for each in losses:
        after, kind, which = loss_of(each, hosts)
        step += after
        found.append(Loss(step, kind, which))
    return Case(
        hosts,
        tuple(dice.randint(1, 4) for _ in range(hosts)),
        ranks,
        [exchange_of(each, ranks, plain=True) if plain else phase_of(each, ranks) for each in phases],
        found,
        seed,
    )


def storm(seed: int) -> Case:
    """A case in which hosts vanish, and nearly all depends on choices that the coordinator does not have."""
    dice = random.Random(seed)
    hosts = dice.choice((4, 5))
    ranks = hosts + dice.randrange(3)
    ring = dice.random() < 0.5
    """Ranks send to one or two others only, so that what one depends on comes a long way."""
    phases: list[Phase] = []
    for _ in range(3):
        mails = []
        for _ in range(3 * ranks):
            source = dice.randrange(1, ranks)
            near = 1 + (source - 1 + dice.choice((1, 2))) % (ranks - 1)
            mails.append(Mail(source, near if ring else dice.randrange(1, ranks), 0, 0, STANDARD))
        ways = tuple(dice.choice(("recv", "recv", "waitany", "iprobe", "testsome")) for _ in range(ranks))
        phases.append(Exchange(False, tuple(mails), ways, (False,) * ranks, ("",) * ranks, "", None))
    which = tuple(dice.sample(range(hosts - 1), dice.choice((1, 2, 2))))
    kind = dice.choice(("host", "host", "host", "drop"))
    return Case(hosts, (1,) * hosts, ranks, phases, [Loss(dice.randint(100, 1500), kind, which)], seed)
