"""What follows from a coordinator's decisions, without hosts, tasks and time."""

from __future__ import annotations

from typing import TypeVar, cast

import attrs
import pytest

from mpi_actors.coordination.decisions import JobDecisions, JobSpec
from mpi_actors.coordination.elect import PeerView
from mpi_actors.coordination.result import JobResult, LogLine
from mpi_actors.coordination.seats import Announce, ChoiceRecorded, End, Fence, PlaceRank, Preparing
from mpi_actors.events import (
    Event,
    EventBus,
    JobFinished,
    JobStarted,
    Log,
    RankInstalling,
    RankLost,
    RankWaiting,
)
from mpi_actors.ids import JobId, PeerId
from mpi_actors.jobs.effects import Effects
from mpi_actors.lanes.router import Router
from mpi_actors.replay.holder import ChoiceHolder
from mpi_actors.wire.messages import ChoiceNoted, EndJob, Placed, Placement, StartRank, StopRank

JOB = JobId("0123456789abcdef")
HOME, OTHER = PeerId("home"), PeerId("other")

Seen = TypeVar("Seen", bound=Event)


@attrs.define
class RecordingRouter:
    """Remembers what it is asked for."""

    told: list[tuple[PeerId, object]] = attrs.field(factory=list)
    placed: list[tuple[object, ...]] = attrs.field(factory=list)
    closed: list[JobId] = attrs.field(factory=list)

    def tell(self, peer: PeerId, message: object) -> bool:
        """A control message."""
        self.told.append((peer, message))
        return True

    def place(self, *news: object) -> None:
        """A rank's place."""
        self.placed.append(news)

    def close_job(self, job: JobId) -> None:
        """The end of a job."""
        self.closed.append(job)


class Scene:
    """A job of two ranks, its effects, and what they did."""

    def __init__(self, *able: PeerId) -> None:
        spec = JobSpec(job=JOB, program="echo", size=2, args=("x",), home=HOME)
        self.decisions = JobDecisions(spec)
        self.router = RecordingRouter()
        self.events: list[Event] = []
        self.ends: list[End] = []
        bus = EventBus()
        bus.listen(self.events.append)
        self.effects = Effects(
            self.decisions, cast("Router", self.router), bus, ChoiceHolder(), self.ends.append
        )
        views = [PeerView(peer=peer, has_interpreter=True, slots=1, running=0) for peer in able]
        self.actions = self.decisions.begin(views, 0.0)

    def seen(self, kind: type[Seen]) -> list[Seen]:
        """The events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]


def result(ok: bool = True) -> JobResult:
    """An end after 1.23456789 s."""
    return JobResult(JOB, ok, 0, "done", 1.23456789, ())


def test_a_placed_rank_is_ordered_from_its_host() -> None:
    """The order names the program and where the ranks that run are already."""
    scene = Scene(HOME, OTHER)
    assert scene.actions == [PlaceRank(0, 0, HOME), PlaceRank(1, 0, OTHER)]
    scene.effects.carry_out(scene.actions[:1])
    scene.decisions.on_rank_started(0, 0, 1.0, processor="alpha")
    scene.effects.carry_out(scene.actions[1:])
    first, second = (message for _, message in scene.router.told)
    assert [peer for peer, _ in scene.router.told] == [HOME, OTHER]
    assert first == StartRank(JOB, 0, 0, 2, "echo", ("x",), ())
    assert second == StartRank(JOB, 1, 0, 2, "echo", ("x",), (Placement(0, 0, HOME),))


def test_a_new_order_carries_the_name_that_the_program_was_given() -> None:
    """The program may have sent its processor's name to others, so the next incarnation gets the same."""
    scene = Scene(HOME)
    scene.decisions.on_rank_started(0, 0, 1.0, processor="alpha")
    scene.effects.carry_out([PlaceRank(0, 1, HOME)])
    _, order = scene.router.told[-1]
    assert isinstance(order, StartRank)
    assert order.processor == "alpha"


def test_all_hosts_but_home_learn_of_a_place() -> None:
    """Home knows it from the router."""
    scene = Scene(HOME, OTHER)
    scene.effects.carry_out([Announce(0, 0, HOME)])
    assert scene.router.placed == [(JOB, 0, 0, HOME)]
    assert scene.router.told == [(OTHER, Placed(JOB, Placement(0, 0, HOME)))]


@pytest.mark.parametrize("present", [True, False])
def test_a_fenced_incarnation_is_stopped_where_its_host_is_present(present: bool) -> None:
    """People see the loss in both cases."""
    scene = Scene(HOME, OTHER)
    if not present:
        scene.decisions.on_peer_down(OTHER, "gone", 1.0)
    scene.effects.carry_out([Fence(1, 0, OTHER, "why")])
    assert scene.seen(RankLost) == [RankLost(job=JOB, rank=1, incarnation=0, peer=OTHER, reason="why")]
    assert scene.router.told == ([(OTHER, StopRank(JOB, 1, 0))] if present else [])


def test_a_preparation_is_shown_and_a_choice_is_confirmed() -> None:
    """An installation is for people to see; that a choice is recorded is for the host to know."""
    scene = Scene(HOME, OTHER)
    scene.effects.carry_out([Preparing(1, 0, OTHER), ChoiceRecorded(1, 0, OTHER)])
    assert scene.seen(RankInstalling) == [
        RankInstalling(job=JOB, rank=1, incarnation=0, peer=OTHER, program="echo")
    ]
    assert scene.router.told == [(OTHER, ChoiceNoted(JOB, 1, 0))]


def test_a_waiting_rank_is_shown_once_for_each_incarnation() -> None:
    """However often the coordinator decides something, and not after the job's end."""
    scene = Scene()
    scene.effects.carry_out([])
    scene.effects.carry_out([])
    assert [event.rank for event in scene.seen(RankWaiting)] == [0, 1]
    scene.decisions.on_peer_changed(PeerView(peer=HOME, has_interpreter=True, slots=9, running=0), 1.0)
    scene.decisions.on_peer_down(HOME, "gone", 2.0)
    scene.effects.carry_out([])
    assert [event.rank for event in scene.seen(RankWaiting)] == [0, 1, 0, 1]
    scene.effects.carry_out(scene.decisions.kill("enough"))
    assert [end.reason for end in scene.ends] == ["enough"]
    assert len(scene.seen(RankWaiting)) == 4


@pytest.mark.parametrize("home_hosts", [True, False])
def test_every_host_is_told_the_end(home_hosts: bool) -> None:
    """Those that got an order; home itself closes the job if it hosts no rank of it."""
    scene = Scene(HOME, OTHER) if home_hosts else Scene(OTHER)
    scene.effects.carry_out(scene.actions)
    scene.router.told.clear()
    scene.effects.finish(result())
    assert {peer for peer, _ in scene.router.told} == ({HOME, OTHER} if home_hosts else {OTHER})
    assert {message for _, message in scene.router.told} == {EndJob(JOB)}
    assert scene.router.closed == ([] if home_hosts else [JOB])
    assert scene.events[-1] == JobFinished(job=JOB, ok=True, exit_code=0, reason="done", seconds=1.234568)


def test_people_see_the_start_and_the_log() -> None:
    """The job's name is in each event."""
    scene = Scene(HOME)
    scene.effects.begin()
    scene.effects.show_line(LogLine(1, "hello", "stderr"))
    assert scene.events == [
        JobStarted(job=JOB, program="echo", ranks=2),
        Log(job=JOB, rank=1, text="hello", stream="stderr"),
    ]
