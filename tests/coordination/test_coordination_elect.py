"""The choice of a host."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.coordination.elect import PeerView, elect
from mpi_actors.ids import PeerId
from mpi_actors.wire.fields import HostKind

names = st.sampled_from([PeerId(letter) for letter in "abcdef"])
views = st.builds(
    PeerView,
    peer=names,
    has_interpreter=st.booleans(),
    could_install=st.booleans(),
    slots=st.integers(0, 4),
    running=st.integers(0, 6),
    full=st.booleans(),
    latency=st.floats(0, 1),
)


@attrs.frozen
class Field:
    """Some candidates, and what the job knows of them."""

    views: list[PeerView]
    blame: Mapping[PeerId, int]
    tried: frozenset[PeerId]

    def elect(self, views: list[PeerView] | None = None, prefer: PeerId | None = None) -> PeerId | None:
        """The choice among all candidates, or among some of them."""
        return elect(
            self.views if views is None else views, prefer=prefer, blame=self.blame, tried=self.tried
        )

    @property
    def able(self) -> set[PeerId]:
        """Those that can take a rank, now or after an installation."""
        return {v.peer for v in self.views if (v.has_interpreter or v.could_install) and not v.full}


fields = st.builds(
    Field,
    st.lists(views, max_size=6, unique_by=lambda view: view.peer),
    st.dictionaries(names, st.integers(0, 2)),
    st.frozensets(names),
)
PLAIN = PeerView(peer=PeerId("a"), has_interpreter=True, slots=2, running=0)
LAZY: dict[str, Any] = {"has_interpreter": False, "could_install": True}


@given(fields, names | st.none(), st.randoms())
def test_the_order_of_the_candidates_does_not_matter(some: Field, prefer: PeerId | None, rng: Random) -> None:
    """Equal knowledge gives equal choices."""
    shuffled = some.views.copy()
    rng.shuffle(shuffled)
    assert some.elect(prefer=prefer) == some.elect(shuffled, prefer=prefer)


@given(fields, names | st.none())
def test_an_able_peer_is_chosen_if_there_is_one(some: Field, prefer: PeerId | None) -> None:
    """The chosen peer can take the rank; nobody is chosen only when no peer can."""
    chosen = some.elect(prefer=prefer)
    assert chosen in some.able if some.able else chosen is None


@given(fields, names)
def test_the_preferred_peer_wins_if_it_can(some: Field, prefer: PeerId) -> None:
    """Rank 0 sits at home whatever else is known of home, unless home cannot take it."""
    if prefer in some.able:
        assert some.elect(prefer=prefer) == prefer
    else:
        assert some.elect(prefer=prefer) == some.elect()


@given(fields)
def test_a_loser_does_not_influence_the_choice(some: Field) -> None:
    """Without one of the losers, the winner is the same."""
    chosen = some.elect()
    for loser in some.views:
        if loser.peer != chosen:
            assert some.elect([other for other in some.views if other is not loser]) == chosen


@given(fields)
def test_no_peer_installs_while_another_has_room(some: Field) -> None:
    """A peer that must install the interpreter is chosen only if all that have it are crowded or tried."""
    chosen = some.elect()
    if any(view.peer == chosen and not view.has_interpreter for view in some.views):
        for other in some.views:
            crowded = other.running >= 2 * max(other.slots, 1)
            assert not other.has_interpreter or other.full or other.peer in some.tried or crowded


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
def test_what_counts_first(worse: dict[str, Any], better: dict[str, Any]) -> None:
    """Each criterion decides before all those after it, and even against the order of names."""
    views: list[PeerView] = []
    blame: dict[PeerId, int] = {}
    tried: set[PeerId] = set()
    for peer, changes in ((PeerId("a"), worse), (PeerId("z"), better)):
        changes = dict(changes)
        blame[peer] = changes.pop("blame", 0)
        if changes.pop("tried", False):
            tried.add(peer)
        views.append(attrs.evolve(PLAIN, peer=peer, **changes))
    assert elect(views, blame=blame, tried=tried) == PeerId("z")


def test_noise_in_the_latency_does_not_decide() -> None:
    """Within 5 ms, names decide."""
    far = attrs.evolve(PLAIN, latency=0.0049)
    assert elect([far, attrs.evolve(PLAIN, peer=PeerId("b"))]) == far.peer


def test_a_peer_without_slots_counts_as_one_with_one() -> None:
    """A peer that names no slots does not make the load infinite."""
    assert elect([attrs.evolve(PLAIN, slots=0)]) == PLAIN.peer


@given(views, st.integers(0, 9))
def test_a_view_counts_the_ranks_that_the_job_has_given(view: PeerView, given_ranks: int) -> None:
    """A job's own count only raises what the peer says of itself, and changes nothing else."""
    raised = view.with_at_least(given_ranks)
    assert raised == attrs.evolve(view, running=max(view.running, given_ranks))


def test_a_host_of_the_same_kind_comes_before_a_better_place() -> None:
    """But not before one that has not lost this rank yet; a rank that never ran goes anywhere."""
    old, new = HostKind("x86_64 avx2"), HostKind("x86_64 avx512f")
    like = attrs.evolve(PLAIN, kind=old, running=5, latency=1.0)
    other = attrs.evolve(PLAIN, peer=PeerId("b"), kind=new)
    assert elect([like, other], like=old) == like.peer
    assert elect([like, other], like=old, tried={like.peer}) == other.peer
    assert elect([like, other], like=new) == elect([like, other]) == other.peer
    assert elect([attrs.evolve(like, full=True), other], like=old) == other.peer
