"""The choice of a host."""

from __future__ import annotations

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.elect import Candidate, elect
from mpi_actors.ids import PeerId

names = st.sampled_from([PeerId(letter) for letter in "abcdef"])
candidates = st.builds(
    Candidate,
    peer=names,
    has_interpreter=st.booleans(),
    slots=st.integers(0, 4),
    running=st.integers(0, 6),
    full=st.booleans(),
    latency=st.floats(0, 1),
    blame=st.integers(0, 2),
    tried=st.booleans(),
)
fields = st.lists(candidates, max_size=6, unique_by=lambda candidate: candidate.peer)
PLAIN = Candidate(peer=PeerId("a"), has_interpreter=True, slots=2, running=0)


@given(fields, names | st.none(), st.randoms())
def test_the_order_of_the_candidates_does_not_matter(some: list[Candidate], prefer, rng) -> None:
    """Equal knowledge gives equal choices."""
    shuffled = some.copy()
    rng.shuffle(shuffled)
    assert elect(some, prefer=prefer) == elect(shuffled, prefer=prefer)


@given(fields, names | st.none())
def test_only_who_can_is_chosen_and_somebody_if_anybody_can(some: list[Candidate], prefer) -> None:
    """The choice offers the interpreter and is not full; None only when no candidate is so."""
    able = {candidate.peer for candidate in some if candidate.has_interpreter and not candidate.full}
    chosen = elect(some, prefer=prefer)
    assert chosen in able if able else chosen is None


@given(fields, names)
def test_the_preferred_one_wins_if_it_can(some: list[Candidate], prefer: PeerId) -> None:
    """Rank 0 sits at home whatever else is known of home, unless it cannot."""
    able = {candidate.peer for candidate in some if candidate.has_interpreter and not candidate.full}
    if prefer in able:
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


@pytest.mark.parametrize(
    ("worse", "better"),
    [
        ({"tried": True}, {"running": 9, "blame": 9, "latency": 1.0}),
        ({"running": 2}, {"running": 1, "blame": 9, "latency": 1.0}),
        ({"blame": 1}, {"running": 1, "latency": 1.0}),
        ({"running": 1}, {"slots": 9, "running": 1, "latency": 1.0}),
        ({"latency": 0.02}, {"latency": 0.01}),
    ],
    ids=["not tried", "a free slot", "less blame", "less load for its slots", "nearer"],
)
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
