"""The router: frames reach endpoints by whatever way there is, and no peer sends in another's name."""

from __future__ import annotations

from collections import deque
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpi_actors.actors import Mailbox
from mpi_actors.config import LaneLimits
from mpi_actors.errors import BadFrame, Impostor, MpiActorsError
from mpi_actors.ids import COORDINATOR, JobId, PeerId
from mpi_actors.lanes.news import FromPeer, HostNews
from mpi_actors.lanes.router import Router
from mpi_actors.lanes.routes import Attachment
from mpi_actors.net.link import FrameSource
from mpi_actors.replay.endpoint import Endpoint
from mpi_actors.wire.frame import Frame, FrameKind
from mpi_actors.wire.messages import AskRank, EndJob, Ping, RankRefused, StopRank

JOB = JobId("0" * 16)
HOME, ANN, BOB = (PeerId(name) for name in ("home", "ann", "bob"))


@attrs.define(eq=False)
class Cable:
    """One direction of a link, which carries frames when a test tells it to."""

    near: Router
    far: Router
    ready: dict[FrameSource, None] = attrs.field(factory=dict)
    wire: deque[Frame] = attrs.field(factory=deque)

    @property
    def remote(self) -> PeerId:
        return self.far.local

    def mark_ready(self, source: FrameSource) -> None:
        self.ready[source] = None

    def forward(self, frame: Frame) -> None:
        self.wire.append(frame)

    def load(self) -> bool:
        """Take one frame of a source that has one."""
        while self.ready:
            source = next(iter(self.ready))
            frame = source.next_frame(self, 100)  # type: ignore[arg-type]
            if frame is not None:
                self.wire.append(attrs.evolve(frame, payload=bytes(frame.payload)))
                return True
            del self.ready[source]
        return False

    def arrive(self) -> bool:
        if self.wire:
            self.far.route(self.wire.popleft(), self.near.local)
            return True
        return False


@attrs.define(eq=False)
class Member:
    """An endpoint in service, and what it was told."""

    endpoint: Endpoint
    heard: list[int] = attrs.field(factory=list)
    broken: list[MpiActorsError] = attrs.field(factory=list)
    got: list[bytes] = attrs.field(factory=list)

    def take(self, source: int) -> None:
        while (payload := self.endpoint.lane(source).take()) is not None:
            self.got.append(payload)


class Fabric:
    """Three peers: home coordinates, ann hosts rank 1, bob rank 2. Home is linked with both."""

    def __init__(self) -> None:
        self.boxes: dict[PeerId, Mailbox[HostNews]] = {peer: Mailbox(peer) for peer in (HOME, ANN, BOB)}
        self.routers = {peer: Router(peer, box) for peer, box in self.boxes.items()}
        self.cables: dict[tuple[PeerId, PeerId], Cable] = {}
        self.members: dict[int, Member] = {}
        for router in self.routers.values():
            router.open_job(JOB, HOME)
        for pair in ((HOME, ANN), (HOME, BOB)):
            self.link(*pair)
        self.join(COORDINATOR, HOME)
        self.join(1, ANN)
        self.join(2, BOB)

    def link(self, a: PeerId, b: PeerId) -> None:
        for near, far in ((a, b), (b, a)):
            self.cables[near, far] = Cable(self.routers[near], self.routers[far])
        for near, far in ((a, b), (b, a)):
            self.routers[near].on_link_up(self.cables[near, far])  # type: ignore[arg-type]

    def unlink(self, a: PeerId, b: PeerId) -> None:
        cables = [self.cables.pop(pair) for pair in ((a, b), (b, a))]
        for cable in cables:
            cable.near.on_link_down(cable)  # type: ignore[arg-type]

    def join(self, rank: int, peer: PeerId, incarnation: int = 0) -> Member:
        member = Member(Endpoint(JOB, rank, incarnation, LaneLimits(window=500)))
        if rank != COORDINATOR:
            for router in self.routers.values():
                router.place(JOB, rank, incarnation, peer)
        self.routers[peer].attach(Attachment(member.endpoint, member.heard.append, member.broken.append))
        self.members[rank] = member
        return member

    def send(self, src: int, dst: int, payload: bytes, at: PeerId) -> None:
        endpoint = self.members[src].endpoint
        self.routers[at].mark_ready(endpoint, endpoint.send(dst, payload))

    def settle(self, *taking: tuple[int, int, PeerId]) -> None:
        """Carry everything until nothing moves, and take messages at the ends that are named."""
        busy = True
        while busy:
            busy = sum(cable.load() or cable.arrive() for cable in self.cables.values()) > 0
            for rank, source, at in taking:
                before = len(self.members[rank].got)
                self.members[rank].take(source)
                if len(self.members[rank].got) > before:
                    busy = True
                    endpoint = self.members[rank].endpoint
                    self.routers[at].mark_ready(endpoint, endpoint.lane(source))


def frame(src: int = 1, dst: int = 2, **changes: Any) -> Frame:
    return attrs.evolve(Frame(FrameKind.DATA, JOB, src, dst, 0, 0, total=1, payload=b"x"), **changes)


# --- ways -------------------------------------------------------------------------------------------------


def test_without_a_link_frames_go_by_the_coordinator() -> None:
    """Two hosts that cannot reach each other talk through the coordinator, both ways."""
    fabric = Fabric()
    fabric.send(1, 2, b"there", ANN)
    fabric.send(2, 1, b"and back", BOB)
    fabric.settle((1, 2, ANN), (2, 1, BOB))
    assert (fabric.members[2].got, fabric.members[1].got) == ([b"there"], [b"and back"])


def test_with_a_link_frames_go_over_it() -> None:
    """The coordinator sees nothing of what two linked hosts send to each other."""
    fabric = Fabric()
    fabric.link(ANN, BOB)
    fabric.settle()
    fabric.unlink(HOME, ANN)
    fabric.send(1, 2, b"directly", ANN)
    fabric.settle((2, 1, BOB))
    assert fabric.members[2].got == [b"directly"]


def test_frames_on_one_peer_need_no_link() -> None:
    """Two ranks of one peer, and a rank with itself, exchange messages at once."""
    fabric = Fabric()
    three = fabric.join(3, ANN)
    fabric.send(1, 3, b"next door", ANN)
    fabric.send(3, 3, b"to myself", ANN)
    three.take(1)
    three.take(3)
    assert three.got == [b"next door", b"to myself"]
    assert three.heard == [1, 3]


def test_frames_on_one_peer_wait_for_room() -> None:
    """A receiver that takes nothing holds at most its window; it gets the rest when it takes messages."""
    fabric = Fabric()
    three = fabric.join(3, ANN)
    for number in range(50):
        fabric.send(1, 3, b"%050d" % number, ANN)
    assert 0 < three.endpoint.lane(1).incoming.queued <= 5
    fabric.settle((3, 1, ANN))
    assert [int(payload) for payload in three.got] == list(range(50))


steps = st.lists(
    st.sampled_from(["link", "unlink", "send", "send", "load", "load", "load", "arrive", "arrive", "arrive",
                     "take", "replace"]).flatmap(lambda step: st.tuples(st.just(step), st.integers(0, 5))),
    max_size=120,
)  # fmt: skip


@given(steps)
@settings(deadline=None, max_examples=200)
def test_messages_arrive_once_and_in_order_whatever_way_they_take(plan: list[tuple[str, int]]) -> None:
    """Links come and go, frames come late, the sender is replaced: the receiver notices nothing."""
    fabric = Fabric()
    sent, incarnation = 0, 0
    for step, which in plan:
        if step == "link" and (ANN, BOB) not in fabric.cables:
            fabric.link(ANN, BOB)
        elif step == "unlink" and (ANN, BOB) in fabric.cables:
            fabric.unlink(ANN, BOB)
        elif step == "send":
            fabric.send(1, 2, b"%d" % sent + b"." * (which * 60), ANN)
            sent += 1
        elif step == "replace":
            # the new incarnation sends again what the old one sent
            old = fabric.members[1].endpoint
            said = [bytes(old.log.read(stored)) for stored in old.lane(2).outgoing._stored]
            fabric.routers[ANN].detach(old)
            old.close()
            incarnation += 1
            fabric.join(1, ANN, incarnation)
            for payload in said:
                fabric.send(1, 2, payload, ANN)
        elif step in ("load", "arrive"):
            cables = list(fabric.cables.values())
            getattr(cables[which % len(cables)], step)()
        elif step == "take":
            fabric.members[2].take(1)
            fabric.routers[BOB].mark_ready(fabric.members[2].endpoint, fabric.members[2].endpoint.lane(1))
    fabric.settle((2, 1, BOB))
    assert [int(payload.rstrip(b".")) for payload in fabric.members[2].got] == list(range(sent))
    assert not any(member.broken for member in fabric.members.values())


# --- what is dropped, and what is an offence ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "reason"),
    [
        (frame(job=JobId("f" * 16)), "no such job"),
        (frame(src=9), "early"),
        (frame(src_incarnation=1), "early"),
        (frame(dst_incarnation=1), "early"),
        (frame(dst=9), "no such rank here"),
    ],
    ids=["job", "source", "incarnation of the source", "incarnation of the receiver", "receiver"],
)
def test_what_fits_nowhere_is_counted(what: Frame, reason: str) -> None:
    """Frames may come before the news of their rank's place; they are dropped, and sent again then."""
    fabric = Fabric()
    fabric.routers[BOB].route(what, ANN)
    assert fabric.routers[BOB].dropped == {reason: 1}
    assert fabric.members[2].heard == []


def test_the_past_is_fenced() -> None:
    """No frame from an old incarnation, and no frame for one, is delivered, whoever brings it."""
    fabric = Fabric()
    fabric.join(1, BOB, 1)
    fabric.routers[BOB].route(frame(), ANN)
    fabric.join(2, BOB, 1)
    fabric.routers[BOB].route(frame(src_incarnation=1), BOB)
    assert fabric.routers[BOB].dropped["fenced"] == 2
    assert fabric.members[2].heard == []


@pytest.mark.parametrize("src", [2, COORDINATOR])
def test_nobody_speaks_for_another(src: int) -> None:
    """Frames come from the host of the rank that they name, or by way of the coordinator."""
    fabric = Fabric()
    fabric.join(3, HOME)
    for peer in (ANN, BOB):
        router = fabric.routers[peer]
        with pytest.raises(Impostor, match="does not host"):
            router.route(frame(src=src, dst=1 if peer == ANN else 2), PeerId("mallory"))
    if src == 2:
        with pytest.raises(Impostor):
            fabric.routers[HOME].route(frame(src=2, dst=COORDINATOR), ANN)


def test_a_bad_frame_is_its_hosts_fault() -> None:
    """If its host sent it, the host broke the protocol; if the coordinator passed it on, the job ends."""
    fabric = Fabric()
    fabric.link(ANN, BOB)
    fabric.settle()
    bad = frame(total=1 << 40)
    with pytest.raises(BadFrame):
        fabric.routers[BOB].route(bad, ANN)
    assert fabric.members[2].broken == []
    fabric.routers[BOB].route(bad, HOME)
    (error,) = fabric.members[2].broken
    assert "rank 1 sent, by way of the coordinator" in str(error)


def test_only_the_coordinator_passes_on() -> None:
    """A host relays for no others, and the coordinator sends nothing back to where it came from."""
    fabric = Fabric()
    fabric.join(3, HOME)
    fabric.routers[ANN].route(frame(src=3, dst=2), HOME)
    assert fabric.routers[ANN].dropped["no such rank here"] == 1
    fabric.settle()
    dropped = fabric.routers[HOME].dropped["no such rank here"]
    fabric.routers[HOME].route(frame(src=1, dst=1), ANN)
    assert fabric.routers[HOME].dropped["no such rank here"] == dropped + 1


# --- jobs and control messages ----------------------------------------------------------------------------


def test_a_job_has_one_coordinator() -> None:
    """It is the first one; no peer takes a job over by naming it."""
    router = Fabric().routers[ANN]
    router.open_job(JOB, HOME)
    with pytest.raises(Impostor, match="coordinated by home, not by bob"):
        router.open_job(JOB, BOB)
    assert router.jobs_of(HOME) == (JOB,)
    assert router.jobs_of(BOB) == ()


def test_old_places_are_no_news() -> None:
    """Late news of an older place change nothing."""
    fabric = Fabric()
    fabric.join(1, BOB, 2)
    for late in (0, 1, 2):
        fabric.routers[BOB].place(JOB, 1, late, ANN)
    fabric.send(1, 2, b"new", BOB)
    fabric.members[2].take(1)
    assert fabric.members[2].got == [b"new"]


def test_a_closed_job_is_forgotten() -> None:
    """Its frames are dropped and its endpoints are not reached. Closing it again is harmless."""
    fabric = Fabric()
    router = fabric.routers[BOB]
    router.close_job(JOB)
    router.close_job(JOB)
    router.detach(fabric.members[2].endpoint)
    router.route(frame(), HOME)
    assert router.dropped == {"no such job": 1}
    assert router.coordinator_of(JOB) is None


def test_orders_come_from_the_coordinator_only() -> None:
    """Any peer may give orders for a job that is not known yet; the host decides about them."""
    fabric = Fabric()
    router, box = fabric.routers[BOB], fabric.boxes[BOB]
    with pytest.raises(Impostor, match="which home coordinates"):
        router.dispatch(ANN, StopRank(JOB, 2, 0))
    router.dispatch(HOME, EndJob(JOB))
    router.dispatch(ANN, AskRank("f" * 16, 0, 1))
    assert [box.next_nowait(), box.next_nowait()] == [
        FromPeer(HOME, EndJob(JOB)),
        FromPeer(ANN, AskRank("f" * 16, 0, 1)),
    ]


def test_what_is_for_nobody_is_a_dead_letter() -> None:
    """A report for a job that has ended, or a message to a peer that has gone, is only counted."""
    router = Fabric().routers[HOME]
    router.dispatch(ANN, RankRefused("f" * 16, 0, 0, "no"))
    router.dispatch(ANN, Ping(1))
    assert not router.tell(PeerId("gone"), EndJob(JOB))
    assert router.dead_letters.total == 3


def test_reports_reach_the_jobs_coordinator_while_it_serves() -> None:
    """Afterwards they are dead letters."""
    router = Fabric().routers[HOME]
    taken: list[FromPeer] = []
    router.serve(JOB, taken.append)
    news = RankRefused(JOB, 1, 0, "no")
    router.dispatch(ANN, news)
    assert router.tell(HOME, news)
    router.stop_serving(JOB)
    router.dispatch(ANN, news)
    assert taken == [FromPeer(ANN, news), FromPeer(HOME, news)]
    assert router.dead_letters.total == 1
