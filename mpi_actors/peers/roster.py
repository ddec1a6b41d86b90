"""The peers that are present: greeted, alive, and what they offer."""

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

_AT_A_TIME = 16
"""Peers with as many and as long addresses as they may have: 1 MiB."""


@attrs.define(kw_only=True)
class PeerRecord:
    """A present peer."""

    peer: PeerId
    link: Link
    instance: str
    agent: str
    addresses: tuple[str, ...]
    capacity: Capacity
    since: float
    latency: float = 0.0
    """Seconds there and back, smoothed; 0 until measured."""
    stock: Stock = attrs.field(factory=Stock)
    """What it could install, and what content it has."""
    told: Stock = attrs.field(factory=Stock)
    """The same of this peer, as that one was told."""
    announced: Capacity
    """What this peer offers, as that one was told."""

    def view(self, program: str) -> PeerView:
        """As a candidate for a job's ranks."""
        return PeerView(
            peer=self.peer,
            has_interpreter=program in self.capacity.interpreters,
            could_install=program in self.stock.installable,
            slots=self.capacity.slots,
            running=self.capacity.running,
            full=self.capacity.full,
            latency=self.latency,
        )


class StockBus:
    """Tells whoever listens that a peer came, went, or has other content than before."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[], None]] = []

    def listen(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener` at each such news from now on; returns what ends that."""
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    def tell(self) -> None:
        """There is news. What a listener raises is its own affair: it is logged, and the others are told."""
        for listener in tuple(self._listeners):
            try:
                listener()
            except Exception:
                logger.exception("a listener could not take news of the peers' content")


class Roster:
    """Who is present, by id, by the end of an id, or all."""

    def __init__(self) -> None:
        self._present: dict[PeerId, PeerRecord] = {}
        self._absences: dict[PeerId, trio.Event] = {}

    def __iter__(self) -> Iterator[PeerRecord]:
        return iter(tuple(self._present.values()))

    def __len__(self) -> int:
        return len(self._present)

    def get(self, peer: PeerId) -> PeerRecord | None:
        """The peer's record, if it is present."""
        return self._present.get(peer)

    def add(self, record: PeerRecord) -> None:
        """A peer has come."""
        self._present[record.peer] = record

    def remove(self, peer: PeerId) -> None:
        """A peer has gone."""
        self._present.pop(peer, None)
        absence = self._absences.pop(peer, None)
        if absence is not None:
            absence.set()

    def holders(self, content: str) -> tuple[PeerId, ...]:
        """Who says that it has the content of that identifier, the nearest first."""
        found = (record for record in self if content in record.stock.holds)
        return tuple(record.peer for record in sorted(found, key=lambda r: (r.latency, r.peer)))

    async def until_absent(self, peer: PeerId) -> None:
        """Wait until that peer is not present."""
        while peer in self._present:
            await self._absences.setdefault(peer, trio.Event()).wait()

    def addresses(self, *, but: PeerId) -> list[tuple[PeerAddress, ...]]:
        """Where the present peers can be dialled, for another peer to know; so many as fit a message each."""
        known = tuple(
            PeerAddress(record.peer, record.addresses)
            for record in self
            if record.peer != but and record.addresses
        )
        return [known[start : start + _AT_A_TIME] for start in range(0, len(known), _AT_A_TIME)]
