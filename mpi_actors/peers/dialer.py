"""Reaching peers: those that a person named, those that other peers told of, those found on the LAN."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import attrs
import trio

from ..actors import Mailbox
from ..config import Timing
from ..errors import ConnectionLost, DialFailed, MpiActorsError
from ..ids import PeerId
from ..net.pairing import StreamPair, open_pair
from ..net.transport import Transport
from .session import PeerSession

logger = logging.getLogger(__name__)

_MAX_ADDRESSES = 64
"""Addresses tried for one peer: twice what an honest peer has; other peers may invent any number of them."""
_MAX_PURSUED = 2048
"""Peers that the dialer tries to reach at a time: four times as many as it may be connected to."""


@attrs.frozen
class Found:
    """A peer can perhaps be reached at one of these addresses."""

    addresses: tuple[str, ...]
    lasting: bool = False
    """A person named the address: try for ever."""


class Dialer:
    """The actor that dials, and dials again with growing pauses.

    Args:
        transport: the network.
        timing: the pauses, and the time after which an unreachable peer is forgotten.
        begin: starts a session on a new pair of streams.
        is_present: returns whether there is a session with that peer.
        until_absent: waits until there is no session with that peer.
        most: peers that are pursued at a time; more are ignored, unless a person named them.
    """

    def __init__(
        self,
        transport: Transport,
        timing: Timing,
        *,
        begin: Callable[[StreamPair], Awaitable[PeerSession]],
        is_present: Callable[[PeerId], bool],
        until_absent: Callable[[PeerId], Awaitable[None]],
        most: int = _MAX_PURSUED,
    ) -> None:
        self._transport = transport
        self._timing = timing
        self._begin = begin
        self._is_present = is_present
        self._until_absent = until_absent
        self._most = most
        self._pursued: dict[str, set[str]] = {}
        """Addresses of each peer that is pursued, by its id, or by the address when the id is unknown."""
        self._lasting: set[str] = set()
        """Those that a person named."""

    async def run(self, mailbox: Mailbox[Found]) -> None:
        """The actor: try to reach each found peer until it is reached or forgotten."""
        async with trio.open_nursery() as nursery:
            async for found in mailbox:
                self._on_found(found, nursery)

    def _on_found(self, found: Found, nursery: trio.Nursery) -> None:
        for address in found.addresses:
            _, _, name = address.rpartition("/p2p/")
            peer = PeerId(name) if name != address else None
            key = peer or address
            if peer == self._transport.local:
                continue
            if found.lasting:
                self._lasting.add(key)
            if key in self._pursued:
                if found.lasting or len(self._pursued[key]) < _MAX_ADDRESSES:
                    self._pursued[key].add(address)
            elif found.lasting or len(self._pursued) < self._most:
                self._pursued[key] = {address}
                nursery.start_soon(self._pursue, key, peer)

    async def dial(self, address: str) -> PeerSession:
        """Dial once and begin a session.

        Raises:
            BadAddress: the text is not an address.
            DialFailed: nobody answered, or a peer with another id, or the connection broke at once.
        """
        peer = await self._transport.connect(address)
        try:
            return await self._begin(await open_pair(self._transport, peer))
        except ConnectionLost as error:
            raise DialFailed(f"{address}: {error}") from error

    async def _pursue(self, key: str, peer: PeerId | None) -> None:
        try:
            pause = self._timing.redial_first
            if peer is not None and self._transport.local > peer and key not in self._lasting:
                # both peers learn of each other at the same time, and one link is enough: let the other dial
                await trio.sleep(self._timing.redial_first)
            gone_since = trio.current_time()
            while key in self._lasting or trio.current_time() < gone_since + self._timing.forget_after:
                if peer is not None and self._is_present(peer):
                    await self._until_absent(peer)
                    gone_since = trio.current_time()
                session = await self._try(key)
                if session is not None:
                    peer = session.remote
                    await session.ended.wait()
                    if not session.retry:
                        return
                    if session.was_up:
                        pause = self._timing.redial_first
                        gone_since = trio.current_time()
                await trio.sleep(pause)
                pause = min(pause * 2, self._timing.redial_most)
        finally:
            del self._pursued[key]

    async def _try(self, key: str) -> PeerSession | None:
        for address in sorted(self._pursued[key]):
            try:
                return await self.dial(address)
            except MpiActorsError as error:
                logger.info("cannot reach %s: %s", address, error)
        return None
