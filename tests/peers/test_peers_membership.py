"""What becomes of the news of sessions, without sessions, tasks and time."""

from __future__ import annotations

from typing import Any, cast

import attrs
import pytest

from mpi_actors.errors import BadFrame, ProtocolError
from mpi_actors.events import Event, EventBus, PeerJoined, PeerLost, PeerOffers
from mpi_actors.ids import PeerId
from mpi_actors.lanes.news import PeerGone
from mpi_actors.lanes.router import Router
from mpi_actors.net.link import Link
from mpi_actors.peers.announcer import Announcer
from mpi_actors.peers.membership import Membership
from mpi_actors.peers.roster import PeerRecord, Roster, StockBus
from mpi_actors.wire.messages import Capacity, KnownPeers, PeerAddress, Stock

US, ANN, BOB = PeerId("us"), PeerId("ann"), PeerId("bob")


@attrs.define
class Part:
    """Stands for a part of the daemon: remembers the calls of its methods."""

    calls: list[tuple[Any, ...]] = attrs.field(factory=list)
    local: PeerId = US
    addresses: tuple[str, ...] = ("/memory/us",)

    def __getattr__(self, name: str) -> Any:
        return lambda *args: self.calls.append((name, *args))

    def capacity(self) -> Capacity:
        """What this peer offers."""
        return Capacity(("echo",), 2, 0, False)


class Scene:
    """A membership among recorded parts."""

    def __init__(self) -> None:
        self.roster, self.stock_news = Roster(), [0]
        self.router = Part()
        self.announcer = Part()
        self.transport = Part()
        self.links: dict[PeerId, Part] = {}
        self.events: list[Event] = []
        self.found: list[tuple[str, ...]] = []
        self.offers: list[PeerId] = []
        self.gone: list[PeerGone] = []
        bus, stock_bus = EventBus(), StockBus()
        bus.listen(self.events.append)
        stock_bus.listen(self.on_stock_news)
        self.membership = Membership(
            pool="pool",
            transport=self.transport,
            roster=self.roster,
            stock_bus=stock_bus,
            router=cast("Router", self.router),
            bus=bus,
            announcer=cast("Announcer", self.announcer),
            find=lambda addresses: self.found.append(tuple(addresses)),
            on_offer=self.offers.append,
            on_gone=self.gone.append,
        )

    def on_stock_news(self) -> None:
        """Count the news of other peers' content."""
        self.stock_news[0] += 1

    def join(self, peer: PeerId) -> PeerRecord:
        """A peer's session comes up."""
        self.links[peer] = Part()
        record = PeerRecord(
            peer=peer,
            link=cast("Link", self.links[peer]),
            instance=f"{peer} once",
            agent="test",
            addresses=(f"/memory/{peer}",),
            capacity=Capacity(("echo",), 1, 0, False),
            capacity_sent=Capacity((), 0, 0, False),
            since=0.0,
        )
        self.membership.on_peer_up(record)
        return record


def test_the_greeting_names_pool_offer_and_addresses() -> None:
    """Two daemons of one identity greet with different instances."""
    first, second = Scene().membership.hello(), Scene().membership.hello()
    assert (first.pool, first.addresses, first.capacity.interpreters) == ("pool", ("/memory/us",), ("echo",))
    assert first.instance != second.instance


def test_a_peer_that_joins_is_known_everywhere() -> None:
    """To the roster, the router, people, jobs and content; the peer itself learns of the others."""
    scene = Scene()
    ann = scene.join(ANN)
    assert scene.membership.present(ANN) is ann
    assert ("on_link_up", ann.link) in scene.router.calls
    assert scene.events == [PeerJoined(peer=ANN, address="/memory/ann", interpreters=("echo",))]
    assert scene.announcer.calls == [("greet", ann)]
    assert (scene.offers, scene.stock_news) == ([ANN], [1])
    scene.join(BOB)
    known = KnownPeers((PeerAddress(ANN, ("/memory/ann",)),))
    assert scene.links[BOB].calls == [("send_control", known)]
    assert scene.links[ANN].calls == []


def test_a_peer_that_leaves_is_gone_everywhere() -> None:
    """From the roster, the router, people's view, jobs and content."""
    scene = Scene()
    ann = scene.join(ANN)
    scene.membership.on_peer_down(ann, "unplugged")
    assert scene.membership.present(ANN) is None
    assert scene.router.calls[-1] == ("on_link_down", ann.link)
    assert scene.events[-1] == PeerLost(peer=ANN, reason="unplugged")
    assert scene.gone == [PeerGone(ANN, "unplugged")]
    assert scene.stock_news == [2]


def test_people_see_new_interpreters_and_jobs_every_change() -> None:
    """A change of load alone is for jobs that wait, not for people."""
    scene = Scene()
    ann = scene.join(ANN)
    ann.capacity = attrs.evolve(ann.capacity, running=1)
    scene.membership.on_capacity(ann)
    assert (scene.offers, len(scene.events)) == ([ANN, ANN], 1)
    ann.capacity = attrs.evolve(ann.capacity, interpreters=("echo", "ring"))
    scene.membership.on_capacity(ann)
    scene.membership.on_capacity(ann)
    assert scene.events[1:] == [PeerOffers(peer=ANN, interpreters=("echo", "ring"))]
    assert scene.offers == [ANN] * 4


@pytest.mark.parametrize(
    ("stock", "for_jobs", "for_content"),
    [
        (Stock(("echo",)), 1, 0),
        (Stock((), ("QmRoot",)), 0, 1),
        (Stock((), (), ("/ip4/1.2.3.4/tcp/4001",)), 0, 1),
        (Stock(("echo",), ("QmRoot",)), 1, 1),
        (Stock(), 0, 0),
    ],
)
def test_a_stock_is_for_whom_it_concerns(stock: Stock, for_jobs: int, for_content: int) -> None:
    """Jobs hear what could be installed, fetches what content there is."""
    scene = Scene()
    ann = scene.join(ANN)
    before, ann.stock = ann.stock, stock
    scene.membership.on_stock(ann, before)
    assert (len(scene.offers) - 1, scene.stock_news[0] - 1) == (for_jobs, for_content)


def test_addresses_of_others_are_tried_only_under_their_own_name() -> None:
    """An address that leads to somebody else is not dialled, nor that of a peer that is present."""
    scene = Scene()
    scene.join(ANN)
    bob, stranger = "/memory/x/p2p/bob", "/memory/y/p2p/stranger"
    scene.membership.on_peers_known(
        KnownPeers((PeerAddress(BOB, (bob, stranger, "/memory/z")), PeerAddress(ANN, ("/memory/x/p2p/ann",))))
    )
    assert scene.found == [(bob,)]


def test_what_breaks_the_protocol_is_counted_by_name() -> None:
    """The counter names the error's class."""
    scene = Scene()
    for error in (BadFrame("x"), BadFrame("y"), ProtocolError("z")):
        scene.membership.on_protocol_error(ANN, error)
    assert scene.membership.errors == {"BadFrame": 2, "ProtocolError": 1}


def test_messages_and_frames_go_to_the_router() -> None:
    """With their sender."""
    scene = Scene()
    message: Any = object()
    scene.membership.on_job_message(ANN, message)
    scene.membership.on_frame(message, ANN)
    assert scene.router.calls == [("dispatch", ANN, message), ("route", message, ANN)]
