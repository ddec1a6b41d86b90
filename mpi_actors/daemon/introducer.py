"""How an IPFS daemon and the peers of the pool find each other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Protocol

import trio

from ..actors import Mailbox
from ..errors import ContentError, DialFailed
from ..peers.roster import Roster

logger = logging.getLogger(__name__)

_RETRY = 60.0
"""Seconds after which the IPFS daemon tries again to reach peers that it could not reach, and says again
where it is: peers and networks come back within minutes."""


class IpfsDaemon(Protocol):
    """What the introducer needs of an IPFS daemon."""

    async def addresses(self) -> tuple[str, ...]:
        """Return where others can dial it. May raise ContentError."""
        ...

    async def dial(self, address: str) -> None:
        """Connect it to the peer at an address. May raise DialFailed or ContentError."""
        ...


class Introducer:
    """The actor that connects an IPFS daemon to the peers of the pool, so that it can fetch from them.

    Args:
        ipfs: the IPFS daemon.
        roster: the peers that are present.
        next_change: returns an event that is set when a peer joins, leaves or has other content.
        on_addresses_changed: called when `addresses` has changed.
    """

    def __init__(
        self,
        ipfs: IpfsDaemon,
        roster: Roster,
        *,
        next_change: Callable[[], trio.Event],
        on_addresses_changed: Callable[[], None],
    ) -> None:
        self.addresses: tuple[str, ...] = ()
        """Where others can dial the IPFS daemon, as far as it has said so."""
        self._ipfs = ipfs
        self._roster = roster
        self._next_change = next_change
        self._on_addresses_changed = on_addresses_changed

    async def run(self, _: Mailbox[object]) -> None:
        """The actor: at each change of the pool, and now and then, introduce those that have not met."""
        known: set[str] = set()
        while True:
            change = self._next_change()
            await self._ask_addresses()
            for record in self._roster:
                if record.instance not in known and await self._connect(record.addresses):
                    known.add(record.instance)
            with trio.move_on_after(_RETRY):
                await change.wait()

    async def _ask_addresses(self) -> None:
        try:
            addresses = await self._ipfs.addresses()
        except ContentError as error:
            logger.info("the IPFS daemon does not say where it is: %s", error)
            return
        if addresses != self.addresses:
            self.addresses = addresses
            self._on_addresses_changed()

    async def _connect(self, addresses: Iterable[str]) -> bool:
        """Have the IPFS daemon dial a peer's addresses until one answers; return whether one did."""
        for address in addresses:
            try:
                await self._ipfs.dial(address)
            except (DialFailed, ContentError) as error:
                logger.info("the IPFS daemon cannot reach a peer: %s", error)
            else:
                return True
        return False
