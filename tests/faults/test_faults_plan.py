"""Fault plans: values with a text that makes them again, and plans made at random."""

from __future__ import annotations

from math import inf, nan

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import fault_plans

from mpi_actors import faults
from mpi_actors.errors import BadFaultPlan, UsageError
from mpi_actors.faults import (
    After,
    AtEvent,
    AtRandom,
    CutOff,
    DropLane,
    Fault,
    FaultPlan,
    FreezePeer,
    KillPeer,
    KillProcess,
    Partition,
    SlowLink,
)

PLANS = fault_plans(peers=4, ranks=3, events={"message": 20, "checkpoint": 3})


@given(PLANS)
def test_a_plan_can_be_pasted_back(plan: FaultPlan) -> None:
    """The repr of a plan is Python that makes an equal plan."""
    assert eval(repr(plan), vars(faults)) == plan


@given(PLANS)
def test_a_plan_survives_json(plan: FaultPlan) -> None:
    """A plan written as JSON and read again is the same."""
    assert FaultPlan.from_json(plan.to_json()) == plan


def test_the_json_of_a_plan() -> None:
    """A person can write the JSON of a plan."""
    fault = '{"fault": "freeze_peer", "peer": 1, "seconds": 2.5, "event": "message", "k": 3}'
    text = f'{{"seed": 7, "faults": [{fault}]}}'
    plan = FaultPlan((FreezePeer(1, 2.5, AtEvent("message", 3)),), 7)
    assert plan.to_json() == text
    assert FaultPlan.from_json(text) == plan


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '"faults"',
        '{"faults": 1}',
        '{"faults": [1]}',
        '{"faults": [], "more": 1}',
        '{"faults": [], "seed": "7"}',
        '{"faults": [{"peer": 1, "after": 1}]}',
        '{"faults": [{"fault": "kill_everybody", "after": 1}]}',
        '{"faults": [{"fault": "kill_peer", "after": 1}]}',
        '{"faults": [{"fault": "kill_peer", "peer": 1}]}',
        '{"faults": [{"fault": "kill_peer", "peer": 1, "event": "message"}]}',
        '{"faults": [{"fault": "kill_peer", "peer": 1, "event": ["message"], "k": 1}]}',
        '{"faults": [{"fault": "kill_peer", "peer": 1, "after": 1, "event": "message", "k": 1}]}',
        '{"faults": [{"fault": "kill_peer", "peer": 1, "after": 1, "hard": true}]}',
        '{"faults": [{"fault": "kill_peer", "peer": true, "after": 1}]}',
        '{"faults": [{"fault": "kill_peer", "peer": 1.5, "after": 1}]}',
        '{"faults": [{"fault": "kill_peer", "peer": -1, "after": 1}]}',
        '{"faults": [{"fault": "kill_peer", "peer": 1, "after": NaN}]}',
        '{"faults": [{"fault": "partition", "groups": 5, "seconds": 1, "after": 1}]}',
        '{"faults": [{"fault": "partition", "groups": ["ab", "cd"], "seconds": 1, "after": 1}]}',
    ],
)
def test_json_that_makes_no_sense_is_refused(text: str) -> None:
    """Text that is not a plan raises BadFaultPlan, which is a usage error."""
    with pytest.raises(BadFaultPlan):
        FaultPlan.from_json(text)
    assert issubclass(BadFaultPlan, UsageError)


@pytest.mark.parametrize("seconds", [-1.0, inf, nan, 1e10])
def test_times_are_finite_and_not_negative(seconds: float) -> None:
    """A time that is infinite, too large or negative is refused."""
    with pytest.raises(BadFaultPlan):
        After(seconds)
    with pytest.raises(BadFaultPlan):
        FreezePeer(0, seconds, After(0))


@pytest.mark.parametrize("groups", [(), ((0,),), ((0,), ()), ((0, 1), (1,)), ((0, 0), (1,)), ((-1,), (0,))])
def test_a_partition_has_groups_that_differ(groups: tuple[tuple[int, ...], ...]) -> None:
    """Fewer than two groups, empty ones, or a peer in two of them are refused."""
    with pytest.raises(BadFaultPlan):
        Partition(groups, 1.0, After(0))


def test_a_peer_is_not_cut_off_from_itself() -> None:
    """A cut needs two peers."""
    with pytest.raises(BadFaultPlan):
        CutOff(1, 1, 1.0, After(0))


def test_a_partition_cuts_each_pair_of_two_groups() -> None:
    """Peers of one group are not cut off from each other."""
    assert Partition(((2, 0), (1,), (3,)), 1.0, After(0)).pairs == ((0, 1), (0, 3), (1, 2), (1, 3), (2, 3))


@given(seed=st.integers(), peers=st.integers(1, 6), ranks=st.integers(0, 5), spare=st.sets(st.integers(0, 5)))
def test_a_random_plan_keeps_to_its_limits(seed: int, peers: int, ranks: int, spare: set[int]) -> None:
    """A plan depends only on the arguments, names existing peers and ranks, and never kills all peers."""

    def make() -> FaultPlan:
        events = {"message": 9, "ack": 4}
        return FaultPlan.random(
            seed, peers=peers, ranks=ranks, faults=8, horizon=2.0, events=events, spare=sorted(spare & {0, 1})
        )

    plan = make()
    assert plan == make()
    assert (plan.seed, len(plan.faults)) == (seed, 8)
    killed = [fault.peer for fault in plan.faults if isinstance(fault, KillPeer)]
    assert len(set(killed)) == len(killed) < peers
    assert not set(killed) & spare & {0, 1}
    for fault in plan.faults:
        match fault:
            case KillProcess():
                assert fault.rank < ranks
            case KillPeer() | FreezePeer():
                assert fault.peer < peers
            case CutOff() | SlowLink():
                assert max(fault.a, fault.b) < peers
            case DropLane():
                assert max(fault.rank, fault.other) < ranks
            case Partition():
                assert sorted(peer for group in fault.groups for peer in group) == list(range(peers))
        match fault.when:
            case After(seconds):
                assert seconds <= 2.0
            case AtEvent(kind, k):
                assert k <= {"message": 9, "ack": 4}[kind]


def test_a_random_plan_keeps_to_the_wanted_kinds_and_times() -> None:
    """Only kinds that are asked for, no stop longer than allowed, and a brief one of the spared peer."""
    for seed in range(40):
        plan = FaultPlan.random(
            seed, peers=2, ranks=1, faults=5, kinds=("freeze_peer", "drop_lane"), longest=9.0, brief=0.5
        )
        assert {type(fault) for fault in plan.faults} == {FreezePeer}  # one rank has no lane
        for fault in plan.faults:
            assert isinstance(fault, FreezePeer)
            assert fault.seconds <= (9.0 if fault.peer else 0.5)
    assert FaultPlan.random(1, peers=1, ranks=1, kinds=("drop_lane", "cut_off")).faults == ()


def test_a_moment_at_random_is_drawn_by_a_seed() -> None:
    """The other faults stay; the same seed draws the same."""
    fixed, loose = KillPeer(1, After(1)), KillProcess(0, AtRandom())
    plan = FaultPlan((fixed, loose, loose), 3)
    drawn = plan.settled(7, horizon=2.0, events={"line": 4})
    assert drawn == plan.settled(7, horizon=2.0, events={"line": 4})
    assert drawn.faults[0] == fixed
    moments = {
        fault.when for seed in range(60) for fault in plan.settled(seed, events={"line": 4}).faults[1:]
    }
    assert {AtEvent("line", k) for k in (1, 2, 3, 4)} < moments
    assert all(isinstance(when, After | AtEvent) for when in moments)
    assert FaultPlan.from_json(plan.to_json()) == plan


@pytest.mark.parametrize(
    ("fault", "word"),
    [
        (KillProcess(2, After(1)), "rank 2"),
        (KillPeer(3, After(1)), "peer 3"),
        (CutOff(0, 3, 1.0, After(1)), "peer 3"),
        (DropLane(0, 5, After(1)), "rank 5"),
        (Partition(((0,), (1, 4)), 1.0, After(1)), "peer 4"),
        (KillProcess(1, AtEvent("line of rank 8", 5)), "rank 8"),
        (KillPeer(1, AtEvent("message of rank 2", 5)), "rank 2"),
    ],
)
def test_a_plan_names_only_what_is_there(fault: Fault, word: str) -> None:
    """A rank or a peer that does not exist would be a loss that never comes."""
    FaultPlan((KillProcess(1, After(0)), CutOff(0, 2, 1.0, After(0)))).check(peers=3, ranks=2)
    with pytest.raises(BadFaultPlan, match=f"there is no {word}"):
        FaultPlan((fault,)).check(peers=3, ranks=2)


@pytest.mark.parametrize(
    ("given", "meant"),
    [("kill_proces", "kill_process"), ("cutoff", "cut_off")],
)
def test_a_wrong_name_in_json_is_answered_with_the_nearest(given: str, meant: str) -> None:
    """Of a fault, and of a field."""
    with pytest.raises(BadFaultPlan, match=f"did you mean '{meant}'"):
        FaultPlan.from_json(f'{{"faults": [{{"fault": "{given}", "after": 1}}]}}')
    with pytest.raises(BadFaultPlan, match="did you mean 'seconds'"):
        FaultPlan.from_json('{"faults": [{"fault": "freeze_peer", "peer": 1, "second": 2, "after": 1}]}')


def test_seeds_make_different_plans() -> None:
    """Among a few seeds there are many plans, and each kind of fault occurs."""
    plans = [FaultPlan.random(seed, peers=4, ranks=4) for seed in range(80)]
    assert len({plan.faults for plan in plans}) > 40
    assert {type(fault) for plan in plans for fault in plan.faults} == set(Fault.__args__)


def test_plans_cannot_be_changed() -> None:
    """A plan is a value: it can be a key, and its fields cannot be set."""
    plan = FaultPlan((KillPeer(1, After(1)),))
    assert {plan: 1}[FaultPlan((KillPeer(1, After(1)),))] == 1
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        plan.seed = 1  # type: ignore[misc]
