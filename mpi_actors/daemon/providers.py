"""Whom to ask for content: peers of the pool that have it, and IPFS nodes that we are connected to."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import trio

from ..actors import Backoff, Mailbox
from ..content.formats.cid import Cid
from ..errors import BadAddress, DialFailed
from ..ids import PeerId
from .tree import Daemon

logger = logging.getLogger(__name__)

_BACKOFF = Backoff(first=1.0, longest=60.0)
_CHECK = 15.0
"""Seconds between two looks at whether a connection is still there."""
_MOST = 64
"""Addresses that others may have us dial."""


class ContentPeers:
    """Keeps us connected to IPFS nodes, and says whom to ask in which order.

    Args:
        daemon: of the pool.
        addresses: of IPFS nodes that a person named.
    """

    def __init__(self, daemon: Daemon, addresses: Sequence[str] = ()) -> None:
        self._daemon = daemon
        self._own = tuple(addresses)
        self._changed = trio.Event()
        self._at: dict[str, PeerId] = {}

    def changed(self) -> None:
        """Somebody came or went, or has something else than before."""
        self._changed.set()
        self._changed = trio.Event()

    def next_change(self) -> trio.Event:
        """Set when somebody comes, goes, or has something else than now."""
        return self._changed

    def providers(self, cid: Cid) -> Sequence[PeerId]:
        """Those to ask, best first: who says that they have it, other peers of the pool, other nodes."""
        peers = sorted(self._daemon.roster, key=lambda record: record.latency)
        found = [
            *self._daemon.holders(str(cid)),
            *(record.peer for record in peers),
            *self._at.values(),
            *self._daemon.transport.connected(),
        ]
        return tuple(dict.fromkeys(found))

    async def run(self, _: Mailbox[object]) -> None:
        """The actor: dials the nodes that a person named, and those that peers say have their content."""
        dialled: set[str] = set()
        async with trio.open_nursery() as nursery:
            while True:
                changed = self._changed
                for address in [*self._own, *self._told()]:
                    if address not in dialled and (address in self._own or len(dialled) < _MOST):
                        dialled.add(address)
                        nursery.start_soon(self._keep, address, dialled)
                await changed.wait()

    def _told(self) -> Iterable[str]:
        for record in self._daemon.roster:
            yield from record.stock.addresses

    async def _keep(self, address: str, dialled: set[str]) -> None:
        pause = 0.0
        while address in self._own or address in self._told():
            try:
                peer = await self._daemon.transport.connect(address)
            except (BadAddress, DialFailed) as error:
                logger.info("an IPFS node cannot be reached: %s", error)
                self._at.pop(address, None)
                pause = _BACKOFF.after(pause)
                await trio.sleep(pause)
                continue
            pause = 0.0
            if self._at.get(address) != peer:
                self._at[address] = peer
                self.changed()
            await trio.sleep(_CHECK)
        self._at.pop(address, None)
        dialled.discard(address)
