"""Before lost ranks start again, every host tells which choices it knows; a process's end is told by its
host."""

from __future__ import annotations

import pytest

from mpi_actors.config import JobLimits, ReplayOptions
from mpi_actors.coordination.decisions import JobDecisions, JobSpec
from mpi_actors.coordination.elect import PeerView
from mpi_actors.coordination.gathering import PATIENCE
from mpi_actors.coordination.seats import Action, Drop, End, Fence, PlaceRank, Seal
from mpi_actors.ids import JobId, PeerId

HOME, ANN, BOB, CID = (PeerId(name) for name in ("home", "ann", "bob", "cid"))
START = 20.0
"""Seconds that a host has to start a rank."""


def running(*, mpi: bool = True, replay: bool = True) -> JobDecisions:
    """Four ranks, each on a peer of its own, at time 0."""
    spec = JobSpec(
        job=JobId("0" * 16), program="x", size=4, home=HOME, limits=JobLimits(wait_for_host=5.0),
        replay=ReplayOptions(replay=replay),
    )  # fmt: skip
    decisions = JobDecisions(spec)
    peers = [PeerView(peer=peer, has_interpreter=True, slots=1, running=0) for peer in (HOME, ANN, BOB, CID)]
    for action in decisions.begin(peers, 0.0):
        assert isinstance(action, PlaceRank)
        decisions.on_rank_started(action.rank, action.incarnation, 0.0, mpi=mpi)
    assert [seat.peer for seat in decisions.seats] == [HOME, ANN, BOB, CID]
    return decisions


def kinds(actions: list[Action]) -> list[str]:
    return [type(action).__name__ for action in actions]


def test_a_lost_peer_is_replaced_when_all_hosts_have_answered() -> None:
    """Once, whatever comes late."""
    decisions = running()
    actions = decisions.on_peer_down(ANN, "it died", 1.0)
    assert kinds(actions) == ["Fence", "Seal"]
    assert actions[1] == Seal(1, ((1, 0),), (BOB, CID, HOME))
    assert "has told which choices it knows, for 2.0 s" in decisions.gathering.why(3.0)
    assert decisions.on_sealed(HOME, 1, 2.0) == []
    assert decisions.on_sealed(CID, 0, 2.0) == []
    assert decisions.on_sealed(CID, 1, 2.0) == []
    assert decisions.on_sealed(CID, 1, 2.0) == []
    assert kinds(decisions.on_sealed(BOB, 1, 2.0)) == ["PlaceRank"]
    assert decisions.on_sealed(BOB, 1, 2.0) == []


def test_a_loss_during_the_gathering_begins_it_again() -> None:
    """The others may have heard something of the one that is lost now. Both ranks start together."""
    decisions = running()
    decisions.on_peer_down(ANN, "it died", 1.0)
    decisions.on_sealed(HOME, 1, 1.0)
    decisions.on_sealed(CID, 1, 1.0)
    actions = decisions.on_peer_down(BOB, "it died, too", 1.5)
    assert actions[-1] == Seal(2, ((1, 0), (2, 0)), (CID, HOME))
    assert decisions.on_sealed(CID, 1, 2.0) == []
    assert decisions.on_sealed(CID, 2, 2.0) == []
    assert kinds(decisions.on_sealed(HOME, 2, 2.0)) == ["PlaceRank", "PlaceRank"]


def test_a_killed_process_needs_no_gathering() -> None:
    """Its host has read all that it recorded, and the coordinator has that before it decides."""
    decisions = running()
    actions = decisions.on_rank_exited(1, 0, killed=True, code=137, text="killed", now=1.0)
    assert kinds(actions) == ["Fence", "PlaceRank"]


def test_a_replacement_may_start_during_a_gathering_and_be_lost() -> None:
    """A process that is killed meanwhile is replaced at once; if its new host dies, all hosts are asked
    again."""
    decisions = running()
    decisions.on_peer_down(ANN, "it died", 1.0)
    actions = decisions.on_rank_exited(2, 0, killed=True, code=137, text="killed", now=1.0)
    assert actions[1:] == [PlaceRank(2, 1, CID)]
    actions = decisions.on_peer_down(CID, "it died", 1.5)
    assert actions[-1] == Seal(2, ((1, 0), (2, 1), (3, 0)), (HOME,))
    assert kinds(decisions.on_sealed(HOME, 2, 2.0)) == ["PlaceRank"] * 3


def test_a_host_that_does_not_answer_is_given_up() -> None:
    """Its ranks are lost with it, it forgets the job, and it gets no other rank; the others are asked
    again."""
    decisions = running()
    decisions.on_peer_down(ANN, "it died", 1.0)
    decisions.on_sealed(HOME, 1, 1.0)
    decisions.on_sealed(CID, 1, 1.0)
    deadline = decisions.next_deadline(START)
    assert deadline == 1.0 + PATIENCE > 1.0 + decisions.spec.limits.wait_for_host
    actions = decisions.on_time_passed(deadline, START)
    assert actions[0] == Drop(BOB)
    assert isinstance(actions[1], Fence)
    assert "which choices it knows" in actions[1].reason
    assert actions[2] == Seal(2, ((1, 0), (2, 0)), (CID, HOME))
    decisions.on_sealed(CID, 2, deadline)
    placed = decisions.on_sealed(HOME, 2, deadline)
    assert {action.peer for action in placed if isinstance(action, PlaceRank)} <= {CID, HOME}
    assert "did not tell which choices it knows" in decisions.why_vacant(decisions.seats[1])


def test_the_coordinators_own_host_is_waited_for() -> None:
    """It cannot be lost without the job."""
    decisions = running()
    decisions.on_peer_down(ANN, "it died", 1.0)
    decisions.on_sealed(BOB, 1, 1.0)
    decisions.on_sealed(CID, 1, 1.0)
    assert decisions.next_deadline(START) is None
    assert decisions.on_time_passed(1000.0, START) == []
    assert kinds(decisions.on_sealed(HOME, 1, 1000.0)) == ["PlaceRank"]


def test_a_peer_that_hosts_nothing_any_more_is_not_waited_for() -> None:
    """It has been asked, and is lost before it answers."""
    decisions = running()
    decisions.on_peer_down(ANN, "it died", 1.0)
    decisions.on_rank_exited(2, 0, killed=True, code=137, text="killed", now=1.0)
    assert decisions.seats[2].peer == CID
    for peer in (HOME, CID):
        decisions.on_sealed(peer, 1, 1.0)
    assert kinds(decisions.on_peer_down(BOB, "it died", 1.5)) == ["PlaceRank"]


def test_a_host_that_starts_a_rank_too_late_may_have_started_it() -> None:
    """So all hosts are asked before another one gets the rank."""
    decisions = running()
    decisions.on_rank_exited(1, 0, killed=True, code=137, text="killed", now=1.0)
    actions = decisions.on_time_passed(1.0 + START, START)
    assert kinds(actions) == ["Fence", "Seal"]


def test_programs_that_speak_lines_make_no_choices() -> None:
    """Their ranks start again at once."""
    assert kinds(running(mpi=False).on_peer_down(ANN, "it died", 1.0)) == ["Fence", "PlaceRank"]


@pytest.mark.parametrize("loss", ["peer", "process"])
def test_without_replay_a_loss_ends_the_job(loss: str) -> None:
    """The reason names the option."""
    decisions = running(replay=False)
    if loss == "peer":
        (end,) = decisions.on_peer_down(ANN, "it died", 1.0)
    else:
        (end,) = decisions.on_rank_exited(1, 0, killed=True, code=137, text="killed", now=1.0)
    assert isinstance(end, End)
    assert end.reason.startswith("NotReplayable: rank 1 was lost")
    assert "--no-replay" in end.reason


def test_without_replay_a_rank_that_has_not_run_starts_elsewhere() -> None:
    """A host's refusal is no loss."""
    spec = JobSpec(job=JobId("0" * 16), program="x", size=1, home=HOME, replay=ReplayOptions(replay=False))
    decisions = JobDecisions(spec)
    peers = [PeerView(peer=peer, has_interpreter=True, slots=1, running=0) for peer in (HOME, ANN)]
    assert decisions.begin(peers, 0.0) == [PlaceRank(0, 0, HOME)]
    assert decisions.on_rank_refused(0, 0, "no memory", 1.0)[1:] == [PlaceRank(0, 1, ANN)]
