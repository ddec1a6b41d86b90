"""The coordinator's decisions: its promises hold whatever happens, in whatever order."""

from __future__ import annotations

from collections.abc import Iterable

import attrs
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from narrowing import each, one

from mpi_actors.config import JobLimits, ReplayOptions, RestartPolicy
from mpi_actors.coordination.decisions import JobDecisions, JobSpec
from mpi_actors.coordination.elect import PeerView
from mpi_actors.coordination.result import EXIT_JOB_FAILED
from mpi_actors.coordination.seats import (
    Action,
    Announce,
    ChoiceRecorded,
    End,
    Fence,
    Phase,
    PlaceRank,
    Preparing,
)
from mpi_actors.ids import JobId, PeerId

HOME = PeerId("home")
OTHERS = [PeerId(name) for name in ("ann", "bob", "cid")]
LIMITS = JobLimits(
    failures=2, failures_period=10.0, losses=3, losses_period=20.0, wait_for_host=5.0, prepare=9.0
)
PATIENCE = 4.0
"""Seconds for a host to start a rank."""


def spec(size: int, restart: RestartPolicy | None = "failed", limits: JobLimits = LIMITS) -> JobSpec:
    return JobSpec(job=JobId("0" * 16), program="echo", size=size, restart=restart, home=HOME, limits=limits)


def view(
    peer: PeerId,
    *,
    able: bool = True,
    lazy: bool = False,
    full: bool = False,
    slots: int = 2,
    running: int = 0,
) -> PeerView:
    return PeerView(
        peer=peer, has_interpreter=able, could_install=lazy, slots=slots, running=running, full=full
    )


class DecisionsMachine(RuleBasedStateMachine):
    """A coordinator's decisions next to a model of the pool that knows who is where and why.

    The model sees only the actions, and says which of them are wrong. Time passes as in the coordinator's
    loop, which stops at each deadline.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.present: dict[PeerId, PeerView] = {}
        self.live: dict[int, tuple[int, PeerId]] = {}
        self.newest: dict[int, int] = {}
        self.refusing: set[tuple[int, PeerId]] = set()
        self.tried: set[tuple[int, PeerId]] = set()
        self.heard: dict[int, float] = {}
        self.preparing: dict[int, float] = {}
        self.times: dict[tuple[int, str], list[float]] = {}
        self.fenced: list[tuple[int, int]] = []
        self.end: End | None = None
        self.choices: dict[int, str] = {}

    # --- what happens -------------------------------------------------------------------------------------

    @initialize(
        size=st.integers(1, 4),
        restart=st.sampled_from(["lost", "failed", "failed"]),
        able=st.booleans(),
        others=st.sets(st.sampled_from(OTHERS)),
    )
    def begin(self, size: int, restart: RestartPolicy, able: bool, others: set[PeerId]) -> None:
        self.decisions = JobDecisions(spec(size, restart))
        self.newest = dict.fromkeys(range(size), -1)
        self.present = {peer: view(peer) for peer in sorted(others)} | {HOME: view(HOME, able=able)}
        self.take(self.decisions.begin(self.present.values(), self.now))

    @rule(
        peer=st.sampled_from([HOME, *OTHERS]),
        able=st.booleans(),
        lazy=st.booleans(),
        full=st.booleans(),
        slots=st.integers(0, 3),
        running=st.integers(0, 4),
    )
    def change(self, peer: PeerId, able: bool, lazy: bool, full: bool, slots: int, running: int) -> None:
        old = self.present.get(peer)
        new = view(peer, able=able, lazy=lazy, full=full, slots=slots, running=running)
        could = old is not None and (old.has_interpreter or old.could_install) and not old.full
        installed = able and old is not None and not old.has_interpreter
        if (able or lazy) and not full and (installed or not could):
            self.refusing = {entry for entry in self.refusing if entry[1] != peer}
        self.present[peer] = new
        self.take(self.decisions.on_peer_changed(self.present[peer], self.now))

    @rule(peer=st.sampled_from(OTHERS))
    def lose(self, peer: PeerId) -> None:
        self.present.pop(peer, None)
        self.refusing = {entry for entry in self.refusing if entry[1] != peer}
        hosted = {rank for rank, (_, host) in self.live.items() if host == peer}
        actions = self.decisions.on_peer_down(peer, "it was unplugged", self.now)
        fenced = {a.rank for a in actions if isinstance(a, Fence)}
        if self.end is None and not hosted & self.choices.keys():
            assert fenced == hosted
        else:
            assert fenced <= hosted
        self.take(actions)

    @rule(data=st.data())
    def start(self, data: st.DataObject) -> None:
        rank, incarnation = self.draw_live(data, Phase.STARTING)
        actions = self.decisions.on_rank_started(rank, incarnation, self.now)
        if self.end is None and rank in self.live:
            assert actions == [Announce(rank, incarnation, self.live[rank][1])]
        self.take(actions)

    @rule(data=st.data())
    def prepare(self, data: st.DataObject) -> None:
        rank, incarnation = self.draw_live(data, Phase.STARTING)
        actions = self.decisions.on_rank_preparing(rank, incarnation, "installing echo", self.now)
        if self.end is None and rank in self.live:
            first = rank not in self.preparing
            assert actions == ([Preparing(rank, incarnation, self.live[rank][1])] if first else [])
            self.preparing.setdefault(rank, self.now)
            self.heard[rank] = self.now
        self.take(actions)

    @rule()
    def start_all(self) -> None:
        for rank in sorted(self.live):
            self.take(self.decisions.on_rank_started(rank, self.live[rank][0], self.now))

    @rule(data=st.data())
    def refuse(self, data: st.DataObject) -> None:
        rank, incarnation = self.draw_live(data, Phase.STARTING)
        if rank in self.live:
            self.refusing.add((rank, self.live[rank][1]))
        self.take(self.decisions.on_rank_refused(rank, incarnation, "no room", self.now))

    @rule(data=st.data(), how=st.sampled_from(["ok", "ok", "killed", "failed"]), code=st.integers(1, 255))
    def exit(self, data: st.DataObject, how: str, code: int) -> None:
        rank, incarnation = self.draw_live(data, Phase.RUNNING)
        known = self.end is None and rank in self.live
        actions = self.decisions.on_rank_exited(
            rank,
            incarnation,
            killed=how == "killed",
            code=0 if how == "ok" else code,
            text="the end",
            now=self.now,
        )
        if known:
            self.check_exit(rank, how, code, actions)
        self.take(actions)

    def check_exit(self, rank: int, how: str, code: int, actions: list[Action]) -> None:
        ends = [action for action in actions if isinstance(action, End)]
        lost = how == "killed" or (how == "failed" and self.decisions.spec.restart != "lost")
        if lost and rank in self.choices and not (ends and "given up" in ends[0].reason):
            self.times.setdefault((rank, how), []).append(self.now)
            assert [end.rank for end in ends] == [rank], "what it chose cannot be repeated"
        elif how == "ok":
            ended = all(seat.phase is Phase.ENDED for seat in self.decisions.seats)
            assert actions == ([End(True, 0, "every rank has ended well")] if ended else [])
        elif how == "failed" and self.decisions.spec.restart == "lost":
            (end,) = ends
            assert (end.ok, end.exit_code) == (False, code)
        else:
            most, period = (2, 10.0) if how == "failed" else (3, 20.0)
            times = self.times.setdefault((rank, how), [])
            times.append(self.now)
            too_many = sum(time >= self.now - period for time in times) > most
            assert bool(ends) == too_many
            assert [end.exit_code for end in ends] == [EXIT_JOB_FAILED] * too_many

    @rule(data=st.data(), code=st.integers(1, 255))
    def go_after_the_end(self, data: st.DataObject, code: int) -> None:
        """Lose the process of a rank that has ended well, before the job's end."""
        rank, incarnation = self.draw_live(data, Phase.ENDED)
        known = self.end is None and rank in self.live
        assert (
            self.decisions.on_rank_exited(rank, incarnation, killed=False, code=code, text="", now=self.now)
            == []
        )
        actions = self.decisions.on_rank_exited(
            rank, incarnation, killed=True, code=137, text="the end", now=self.now
        )
        if known:
            self.check_exit(rank, "killed", 137, actions)
        self.take(actions)

    @rule(data=st.data(), what=st.sampled_from(["calls from several threads", "too many choices"]))
    def choose(self, data: st.DataObject, what: str) -> None:
        rank, incarnation = self.draw_live(data, Phase.RUNNING)
        actions = self.decisions.on_rank_chose(rank, incarnation, what)
        if self.end is None and rank in self.live:
            assert actions == [ChoiceRecorded(rank, incarnation, self.live[rank][1])]
            self.choices.setdefault(rank, what)
        self.take(actions)

    @rule(data=st.data(), code=st.integers(0, 255), chance=st.integers(0, 9))
    def abort(self, data: st.DataObject, code: int, chance: int) -> None:
        rank, incarnation = self.draw_live(data, Phase.RUNNING if chance == 9 else Phase.STARTING)
        actions = self.decisions.on_rank_aborted(rank, incarnation, code, "enough")
        if chance < 9 or self.end is not None or rank not in self.live:
            assert actions == []
        else:
            (end,) = actions
            assert isinstance(end, End)
            assert (end.ok, end.exit_code, end.rank) == (False, code, rank)
        self.take(actions)

    @rule(data=st.data())
    def reset(self, data: st.DataObject) -> None:
        rank = data.draw(st.sampled_from(sorted(self.newest)))
        self.take(self.decisions.reset(rank, 0, self.now))

    @invariant()
    def nobody_else_is_heard(self) -> None:
        strangers = [(-1, 0), (4, 0), (2**32 - 1, 0), (0, self.newest[0] + 1)] if self.newest else []
        for rank, incarnation in [*self.fenced, *strangers]:
            assert self.decisions.on_rank_started(rank, incarnation, self.now) == []
            assert self.decisions.on_rank_preparing(rank, incarnation, "not yet", self.now) == []
            assert self.decisions.on_rank_refused(rank, incarnation, "no", self.now) == []
            assert (
                self.decisions.on_rank_exited(rank, incarnation, killed=True, code=9, text="", now=self.now)
                == []
            )
            assert self.decisions.on_rank_broke(rank, incarnation, "no") == []
            assert self.decisions.on_rank_chose(rank, incarnation, "ANY_TAG") == []
            assert self.decisions.on_rank_aborted(rank, incarnation, 1, "no") == []

    @rule(seconds=st.sampled_from([0.0, 0.5, 1.0, 3.0, 6.0, 30.0]))
    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while (deadline := self.decisions.next_deadline(PATIENCE)) is not None and deadline <= until:
            self.now = max(self.now, deadline)
            for seat in self.decisions.seats:
                if seat.phase is Phase.STARTING and self.now >= self.late(seat.rank):
                    self.refusing.add((seat.rank, self.live[seat.rank][1]))
            self.take(self.decisions.on_time_passed(self.now, PATIENCE))
            after = self.decisions.next_deadline(PATIENCE)
            assert after is None or after > self.now, "a deadline in the past would be a busy loop"
        self.now = until

    def late(self, rank: int) -> float:
        """Let the time pass after which a host has taken too long to start a rank."""
        most = self.preparing[rank] + LIMITS.prepare if rank in self.preparing else float("inf")
        return min(self.heard[rank] + PATIENCE, most)

    @precondition(lambda self: self.end is None)
    @rule(data=st.data(), chance=st.integers(0, 9))
    def give_up(self, data: st.DataObject, chance: int) -> None:
        if chance == 8:
            self.take(self.decisions.kill("enough"))
        elif chance == 9 and self.live:
            rank = data.draw(st.sampled_from(sorted(self.live)))
            self.take(self.decisions.on_rank_broke(rank, self.live[rank][0], "it diverged"))

    def draw_live(self, data: st.DataObject, phase: Phase) -> tuple[int, int]:
        """Return a seat in that phase if there is one; else a seat that the decisions must ignore."""
        ranks = [seat.rank for seat in self.decisions.seats if seat.phase is phase]
        if not ranks:
            return 99, 0
        rank = data.draw(st.sampled_from(ranks))
        return rank, self.live[rank][0]

    # --- what must hold -----------------------------------------------------------------------------------

    def take(self, actions: Iterable[Action]) -> None:
        for action in actions:
            assert self.end is None, "no action follows the end"
            match action:
                case PlaceRank(rank, incarnation, peer):
                    self.check_place(rank, incarnation, peer)
                    self.live[rank] = (incarnation, peer)
                    self.newest[rank] = incarnation
                    self.heard[rank] = self.now
                    self.preparing.pop(rank, None)
                case Preparing(rank, incarnation, peer):
                    assert self.live[rank] == (incarnation, peer)
                case Fence(rank, incarnation, peer):
                    assert self.live.pop(rank) == (incarnation, peer), "only what runs is fenced, once"
                    self.fenced.append((rank, incarnation))
                    self.tried.add((rank, peer))
                    assert rank not in self.choices, "a rank that made a choice is not replaced"
                case Announce(rank, incarnation, peer) | ChoiceRecorded(rank, incarnation, peer):
                    assert self.live[rank] == (incarnation, peer)
                case End():
                    self.end = action

    def check_place(self, rank: int, incarnation: int, peer: PeerId) -> None:
        assert rank not in self.live, "a rank has at most one live incarnation"
        assert incarnation > self.newest[rank], "incarnations increase"
        able = self.able(rank)
        assert peer in able
        if rank == 0 and HOME in able:
            assert peer == HOME, "rank 0 prefers home"
        elif (rank, peer) in self.tried:
            assert all((rank, other) in self.tried for other in able), "peers that were tried come last"

    def able(self, rank: int) -> set[PeerId]:
        return {
            peer for peer, known in self.present.items() if known.able and (rank, peer) not in self.refusing
        }

    @invariant()
    def the_decisions_agree(self) -> None:
        if not self.newest:
            return
        assert self.decisions.ended == self.end
        sitting = {seat.rank: (seat.incarnation, seat.peer) for seat in self.decisions.seats if seat.peer}
        assert sitting == self.live
        assert self.decisions.hosts() == {peer for _, peer in self.live.values()}

    @invariant()
    def nobody_waits_in_vain(self) -> None:
        if self.newest and self.end is None:
            for rank in self.newest.keys() - self.live.keys():
                assert not self.able(rank), "a rank waits only when no peer can take it"
                assert self.decisions.next_deadline(PATIENCE) is not None

    @invariant()
    def it_ends_well_only_when_all_have_ended(self) -> None:
        if self.newest:
            all_ended = all(seat.phase is Phase.ENDED for seat in self.decisions.seats)
            assert (self.end is not None and self.end.ok) == all_ended


TestDecisions = DecisionsMachine.TestCase
TestDecisions.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)


# --- one rule at a time -----------------------------------------------------------------------------------


def begun(
    size: int = 2, *others: PeerView, restart: RestartPolicy | None = "failed"
) -> tuple[JobDecisions, list[Action]]:
    decisions = JobDecisions(spec(size, restart))
    return decisions, decisions.begin([view(HOME), *others], 0.0)


def test_rank_0_stays_at_home_and_the_others_spread() -> None:
    """Rank 0 gets the peer that started the job; the other ranks get peers with free slots."""
    _, actions = begun(4, view(OTHERS[0], slots=8), view(OTHERS[1], slots=8))
    assert [action.peer for action in each(actions, PlaceRank)] == [HOME, OTHERS[0], OTHERS[1], OTHERS[0]]


@pytest.mark.parametrize("how", ["killed", "failed", "peer", "reset"])
def test_a_rank_that_chose_is_not_replaced(how: str) -> None:
    """Another incarnation could choose otherwise: the job fails, and says who chose what, and what to do."""
    decisions, _ = begun(3, view(OTHERS[0], slots=8))
    for rank in range(3):
        decisions.on_rank_started(rank, 0, 1.0)
    assert decisions.on_rank_chose(1, 0, "calls from several threads") == [ChoiceRecorded(1, 0, OTHERS[0])]
    assert decisions.on_rank_chose(1, 0, "Iprobe") == [ChoiceRecorded(1, 0, OTHERS[0])]
    assert decisions.on_rank_exited(0, 0, killed=True, code=137, text="killed", now=1.0)[-1] == PlaceRank(
        0, 1, HOME
    )
    if how == "peer":
        actions = decisions.on_peer_down(OTHERS[0], "it was unplugged", 2.0)
    elif how == "reset":
        actions = decisions.reset(1, 0, 2.0)
    else:
        actions = decisions.on_rank_exited(1, 0, killed=how == "killed", code=1, text="gone", now=2.0)
    end = one([action for action in actions if isinstance(action, End)], End)
    assert (end.ok, end.exit_code, end.rank) == (False, EXIT_JOB_FAILED, 1)
    assert end.reason.startswith("NotReplayable: calls from several threads: rank 1 was lost on …ann")
    assert not [action for action in actions if isinstance(action, PlaceRank)]


@pytest.mark.parametrize("how", ["killed", "failed", "peer", "reset", "ended", "too slow"])
def test_a_rank_without_replay_is_not_replaced(how: str) -> None:
    """Nothing is kept with which it could go on, whatever it speaks and however it was lost."""
    decisions = JobDecisions(attrs.evolve(spec(3), replay=ReplayOptions(replay=False)))
    decisions.begin([view(HOME), view(OTHERS[0], slots=8)], 0.0)
    for rank in range(2 if how == "too slow" else 3):
        decisions.on_rank_started(rank, 0, 1.0)
    rank = next(seat.rank for seat in decisions.seats if seat.peer == OTHERS[0])
    if how == "peer":
        actions = decisions.on_peer_down(OTHERS[0], "it was unplugged", 2.0)
    elif how == "ended":
        decisions.on_rank_exited(rank, 0, killed=False, code=0, text="", now=2.0)
        actions = decisions.on_peer_down(OTHERS[0], "it was unplugged", 2.0)
    elif how == "reset":
        actions = decisions.reset(rank, 0, 2.0)
    elif how == "too slow":
        rank = 2
        actions = decisions.on_time_passed(1_000.0, PATIENCE)
    else:
        actions = decisions.on_rank_exited(rank, 0, killed=how == "killed", code=1, text="gone", now=2.0)
    end = one([action for action in actions if isinstance(action, End)], End)
    assert (end.ok, end.exit_code, end.rank) == (False, EXIT_JOB_FAILED, rank)
    assert end.reason.startswith(f"NotReplayable: rank {rank} was lost")
    assert "--no-replay" in end.reason
    assert not [action for action in actions if isinstance(action, PlaceRank)]


def test_a_new_incarnation_has_not_chosen_yet() -> None:
    """It may be lost before its choice is recorded: nothing has left it that depends on the choice."""
    decisions, _ = begun(1)
    assert decisions.on_rank_chose(0, 0, "calls from several threads") == [], "it has not started"
    decisions.on_rank_started(0, 0, 1.0)
    assert decisions.on_rank_exited(0, 0, killed=True, code=137, text="killed", now=1.0)[-1] == PlaceRank(
        0, 1, HOME
    )
    decisions.on_rank_started(0, 1, 1.0)
    assert decisions.on_rank_exited(0, 1, killed=True, code=137, text="killed", now=1.0)[-1] == PlaceRank(
        0, 2, HOME
    )


def test_rank_0_comes_home_again_after_a_failure() -> None:
    """A failure of rank 0 does not move rank 0 elsewhere."""
    decisions, _ = begun(1, view(OTHERS[0]))
    decisions.on_rank_started(0, 0, 1.0)
    actions = decisions.on_rank_exited(0, 0, killed=False, code=1, text="exit code 1", now=2.0)
    assert actions == [Fence(0, 0, HOME, "exit code 1"), PlaceRank(0, 1, HOME)]


def test_a_peer_that_lost_a_rank_is_tried_last() -> None:
    """The next incarnation goes to a peer that has not lost this rank, even if that peer is busy."""
    decisions, actions = begun(2, view(OTHERS[0]), view(OTHERS[1], running=2))
    assert actions[1] == PlaceRank(1, 0, OTHERS[0])
    decisions.on_rank_started(1, 0, 1.0)
    actions = decisions.on_rank_exited(1, 0, killed=True, code=137, text="killed", now=2.0)
    assert actions == [Fence(1, 0, OTHERS[0], "killed"), PlaceRank(1, 1, HOME)]
    decisions.on_rank_started(1, 1, 2.5)
    actions = decisions.on_rank_exited(1, 1, killed=True, code=137, text="killed", now=3.0)
    assert actions[1] == PlaceRank(1, 2, OTHERS[1])


def test_it_waits_and_then_names_each_peer_and_its_reason() -> None:
    """When no peer takes a rank, the job waits its time, and then says why each peer did not."""
    full, bare, other = (PeerId("12D3Koo" + name) for name in ("fullpeer", "barepeer", "thirdone"))
    decisions = JobDecisions(spec(1))
    views = [view(HOME, able=False), view(full, full=True), view(bare, able=False), view(other)]
    assert decisions.begin(views, 0.0) == [PlaceRank(0, 0, other)]
    assert decisions.on_rank_refused(0, 0, "no disk", 1.0) == [
        Fence(0, 0, other, "refused by its peer: no disk")
    ]
    assert decisions.next_deadline(PATIENCE) == 5.0
    assert decisions.on_time_passed(4.9, PATIENCE) == []
    end = one(decisions.on_time_passed(5.0, PATIENCE), End)
    assert (end.ok, end.exit_code) == (False, EXIT_JOB_FAILED)
    assert "no peer could take rank 0 within 5 s" in end.reason
    assert "…fullpeer takes no more ranks" in end.reason
    assert "…barepeer does not offer 'echo'" in end.reason
    assert "…thirdone refused: no disk" in end.reason


def test_a_peer_that_refused_for_lack_of_room_is_asked_again_when_it_has_room() -> None:
    """A refusal holds for what the peer offered then. Other news of that peer do not change it."""
    decisions = JobDecisions(spec(1))
    decisions.begin([view(HOME)], 0.0)
    decisions.on_rank_refused(0, 0, "it hosts 9 ranks and takes no more", 0.1)
    assert decisions.on_peer_changed(view(HOME, running=3), 0.2) == []
    assert decisions.on_peer_changed(view(HOME, full=True), 0.3) == []
    assert decisions.on_peer_changed(view(HOME), 0.4) == [PlaceRank(0, 1, HOME)]


def test_refusals_without_end_do_not_keep_a_job_waiting_for_ever() -> None:
    """The time to wait for a host runs from the end of the last run, whatever is tried meanwhile."""
    decisions = JobDecisions(spec(1))
    decisions.begin([view(HOME)], 0.0)
    for number in range(8):
        now = number * 0.7
        decisions.on_rank_refused(0, number, "no", now)
        if number < 7:
            decisions.on_peer_changed(view(HOME, full=True), now)
            decisions.on_peer_changed(view(HOME), now)
    assert decisions.next_deadline(PATIENCE) == 5.0
    end = one(decisions.on_time_passed(5.0, PATIENCE), End)
    assert "no peer could take rank 0 within 5 s" in end.reason


def test_a_peer_that_comes_takes_what_waits() -> None:
    """A waiting rank is placed as soon as a peer can take it."""
    decisions = JobDecisions(spec(1))
    assert decisions.begin([view(HOME, full=True)], 0.0) == []
    assert decisions.on_peer_changed(view(OTHERS[0]), 4.9) == [PlaceRank(0, 0, OTHERS[0])]
    assert decisions.next_deadline(PATIENCE) == 4.9 + PATIENCE


def test_a_host_that_does_not_start_a_rank_is_passed_over() -> None:
    """A peer that takes an order and does not start the rank is fenced, and not asked again for this rank."""
    decisions, _ = begun(2, view(OTHERS[0]))
    decisions.on_rank_started(0, 0, 0.0)
    assert decisions.on_time_passed(PATIENCE, PATIENCE) == [
        Fence(1, 0, OTHERS[0], "its peer did not start it in time"),
        PlaceRank(1, 1, HOME),
    ]


@pytest.mark.parametrize("code", [1, 3, 255])
def test_a_script_that_fails_ends_the_job_with_its_exit_code(code: int) -> None:
    """With restart="lost", a rank that fails by itself is not started again."""
    decisions, _ = begun(2, restart="lost")
    decisions.on_rank_started(1, 0, 1.0)
    (end,) = decisions.on_rank_exited(1, 0, killed=False, code=code, text="ZeroDivisionError", now=2.0)
    assert end == End(False, code, "rank 1 failed on …home: ZeroDivisionError", 1)
    assert (
        decisions.kill("late")
        == decisions.on_peer_down(HOME, "late", 3.0)
        == decisions.reset(0, 1, 3.0)
        == []
    )


@pytest.mark.parametrize(
    ("restart", "mpi", "ends"),
    [(None, True, True), (None, False, False), ("failed", True, False), ("lost", False, True)],
)
def test_what_a_failure_means_is_up_to_the_job_or_else_the_program(
    restart: RestartPolicy | None, mpi: bool, ends: bool
) -> None:
    """If the job does not say so, a program that uses MPI is not started again when it fails by itself."""
    decisions, _ = begun(2, restart=restart)
    decisions.on_rank_started(1, 0, 1.0, mpi=mpi)
    decisions.on_rank_exited(1, 0, killed=False, code=1, text="x", now=2.0)
    assert (decisions.ended is not None) == ends


def test_failures_are_forgiven_after_their_period() -> None:
    """Two failures within ten seconds may happen any number of times; a third one is too many."""
    decisions, _ = begun(1)
    for number, now in enumerate([0.0, 5.0, 11.0, 16.0]):
        decisions.on_rank_started(0, number, now)
        assert isinstance(
            decisions.on_rank_exited(0, number, killed=False, code=1, text="x", now=now)[-1], PlaceRank
        )
    decisions.on_rank_started(0, 4, 17.0)
    end = one(decisions.on_rank_exited(0, 4, killed=False, code=1, text="the last words", now=17.0), End)
    assert end.reason == ("rank 0 was given up after 3 ends within 10 s, the last on …home: the last words")


def test_failures_and_losses_are_counted_apart_and_by_rank() -> None:
    """Failures of one rank do not count for another rank, nor do they count as losses."""
    decisions, _ = begun(2)
    for rank in (0, 1):
        for number, killed in enumerate([True, False, True, False, True]):
            decisions.on_rank_started(rank, number, 1.0)
            decisions.on_rank_exited(rank, number, killed=killed, code=1, text="x", now=1.0)
    assert decisions.ended is None


def test_a_rank_that_has_ended_well_is_started_again_when_its_peer_goes() -> None:
    """Other ranks may still need its messages again, and those were lost with its peer."""
    decisions, _ = begun(2, view(OTHERS[0]))
    decisions.on_rank_started(1, 0, 1.0)
    assert decisions.on_rank_exited(1, 0, killed=False, code=0, text="", now=2.0) == []
    actions = decisions.on_peer_down(OTHERS[0], "no sign of life", 3.0)
    assert actions == [Fence(1, 0, OTHERS[0], "lost its peer: no sign of life"), PlaceRank(1, 1, HOME)]


def test_a_reset_blames_nobody_and_moves_on() -> None:
    """The peer of a rank that is reset is not to blame, but another peer gets the rank if there is one."""
    decisions, _ = begun(2, view(OTHERS[0]))
    decisions.on_rank_started(1, 0, 1.0)
    assert decisions.reset(1, 0, 2.0) == [Fence(1, 0, OTHERS[0], "reset by rank 0"), PlaceRank(1, 1, HOME)]
    assert decisions.blame[OTHERS[0]] == 0


@pytest.mark.parametrize("rank", [2, 99, -1])
def test_a_reset_of_a_rank_that_does_not_exist_ends_the_job(rank: int) -> None:
    """A program that asks to reset a rank that does not exist is told so; the coordinator does not break."""
    decisions, _ = begun(2)
    end = one(decisions.reset(rank, 1, 1.0), End)
    assert end.reason == f"rank 1 asked to reset rank {rank}, but the ranks are 0 to 1"


def test_what_a_peer_has_been_given_counts_before_it_says_so() -> None:
    """Not all ranks of a large job go to the peer that was idle when the job began."""
    _, actions = begun(9, *(view(peer, slots=2) for peer in OTHERS))
    hosts = [action.peer for action in each(actions, PlaceRank)]
    assert sorted(hosts.count(peer) for peer in set(hosts)) == [2, 2, 2, 3]


def test_the_newest_view_of_a_peer_is_kept() -> None:
    """What a peer offered is replaced by what it offers now."""
    decisions, _ = begun(1)
    decisions.on_peer_changed(view(OTHERS[0], full=True), 1.0)
    decisions.on_peer_changed(attrs.evolve(view(OTHERS[0]), latency=0.1), 2.0)
    assert decisions.peers[OTHERS[0]].latency == 0.1


# --- hosts that have to install it first ------------------------------------------------------------------


def test_a_peer_that_could_install_it_is_used_rather_than_waited_for() -> None:
    """A rank whose program no peer has goes to a peer that would install the program."""
    decisions = JobDecisions(spec(1))
    lazy = view(OTHERS[0], able=False, lazy=True)
    assert decisions.begin([view(HOME, able=False), lazy], 0.0) == [PlaceRank(0, 0, OTHERS[0])]


def test_news_of_preparation_give_a_host_more_time() -> None:
    """The time to start a rank runs from the last news; people see the first news."""
    decisions = JobDecisions(spec(1))
    decisions.begin([view(HOME, able=False, lazy=True)], 0.0)
    assert decisions.on_rank_preparing(0, 0, "installing echo", 1.0) == [Preparing(0, 0, HOME)]
    assert decisions.on_rank_preparing(0, 0, "installing echo", 4.0) == []
    assert decisions.next_deadline(PATIENCE) == 4.0 + PATIENCE
    assert decisions.on_time_passed(7.9, PATIENCE) == []
    assert decisions.on_rank_started(0, 0, 7.9) == [Announce(0, 0, HOME)]
    assert decisions.on_rank_preparing(0, 0, "installing echo", 8.0) == []


def test_news_of_preparation_do_not_help_for_ever() -> None:
    """A host that prepares for too long loses the rank, and the reason says what the host did."""
    decisions = JobDecisions(spec(1))
    decisions.begin([view(HOME, able=False, lazy=True), view(OTHERS[0], able=False, lazy=True)], 0.0)
    for second in range(1, 10):
        decisions.on_rank_preparing(0, 0, "installing echo", float(second))
    assert decisions.next_deadline(PATIENCE) == 1.0 + LIMITS.prepare
    assert decisions.on_time_passed(10.0, PATIENCE) == [
        Fence(0, 0, HOME, "its peer did not start it in time: 9 s of installing echo"),
        PlaceRank(0, 1, OTHERS[0]),
    ]


def test_preparing_does_not_count_as_waiting_for_a_host() -> None:
    """After an installation that failed late, the job still waits its whole time for another host."""
    decisions = JobDecisions(spec(1))
    decisions.begin([view(HOME, able=False, lazy=True)], 0.0)
    decisions.on_rank_preparing(0, 0, "installing echo", 0.0)
    decisions.on_rank_preparing(0, 0, "installing echo", 3.0)
    decisions.on_rank_preparing(0, 0, "installing echo", 6.0)
    decisions.on_rank_refused(0, 0, "InstallFailed: no", 8.0)
    assert decisions.next_deadline(PATIENCE) == 13.0
    assert decisions.on_peer_changed(view(OTHERS[0]), 12.9) == [PlaceRank(0, 1, OTHERS[0])]


def test_preparations_without_end_do_not_keep_a_job_waiting_for_ever() -> None:
    """All preparations that failed give, together, no more time than one of them may take."""
    decisions = JobDecisions(spec(1))
    decisions.begin([view(HOME, able=False, lazy=True)], 0.0)
    for number in range(3):
        now = number * 8.0
        decisions.on_rank_preparing(0, number, "installing echo", now)
        decisions.on_rank_preparing(0, number, "installing echo", now + 4.0)
        decisions.on_rank_refused(0, number, "no", now + 7.9)
        if number < 2:
            decisions.on_peer_changed(view(HOME, able=False), now + 8.0)
            decisions.on_peer_changed(view(HOME, able=False, lazy=True), now + 8.0)
    end = one(decisions.on_time_passed(23.9, PATIENCE), End)
    assert "no peer could take rank 0 within 5 s" in end.reason


def test_who_could_not_install_it_is_asked_again_when_it_has_it() -> None:
    """A peer that refused is asked again when a person has installed the program there."""
    decisions = JobDecisions(spec(1))
    decisions.begin([view(HOME, able=False, lazy=True)], 0.0)
    decisions.on_rank_refused(0, 0, "InstallFailed: no", 0.1)
    assert decisions.on_peer_changed(view(HOME, able=False, lazy=True, running=1), 0.2) == []
    assert decisions.on_peer_changed(view(HOME), 0.3) == [PlaceRank(0, 1, HOME)]
