"""The peers that are present, which means greeted and alive, and what they offer."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator

import attrs
import trio

from ..coordination.elect import PeerView
from ..ids import PeerId
from ..net.link import Link
from ..wire.messages import Capacity, PeerAddress, Stock

logger = logging.getLogger(__name__)

_PEERS_PER_MESSAGE = 16
"""Peers in one `KnownPeers` message: with as many and as long addresses as a peer may have, they take 1 MiB,
which one control message holds."""


@attrs.define(kw_only=True)
class PeerRecord:
    """What is known of a present peer."""

    peer: PeerId
    link: Link
    """The connection to the peer."""
    instance: str
    """Tells the peer's daemon from an earlier one with the same identity."""
    agent: str
    """The name and version of the peer's software."""
    addresses: tuple[str, ...]
    """Where the peer says that it can be dialled."""
    capacity: Capacity
    """The slots and interpreters that the peer offers."""
    since: float
    """The time at which the session came up."""
    latency: float = 0.0
    """Seconds for a round trip, smoothed; 0 until measured."""
    stock: Stock = attrs.field(factory=Stock)
    """What the peer could install, and the content that it has."""
    stock_sent: Stock = attrs.field(factory=Stock)
    """What this peer last told the other one about its own stock."""
    capacity_sent: Capacity
    """What this peer last told the other one about its own capacity."""

    def view(self, program: str) -> PeerView:
        """Return the peer as a candidate for ranks of `program`."""
        return PeerView(
            peer=self.peer,
            has_interpreter=program in self.capacity.interpreters,
            could_install=program in self.stock.installable,
            slots=self.capacity.slots,
            running=self.capacity.running,
            full=self.capacity.full,
            latency=self.latency,
            kind=self.capacity.kind,
        )


class StockBus:
    """Tells its listeners that a peer joined, left, or has other content than before."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` at each change from now on. The returned function ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self) -> None:
        """Call all listeners. An exception of one is logged, and the others are called nevertheless."""
        for listener in tuple(self._listeners):
            try:
                listener()
            except Exception:
                logger.exception("a listener could not take news of the peers' content")


class Roster:
    """The present peers, by id."""

    def __init__(self) -> None:
        self._present: dict[PeerId, PeerRecord] = {}
        self._absences: dict[PeerId, trio.Event] = {}

    def __iter__(self) -> Iterator[PeerRecord]:
        return iter(tuple(self._present.values()))

    def __len__(self) -> int:
        return len(self._present)

    def get(self, peer: PeerId) -> PeerRecord | None:
        """Return the peer's record, if the peer is present."""
        return self._present.get(peer)

    def add(self, record: PeerRecord) -> None:
        """Add a peer that has become present."""
        self._present[record.peer] = record

    def remove(self, peer: PeerId) -> None:
        """Remove a peer that is no longer present, and wake those that wait for its absence."""
        self._present.pop(peer, None)
        absence = self._absences.pop(peer, None)
        if absence is not None:
            absence.set()

    def providers_of(self, content: str) -> tuple[PeerId, ...]:
        """Return the peers that say they have the content of that identifier, the nearest first."""
        found = (record for record in self if content in record.stock.holds)
        return tuple(record.peer for record in sorted(found, key=lambda r: (r.latency, r.peer)))

    async def until_absent(self, peer: PeerId) -> None:
        """Wait until that peer is not present."""
        while peer in self._present:
            await self._absences.setdefault(peer, trio.Event()).wait()

    def addresses(self, *, but: PeerId) -> list[tuple[PeerAddress, ...]]:
        """Return where the present peers can be dialled, except `but`, in lists that each fit a message."""
        known = tuple(
            PeerAddress(record.peer, record.addresses)
            for record in self
            if record.peer != but and record.addresses
        )
        step = _PEERS_PER_MESSAGE
        return [known[start : start + step] for start in range(0, len(known), step)]
