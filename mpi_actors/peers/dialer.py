"""Reaching peers: those named by a person, those that other peers tell of, those found on the LAN."""

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

_MOST_ADDRESSES = 64
"""Of one peer; others may make up any number of them."""


@attrs.frozen
class Found:
    """A peer can perhaps be reached at one of these addresses."""

    addresses: tuple[str, ...]
    lasting: bool = False
    """A person named it: try for ever."""


class Dialer:
    """The actor that dials, and dials again with growing pauses.

    Args:
        begin: starts a session on a new pair of streams.
        is_present: whether there is a session with that peer.
        until_absent: waits until there is none.
        most: peers that are pursued at a time; more are not taken, unless a person named them.
    """

    def __init__(
        self,
        transport: Transport,
        timing: Timing,
        *,
        begin: Callable[[StreamPair], Awaitable[PeerSession]],
        is_present: Callable[[PeerId], bool],
        until_absent: Callable[[PeerId], Awaitable[None]],
        most: int = 2048,
    ) -> None:
        self._transport = transport
        self._timing = timing
        self._begin = begin
        self._is_present = is_present
        self._until_absent = until_absent
        self._most = most
        self._pursued: dict[str, set[str]] = {}
        self._lasting: set[str] = set()

    async def run(self, mailbox: Mailbox[Found]) -> None:
        """The actor."""
        async with trio.open_nursery() as nursery:
            async for found in mailbox:
                self._take(found, nursery)

    def _take(self, found: Found, nursery: trio.Nursery) -> None:
        for address in found.addresses:
            _, _, name = address.rpartition("/p2p/")
            peer = PeerId(name) if name != address else None
            key = peer or address
            if peer == self._transport.local:
                continue
            if found.lasting:
                self._lasting.add(key)
            if key in self._pursued:
                if found.lasting or len(self._pursued[key]) < _MOST_ADDRESSES:
                    self._pursued[key].add(address)
            elif found.lasting or len(self._pursued) < self._most:
                self._pursued[key] = {address}
                nursery.start_soon(self._pursue, key, peer)

    async def dial(self, address: str) -> PeerSession:
        """Dial once and begin a session.

        Raises:
            BadAddress: the text is no address.
            DialFailed: nobody, or somebody else, answered.
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
                # both hear of each other at once; that both dial is harmless but needless
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
