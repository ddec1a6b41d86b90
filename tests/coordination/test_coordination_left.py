"""Ranks whose processes leave without a word: the job goes on as long as nobody needs their messages."""

from __future__ import annotations

import pytest
from narrowing import one

from mpi_actors.coordination.decisions import JobDecisions, JobSpec
from mpi_actors.coordination.elect import PeerView
from mpi_actors.coordination.seats import Action, End
from mpi_actors.coordination.spec import LEAVING
from mpi_actors.ids import JobId, PeerId

HOME, OTHER = PeerId("home"), PeerId("ann")


def running(size: int) -> JobDecisions:
    """A job of a program that uses MPI. All its ranks run: rank 0 at home, the others at the other peer."""
    decisions = JobDecisions(JobSpec(job=JobId("0" * 16), program="echo", size=size, home=HOME))
    views = [
        PeerView(peer=HOME, has_interpreter=True, could_install=False, slots=1, running=0, full=False),
        PeerView(peer=OTHER, has_interpreter=True, could_install=False, slots=9, running=0, full=False),
    ]
    decisions.begin(views, 0.0)
    for rank in range(size):
        decisions.on_rank_started(rank, 0, 0.0, mpi=True)
    return decisions


def leave(decisions: JobDecisions, rank: int, incarnation: int = 0, *, silent: bool = True) -> list[Action]:
    """The process of a rank has gone with exit code 0."""
    return decisions.on_rank_exited(
        rank, incarnation, killed=False, code=0, text="exit code 0", now=1.0, silent=silent
    )


def lose(decisions: JobDecisions, rank: int, incarnation: int = 0) -> list[Action]:
    """The process of a rank was killed."""
    return decisions.on_rank_exited(rank, incarnation, killed=True, code=137, text="SIGKILL", now=1.0)


def test_ranks_that_all_leave_without_a_word_end_the_job_well() -> None:
    """Nobody needs anything again."""
    decisions = running(2)
    assert leave(decisions, 0) == []
    assert one(leave(decisions, 1), End).ok


def test_others_do_not_wait_for_ever_for_who_has_left_without_a_word() -> None:
    """Messages that had not left its process are gone, and nobody knows whether there were any."""
    decisions = running(3)
    leave(decisions, 1)
    leave(decisions, 2, silent=False)
    assert decisions.next_deadline(20.0) == 1.0 + LEAVING
    assert decisions.on_time_passed(LEAVING, 20.0) == []
    reason = one(decisions.on_time_passed(1.0 + LEAVING, 20.0), End).reason
    assert reason.startswith("LogLost: rank 1 has left with exit code 0 and without a word")


@pytest.mark.parametrize("first", ["leave", "lose"])
def test_a_lost_rank_that_needs_what_is_gone_ends_the_job(first: str) -> None:
    """At once, whichever comes first."""
    decisions = running(3)
    if first == "leave":
        assert leave(decisions, 1) == []
        end = lose(decisions, 2)[-1]
    else:
        lose(decisions, 2)
        end = one(leave(decisions, 1), End)
    assert isinstance(end, End)
    assert not end.ok
    assert end.reason.startswith("LogLost: rank 2 was lost and needs the messages of rank 1 again")


def test_a_lost_rank_that_has_ended_again_needs_nothing() -> None:
    """Its new incarnation has got all that it needed."""
    decisions = running(3)
    lose(decisions, 2)
    decisions.on_rank_started(2, 1, 1.0, mpi=True)
    assert leave(decisions, 2, 1, silent=False) == []
    assert leave(decisions, 1) == []
    assert one(leave(decisions, 0), End).ok


def test_who_runs_again_and_leaves_without_a_word_was_not_compared() -> None:
    """So nobody knows whether it has sent the same."""
    decisions = running(2)
    lose(decisions, 1)
    decisions.on_rank_started(1, 1, 1.0, mpi=True)
    assert "could compare what it sent" in one(leave(decisions, 1, 1), End).reason


def test_a_lost_peer_takes_those_with_it_that_had_left() -> None:
    """They run again, too, and send their messages again."""
    decisions = running(3)
    assert leave(decisions, 1) == []
    decisions.on_peer_down(OTHER, "gone", 1.0)
    assert decisions.ended is None
