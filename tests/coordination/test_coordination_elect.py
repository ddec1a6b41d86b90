"""The choice of a host."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.coordination.elect import Candidate, elect
from mpi_actors.ids import PeerId

names = st.sampled_from([PeerId(letter) for letter in "abcdef"])
candidates = st.builds(
    Candidate,
    peer=names,
    has_interpreter=st.booleans(),
    could_install=st.booleans(),
    slots=st.integers(0, 4),
    running=st.integers(0, 6),
    full=st.booleans(),
    latency=st.floats(0, 1),
    blame=st.integers(0, 2),
    tried=st.booleans(),
)
fields = st.lists(candidates, max_size=6, unique_by=lambda candidate: candidate.peer)
PLAIN = Candidate(peer=PeerId("a"), has_interpreter=True, slots=2, running=0)
LAZY = {"has_interpreter": False, "could_install": True}


def able_of(some: list[Candidate]) -> set[PeerId]:
    """Those that can take a rank, now or after an installation."""
    return {c.peer for c in some if (c.has_interpreter or c.could_install) and not c.full}


@given(fields, names | st.none(), st.randoms())
def test_the_order_of_the_candidates_does_not_matter(some: list[Candidate], prefer, rng) -> None:
    """Equal knowledge gives equal choices."""
    shuffled = some.copy()
    rng.shuffle(shuffled)
    assert elect(some, prefer=prefer) == elect(shuffled, prefer=prefer)


@given(fields, names | st.none())
def test_only_who_can_is_chosen_and_somebody_if_anybody_can(some: list[Candidate], prefer) -> None:
    """The choice has the interpreter or could install it, and is not full; None only when none is so."""
    able = able_of(some)
    chosen = elect(some, prefer=prefer)
    assert chosen in able if able else chosen is None


@given(fields, names)
def test_the_preferred_one_wins_if_it_can(some: list[Candidate], prefer: PeerId) -> None:
    """Rank 0 sits at home whatever else is known of home, unless it cannot."""
    if prefer in able_of(some):
        assert elect(some, prefer=prefer) == prefer
    else:
        assert elect(some, prefer=prefer) == elect(some)


@given(fields)
def test_who_was_not_chosen_is_not_missed(some: list[Candidate]) -> None:
    """Without one of the losers, the winner is the same."""
    chosen = elect(some)
    for loser in some:
        if loser.peer != chosen:
            assert elect([other for other in some if other is not loser]) == chosen


@given(fields)
def test_nobody_installs_while_who_has_it_has_room(some: list[Candidate]) -> None:
    """A peer that would have to install it is chosen only if all others are crowded or tried."""
    chosen = elect(some)
    if any(c.peer == chosen and not c.has_interpreter for c in some):
        for other in some:
            crowded = other.running >= 2 * max(other.slots, 1)
            assert not other.has_interpreter or other.full or other.tried or crowded


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        ({"tried": True}, {"running": 9, "blame": 9, "latency": 1.0}),
        ({"tried": True}, LAZY | {"running": 9, "blame": 9, "latency": 1.0}),
        (LAZY, {"running": 1, "blame": 9, "latency": 1.0}),
        (LAZY, {"running": 3, "blame": 9, "latency": 1.0}),
        ({"running": 4}, LAZY | {"running": 1, "blame": 9, "latency": 1.0}),
        ({"running": 6}, LAZY | {"running": 5, "latency": 1.0}),
        (LAZY | {"running": 5}, {"running": 5, "latency": 1.0}),
        ({"running": 2}, {"running": 1, "blame": 9, "latency": 1.0}),
        ({"blame": 1}, {"running": 1, "latency": 1.0}),
        ({"running": 1}, {"slots": 9, "running": 1, "latency": 1.0}),
        ({"latency": 0.02}, {"latency": 0.01}),
    ],
    ids=[
        "not tried", "not tried though not installed", "installed", "installed though busy",
        "not installed where there is room", "less load in a crowd", "installed in a crowd", "a free slot",
        "less blame", "less load for its slots", "nearer",
    ],
)  # fmt: skip
def test_what_counts_first(worse: dict[str, object], better: dict[str, object]) -> None:
    """Each criterion decides before all those after it, and even against the order of names."""
    loser = attrs.evolve(PLAIN, **worse)
    winner = attrs.evolve(PLAIN, **({"peer": PeerId("z")} | better))
    assert elect([loser, winner]) == winner.peer


def test_noise_in_the_latency_does_not_decide() -> None:
    """Within 5 ms, names decide."""
    far = attrs.evolve(PLAIN, latency=0.0049)
    assert elect([far, attrs.evolve(PLAIN, peer=PeerId("b"))]) == far.peer


def test_a_peer_without_slots_has_one() -> None:
    """A peer that names no slots is not divided by."""
    assert elect([attrs.evolve(PLAIN, slots=0)]) == PLAIN.peer
