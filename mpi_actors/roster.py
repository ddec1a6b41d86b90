"""The peers that are present: greeted, alive, and what they offer."""

from __future__ import annotations

from collections.abc import Iterator

import attrs
import trio

from .ids import PeerId
from .ledger import PeerView
from .messages import Capacity, PeerAddress
from .net.link import Link

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

    def view(self, program: str) -> PeerView:
        """As a candidate for a job's ranks."""
        return PeerView(
            peer=self.peer,
            has_interpreter=program in self.capacity.interpreters,
            slots=self.capacity.slots,
            running=self.capacity.running,
            full=self.capacity.full,
            latency=self.latency,
        )


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
