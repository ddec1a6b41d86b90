"""Fault plans: their texts, what is due when, and how a driver carries it out."""

from __future__ import annotations

from math import inf, nan

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from strategies import fault_plans
from trio.testing import MockClock, wait_all_tasks_blocked

from mpi_actors import faults
from mpi_actors.errors import BadFaultPlan, UsageError
from mpi_actors.faults import (
    After,
    AtEvent,
    CutOff,
    Fault,
    FaultDriver,
    FaultPlan,
    FaultRunner,
    FreezePeer,
    Heal,
    KillPeer,
    KillProcess,
    Partition,
    Thaw,
    apply,
)

PLANS = fault_plans(peers=4, ranks=3, events={"message": 20, "checkpoint": 3})


class Recorder:
    """A target that notes what is done to it, and when."""

    def __init__(self) -> None:
        self.done: list[tuple[object, ...]] = []

    def _note(self, *what: object) -> None:
        self.done.append((round(trio.current_time() - self.began, 6), *what))

    began = 0.0

    async def kill_process(self, rank: int) -> None:
        self._note("kill_process", rank)

    async def kill_peer(self, i: int) -> None:
        self._note("kill_peer", i)

    async def freeze_peer(self, i: int) -> None:
        self._note("freeze_peer", i)

    async def thaw_peer(self, i: int) -> None:
        self._note("thaw_peer", i)

    async def cut(self, i: int, j: int) -> None:
        self._note("cut", i, j)

    async def heal(self, i: int, j: int) -> None:
        self._note("heal", i, j)


# --- texts --------------------------------------------------------------------------------------------------


@given(PLANS)
def test_a_plan_can_be_pasted_back(plan: FaultPlan) -> None:
    """The repr of a plan is Python that makes an equal plan."""
    assert eval(repr(plan), vars(faults)) == plan


@given(PLANS)
def test_a_plan_survives_json(plan: FaultPlan) -> None:
    """A plan written as JSON and read again is the same."""
    assert FaultPlan.from_json(plan.to_json()) == plan


def test_the_json_of_a_plan() -> None:
    """The JSON is one that a person can write."""
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
    """Whatever is no plan raises one named error, which is the user's."""
    with pytest.raises(BadFaultPlan):
        FaultPlan.from_json(text)
    assert issubclass(BadFaultPlan, UsageError)


@pytest.mark.parametrize("seconds", [-1.0, inf, nan, 1e10])
def test_times_are_finite_and_not_negative(seconds: float) -> None:
    """A time that never comes, or has passed, is refused."""
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
    """Peers of one group stay together."""
    assert Partition(((2, 0), (1,), (3,)), 1.0, After(0)).pairs == ((0, 1), (0, 3), (1, 2), (1, 3), (2, 3))


# --- random plans -------------------------------------------------------------------------------------------


@given(seed=st.integers(), peers=st.integers(1, 6), ranks=st.integers(0, 5), spare=st.sets(st.integers(0, 5)))
def test_a_random_plan_keeps_to_its_limits(seed: int, peers: int, ranks: int, spare: set[int]) -> None:
    """It depends on its arguments only, names existing peers and ranks, and never kills all peers."""

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
            case CutOff():
                assert max(fault.a, fault.b) < peers
            case Partition():
                assert sorted(peer for group in fault.groups for peer in group) == list(range(peers))
        match fault.when:
            case After(seconds):
                assert seconds <= 2.0
            case AtEvent(kind, k):
                assert k <= {"message": 9, "ack": 4}[kind]


def test_seeds_make_different_plans() -> None:
    """Among a few seeds there are many plans, and each kind of fault occurs."""
    plans = [FaultPlan.random(seed, peers=4, ranks=4) for seed in range(50)]
    assert len({plan.faults for plan in plans}) > 40
    assert {type(fault) for plan in plans for fault in plan.faults} == set(Fault.__args__)


# --- what is due --------------------------------------------------------------------------------------------


def runner(*plan: Fault) -> FaultRunner:
    """A runner of these faults."""
    return FaultRunner(FaultPlan(plan))


def test_timed_faults_come_due_in_their_order() -> None:
    """Each is returned once, when its time has come; equal times keep the plan's order."""
    late, first, second = (KillPeer(2, After(2)), KillProcess(0, After(1)), KillProcess(1, After(1)))
    plan = runner(late, first, second)
    assert (plan.next_due, plan.due(0.9)) == (1, [])
    assert plan.due(1.0) == [first, second]
    assert (plan.next_due, plan.finished) == (2, False)
    assert plan.due(50.0) == [late]
    assert (plan.next_due, plan.finished, plan.due(99.0)) == (inf, True, [])


def test_events_are_counted_by_kind() -> None:
    """The k-th event of its own kind triggers a fault, once."""
    fault = KillProcess(1, AtEvent("message", 2))
    plan = runner(fault)
    outcomes = [plan.note_event(kind, 0.0) for kind in ("message", "ack", "ack", "message", "message")]
    assert outcomes == [[], [], [], [fault], []]
    assert plan.finished


def test_two_faults_at_one_event() -> None:
    """All that wait for one event are triggered by it, equal ones too."""
    one, other = KillProcess(1, AtEvent("message", 1)), KillPeer(1, AtEvent("message", 1))
    assert runner(one, other, one).note_event("message", 0.0) == [one, other, one]


def test_stops_and_cuts_end() -> None:
    """They are followed by their relief, so many seconds after they really began."""
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
    """A peer that is stopped again is not let go on early; the same for cuts, however they came about."""
    long, short = FreezePeer(1, 4.0, After(0)), FreezePeer(1, 1.0, After(1))
    cut, partition = CutOff(1, 0, 1.0, After(0)), Partition(((0,), (1, 2)), 3.0, After(0.5))
    plan = runner(long, short, cut, partition)
    assert plan.due(0.0) == [long, cut]
    assert plan.due(0.5) == [partition]
    assert plan.due(1.0) == [short]
    assert plan.due(3.4) == []
    assert plan.due(3.5) == [Heal(0, 1), Heal(0, 2)]
    assert plan.due(4.0) == [Thaw(1)]


def test_a_killed_peer_is_not_thawed() -> None:
    """Whoever was killed while stopped needs no relief, and if started again is left alone."""
    plan = runner(FreezePeer(1, 4.0, After(0)), KillPeer(1, After(1)))
    plan.due(1.0)
    assert plan.finished


@given(PLANS)
def test_everything_that_begins_ends(plan: FaultPlan) -> None:
    """In the end each fault was returned once, each relief after its fault, and nothing is left."""
    state = FaultRunner(plan)
    seen: list[object] = []
    for tick in range(200):
        seen += state.due(tick / 10)
        seen += state.note_event("message", tick / 10)
        seen += state.note_event("checkpoint", tick / 10)
    assert state.finished
    begun = [step for step in seen if not isinstance(step, Thaw | Heal)]
    assert sorted(map(repr, begun)) == sorted(map(repr, plan.faults))
    frozen: set[int] = set()
    for step in seen:
        match step:
            case FreezePeer():
                frozen.add(step.peer)
            case KillPeer() | Thaw():
                frozen.discard(step.peer)
    assert not frozen


# --- carrying it out ----------------------------------------------------------------------------------------


async def test_apply_calls_the_target(autojump_clock: MockClock) -> None:
    """Each fault and relief has its method; a partition is a cut of each pair."""
    target = Recorder()
    target.began = trio.current_time()
    now = After(0)
    for step in (
        KillProcess(3, now),
        KillPeer(1, now),
        FreezePeer(2, 1.0, now),
        CutOff(1, 0, 1.0, now),
        Partition(((0,), (1, 2)), 1.0, now),
        Thaw(2),
        Heal(0, 1),
    ):
        await apply(step, target)
    assert [call[1:] for call in target.done] == [
        ("kill_process", 3),
        ("kill_peer", 1),
        ("freeze_peer", 2),
        ("cut", 1, 0),
        ("cut", 0, 1),
        ("cut", 0, 2),
        ("thaw_peer", 2),
        ("heal", 0, 1),
    ]


async def test_a_driver_keeps_the_plans_times(autojump_clock: MockClock) -> None:
    """Faults and reliefs happen at their times, events at once, and the driver ends after the last."""
    target = Recorder()
    target.began = trio.current_time()
    plan = FaultPlan((FreezePeer(1, 2.0, After(1)), CutOff(0, 1, 5.0, AtEvent("message", 2))))
    async with trio.open_nursery() as nursery:
        driver = FaultDriver(plan, target)
        nursery.start_soon(driver.run)
        for _ in range(3):
            await trio.sleep(1)
            await wait_all_tasks_blocked()
            driver.note_event("message")
    assert target.done == [
        (1.0, "freeze_peer", 1),
        (2.0, "cut", 0, 1),
        (3.0, "thaw_peer", 1),
        (7.0, "heal", 0, 1),
    ]


def test_plans_cannot_be_changed() -> None:
    """A plan is a value: it can be a key, and has no setters."""
    plan = FaultPlan((KillPeer(1, After(1)),))
    assert {plan: 1}[FaultPlan((KillPeer(1, After(1)),))] == 1
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        plan.seed = 1  # type: ignore[misc]
