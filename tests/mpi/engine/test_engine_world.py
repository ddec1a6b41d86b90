"""Programs full of choices, on hosts that die: a lost rank chooses the same again.

Real engines run whole jobs without a clock (`engine_world`). A rank that was lost runs again; every choice of
its first life that anybody may have seen is repeated, and everything that it sends and prints depends on all
of them. So the lines that were shown and the messages that were received must be those of the last lives.
"""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Callable

import pytest
from engine_programs import Phase, phases, program_of
from engine_world import EngineWorld
from hypothesis import given, settings
from hypothesis import strategies as st

from mpi_actors.mpi.engine import outlet

CASES = int(os.environ.get("MPI_ACTORS_CASES", "500"))
EAGER = 100
"""Bytes of the longest message that leaves unasked: a few messages of each program are longer."""

Loss = tuple[int, Callable[[EngineWorld], None]]


@pytest.fixture(autouse=True)
def _short_messages_are_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlet, "EAGER", EAGER)


def kill(rank: int) -> Callable[[EngineWorld], None]:
    """A process is killed, whatever incarnation it is of."""

    def loss(world: EngineWorld) -> None:
        world.kill(rank % len(world.ranks))

    return loss


def crash(numbers: list[int]) -> Callable[[EngineWorld], None]:
    """Peers die at once, with all that they know."""

    def loss(world: EngineWorld) -> None:
        world.crash(
            {1 + number % (len(world.peers) - 1) for number in numbers} if len(world.peers) > 1 else ()
        )

    return loss


def give_up(number: int) -> Callable[[EngineWorld], None]:
    """A peer that lives is taken for dead."""

    def loss(world: EngineWorld) -> None:
        world.notice(number % len(world.peers))

    return loss


def come_back(_: int) -> Callable[[EngineWorld], None]:
    """Peers that are lost take part again."""

    def loss(world: EngineWorld) -> None:
        for number in sorted(world.out):
            world.come_back(number)

    return loss


NUMBER = st.integers(0, 7)
LOSSES = st.lists(
    st.tuples(
        st.integers(0, 1500) | st.integers(0, 200),
        st.one_of(
            NUMBER.map(kill),
            NUMBER.map(kill),
            st.lists(NUMBER, min_size=1, max_size=3).map(crash),
            NUMBER.map(give_up),
            NUMBER.map(come_back),
        ),
    ),
    max_size=4,
)


def run(script: list[Phase], places: list[int], peers: int, seed: int, losses: list[Loss]) -> EngineWorld:
    """Run a job to its end."""
    program = program_of(script, len(places))
    world = EngineWorld(peers, [place % peers for place in places], [program] * len(places), seed)
    try:
        world.run(losses)
    finally:
        world.close()
    return world


def assert_consistent(world: EngineWorld) -> None:
    """What was shown and received is what the last life of each rank has printed and sent."""
    sent: dict[tuple[int, int], Counter[bytes]] = defaultdict(Counter)
    received: dict[tuple[int, int], Counter[bytes]] = defaultdict(Counter)
    for rank in world.ranks:
        for dest, data in rank.sent:
            sent[rank.number, dest][data] += 1
        for source, data in rank.received:
            received[source, rank.number][data] += 1
    assert received == sent
    for rank in world.ranks:
        assert sorted(world.shown[rank.number]) == list(range(rank.lines))


@settings(max_examples=CASES)
@given(
    data=st.data(),
    places=st.lists(st.integers(0, 5), min_size=1, max_size=8),
    peers=st.integers(1, 6),
    seed=st.integers(0, 2**32),
    losses=LOSSES,
)
def test_choices_are_repeated(
    data: st.DataObject, places: list[int], peers: int, seed: int, losses: list[Loss]
) -> None:
    """Whoever is lost, when, together with whom, and again: the job ends, and nobody sees a difference."""
    script = data.draw(st.lists(phases(len(places)), min_size=1, max_size=4))
    assert_consistent(run(script, places, peers, seed, losses))
