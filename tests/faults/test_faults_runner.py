"""Which faults of a plan are due, and when those that last end."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from strategies import fault_plans

from mpi_actors.errors import BadFaultPlan
from mpi_actors.faults import (
    After,
    AtEvent,
    AtRandom,
    CutOff,
    Fault,
    FaultPlan,
    FaultRunner,
    FreezePeer,
    Hasten,
    Heal,
    KillPeer,
    KillProcess,
    Partition,
    SlowLink,
    Thaw,
)

PLANS = fault_plans(peers=4, ranks=3, events={"message": 20, "checkpoint": 3})


def runner(*plan: Fault) -> FaultRunner:
    """Make a runner of these faults."""
    return FaultRunner(FaultPlan(plan))


def test_timed_faults_come_due_in_their_order() -> None:
    """Each fault is returned once, at its time; faults of one time keep the plan's order."""
    late, first, second = (KillPeer(2, After(2)), KillProcess(0, After(1)), KillProcess(1, After(1)))
    plan = runner(late, first, second)
    assert (plan.next_due, plan.due(0.9)) == (1, [])
    assert plan.due(1.0) == [first, second]
    assert (plan.next_due, plan.finished) == (2, False)
    assert plan.due(50.0) == [late]
    assert (plan.next_due, plan.finished, plan.due(99.0)) == (inf, True, [])


def test_events_are_counted_by_kind() -> None:
    """The k-th event of its kind triggers a fault, once."""
    fault = KillProcess(1, AtEvent("message", 2))
    plan = runner(fault)
    outcomes = [plan.note_event(kind, 0.0) for kind in ("message", "ack", "ack", "message", "message")]
    assert outcomes == [[], [], [], [fault], []]
    assert plan.finished


def test_two_faults_at_one_event() -> None:
    """All faults that wait for one event come due at it, equal ones too."""
    one, other = KillProcess(1, AtEvent("message", 1)), KillPeer(1, AtEvent("message", 1))
    assert runner(one, other, one).note_event("message", 0.0) == [one, other, one]


def test_stops_and_cuts_end() -> None:
    """The end of a stop or cut comes as many seconds after its real beginning as the plan says."""
    freeze = FreezePeer(1, 2.0, After(1))
    cut = CutOff(2, 0, 3.0, AtEvent("message", 1))
    plan = runner(freeze, cut)
    assert plan.due(1.5) == [freeze]
    assert plan.note_event("message", 2.0) == [cut]
    assert plan.next_due == 3.5
    assert plan.due(3.5) == [Thaw(1)]
    assert plan.due(5.0) == [Heal(0, 2)]
    assert plan.finished


def test_overlapping_stops_end_with_the_last() -> None:
    """A peer that is stopped twice goes on after the later end; the same holds for cuts of any origin."""
    long, short = FreezePeer(1, 4.0, After(0)), FreezePeer(1, 1.0, After(1))
    cut, partition = CutOff(1, 0, 1.0, After(0)), Partition(((0,), (1, 2)), 3.0, After(0.5))
    plan = runner(long, short, cut, partition)
    assert plan.due(0.0) == [long, cut]
    assert plan.due(0.5) == [partition]
    assert plan.due(1.0) == [short]
    assert plan.due(3.4) == []
    assert plan.due(3.5) == [Heal(0, 1), Heal(0, 2)]
    assert plan.due(4.0) == [Thaw(1)]


def test_a_slow_link_gets_fast_again() -> None:
    """At the end of the last of its faults, whichever way they name the pair."""
    one, other = SlowLink(1, 0, 0.1, 2.0, After(0)), SlowLink(0, 1, 0.2, 3.0, After(1))
    plan = runner(one, other)
    assert plan.due(0.0) == [one]
    assert plan.due(1.0) == [other]
    assert plan.due(3.9) == []
    assert plan.due(4.0) == [Hasten(0, 1)]
    assert plan.finished


def test_a_moment_at_random_must_be_drawn_first() -> None:
    """The runner has no dice."""
    with pytest.raises(BadFaultPlan, match="settled"):
        runner(KillProcess(1, AtRandom()))


def test_a_killed_peer_is_not_thawed() -> None:
    """A peer that was killed while it was stopped is not thawed, also if it is started again."""
    plan = runner(FreezePeer(1, 4.0, After(0)), KillPeer(1, After(1)))
    plan.due(1.0)
    assert plan.finished


@given(PLANS)
def test_everything_that_begins_ends(plan: FaultPlan) -> None:
    """Each fault is returned once, each end after its fault, and at last the runner is finished."""
    state = FaultRunner(plan)
    assert sorted(map(repr, state.left)) == sorted(map(repr, plan.faults))
    seen: list[object] = []
    for tick in range(200):
        seen += state.due(tick / 10)
        seen += state.note_event("message", tick / 10)
        seen += state.note_event("checkpoint", tick / 10)
    assert state.finished
    assert state.left == []
    begun = [step for step in seen if not isinstance(step, Thaw | Heal | Hasten)]
    assert sorted(map(repr, begun)) == sorted(map(repr, plan.faults))
    frozen: set[int] = set()
    for step in seen:
        match step:
            case FreezePeer():
                frozen.add(step.peer)
            case KillPeer() | Thaw():
                frozen.discard(step.peer)
    assert not frozen
