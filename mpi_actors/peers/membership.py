"""Who belongs to the pool, as this peer sees it: what sessions tell is recorded, and passed on to the daemon.

`Membership` is the `SessionOwner` of every session. It is the room for what will decide who may do what.
"""

from __future__ import annotations

import logging
import secrets
from collections import Counter
from collections.abc import Callable, Iterable

from .._version import __version__
from ..actors import Mailbox, current_actor
from ..errors import ProtocolError
from ..events import EventBus, PeerJoined, PeerLost, PeerOffers
from ..ids import PeerId
from ..lanes.news import PeerGone
from ..lanes.router import Router
from ..net.transport import Transport
from ..wire.fields import MAX_ADDRESSES
from ..wire.frame import Frame
from ..wire.messages import ControlMessage, Hello, KnownPeers, Stock
from .announcer import Announcer
from .roster import PeerRecord, Roster, StockBus

logger = logging.getLogger(__name__)


class Membership:
    """The members of the pool that are connected to this peer.

    Args:
        pool: the pool's name; peers of other pools are turned away.
        transport: the network; other peers learn its addresses.
        roster: the list of the peers that are present.
        stock_bus: rung when what peers have may have changed.
        router: gets the links of peers, their frames and their messages about jobs.
        bus: gets the events for people.
        announcer: says what this peer offers.
        find: called with addresses at which a peer can perhaps be reached.
        on_offer: called when a peer joined or offers something else.
        on_gone: called when a peer is no longer present.
    """

    def __init__(
        self,
        *,
        pool: str,
        transport: Transport,
        roster: Roster,
        stock_bus: StockBus,
        router: Router,
        bus: EventBus,
        announcer: Announcer,
        find: Callable[[Iterable[str]], None],
        on_offer: Callable[[PeerId], None],
        on_gone: Callable[[PeerGone], None],
    ) -> None:
        self.local: PeerId = transport.local
        self.errors: Counter[str] = Counter()
        """How often peers broke the protocol, by the errors' names."""
        self._pool = pool
        self._transport = transport
        self._roster = roster
        self._stock_bus = stock_bus
        self._router = router
        self._bus = bus
        self._announcer = announcer
        self._find = find
        self._on_offer = on_offer
        self._on_gone = on_gone
        self._instance = secrets.token_hex(8)
        """Tells this daemon from one that had the same identity before."""
        self._offers: dict[PeerId, tuple[str, ...]] = {}
        """The interpreters of each peer, as people were shown them."""

    async def part(self, _: Mailbox[object]) -> None:
        """The actor that says goodbye to every peer when it is stopped, and waits until all have gone."""
        await current_actor().stopping.wait()
        for record in self._roster:
            record.link.goodbye("it leaves the pool")
        for record in self._roster:
            await self._roster.until_absent(record.peer)

    # --- what sessions ask and tell: `SessionOwner` -------------------------------------------------------

    def hello(self) -> Hello:
        """Return what this peer says of itself in a greeting."""
        return Hello(
            pool=self._pool,
            instance=self._instance,
            agent=f"mpi-actors {__version__}",
            addresses=self._transport.addresses[:MAX_ADDRESSES],
            capacity=self._announcer.capacity(),
        )

    def present(self, peer: PeerId) -> PeerRecord | None:
        """Return the peer's record, if a session with it is up."""
        return self._roster.get(peer)

    def on_peer_up(self, record: PeerRecord) -> None:
        """A session is up: the peer is present from now on."""
        others = self._roster.addresses(but=record.peer)
        self._roster.add(record)
        self._router.on_link_up(record.link)
        offers = self._offers[record.peer] = record.capacity.interpreters
        address = next(iter(record.addresses), "")
        self._bus.emit(PeerJoined(peer=record.peer, address=address, interpreters=offers))
        for some in others:
            record.link.send_control(KnownPeers(some))
        self._announcer.greet(record)
        self._on_offer(record.peer)
        self._stock_bus.tell()

    def on_peer_down(self, record: PeerRecord, reason: str) -> None:
        """A session that was up has ended: the peer is no longer present."""
        self._roster.remove(record.peer)
        self._offers.pop(record.peer, None)
        self._router.on_link_down(record.link)
        self._bus.emit(PeerLost(peer=record.peer, reason=reason))
        self._on_gone(PeerGone(record.peer, reason))
        self._stock_bus.tell()

    def on_capacity(self, record: PeerRecord) -> None:
        """A peer's slots or interpreters have changed."""
        offers = record.capacity.interpreters
        if offers != self._offers.get(record.peer):
            self._offers[record.peer] = offers
            self._bus.emit(PeerOffers(peer=record.peer, interpreters=offers))
        self._on_offer(record.peer)

    def on_stock(self, record: PeerRecord, before: Stock) -> None:
        """A peer could install something else than before, or has other content."""
        if record.stock.installable != before.installable:
            self._on_offer(record.peer)
        if (record.stock.holds, record.stock.addresses) != (before.holds, before.addresses):
            self._stock_bus.tell()

    def on_job_message(self, sender: PeerId, message: ControlMessage) -> None:
        """A control message about a job has come.

        Raises:
            ProtocolError: the sender has no right to say that.
        """
        self._router.dispatch(sender, message)

    def on_frame(self, frame: Frame, sender: PeerId) -> None:
        """A data frame has come.

        Raises:
            ProtocolError: the sender has no right to send it, or it makes no sense.
        """
        self._router.route(frame, sender)

    def on_peers_known(self, peers: KnownPeers) -> None:
        """A peer told the addresses of other peers: try to reach those that are not present."""
        for known in peers.peers:
            if self._roster.get(PeerId(known.peer)) is None:
                # an address that names another peer, or none, would lead to somebody else
                self._find(a for a in known.addresses if a.endswith(f"/p2p/{known.peer}"))

    def on_protocol_error(self, peer: PeerId, error: ProtocolError) -> None:
        """A peer broke the protocol, and lost its link."""
        name = type(error).__name__
        self.errors[name] += 1
        logger.warning("a link with %s was cut: %s: %s", peer, name, error)
