"""Whom to ask for content: peers of the pool that have it, and IPFS nodes that this peer is connected to."""

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
"""Pauses between two attempts to reach an IPFS node."""
_CHECK_EVERY = 15.0
"""Seconds between two looks at whether a connection is still there: a lost one costs a fetch that long at
most."""
_MAX_DIALLED = 64
"""Nodes that this peer dials because other peers named them: others may name any number."""


class Providers:
    """Keeps this peer connected to IPFS nodes, and says whom to ask in which order.

    Args:
        daemon: of the pool.
        addresses: of IPFS nodes that a person named.
    """

    def __init__(self, daemon: Daemon, addresses: Sequence[str] = ()) -> None:
        self._daemon = daemon
        self._own = tuple(addresses)
        self._changed = trio.Event()
        self._at: dict[str, PeerId] = {}
        """The nodes that this peer is connected to, by address."""

    def on_change(self) -> None:
        """A peer or node joined, left, or has something else than before."""
        self._changed.set()
        self._changed = trio.Event()

    def next_change(self) -> trio.Event:
        """Return an event that is set at the next change.

        A caller that takes the event before it looks at `of` misses no change in between.
        """
        return self._changed

    def of(self, cid: Cid) -> Sequence[PeerId]:
        """Return whom to ask for `cid`: peers that say they have it, other peers of the pool, other nodes."""
        peers = sorted(self._daemon.roster, key=lambda record: record.latency)
        found = [
            *self._daemon.providers_of(str(cid)),
            *(record.peer for record in peers),
            *self._at.values(),
            *self._daemon.transport.connected(),
        ]
        return tuple(dict.fromkeys(found))

    async def run(self, _: Mailbox[object]) -> None:
        """The actor: dial the nodes that a person named, and those that peers say have their content."""
        dialled: set[str] = set()
        async with trio.open_nursery() as nursery:
            while True:
                changed = self._changed
                for address in [*self._own, *self._named_by_peers()]:
                    if address not in dialled and (address in self._own or len(dialled) < _MAX_DIALLED):
                        dialled.add(address)
                        nursery.start_soon(self._keep, address, dialled)
                await changed.wait()

    def _named_by_peers(self) -> Iterable[str]:
        for record in self._daemon.roster:
            yield from record.stock.addresses

    async def _keep(self, address: str, dialled: set[str]) -> None:
        """Stay connected to the node at `address` for as long as somebody names it."""
        pause = 0.0
        while address in self._own or address in self._named_by_peers():
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
                self.on_change()
            await trio.sleep(_CHECK_EVERY)
        self._at.pop(address, None)
        dialled.discard(address)
