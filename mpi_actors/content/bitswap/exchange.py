"""Bitswap over a transport: serves the blocks that are here, and asks peers for others."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from ...errors import ConnectionLost, DialFailed, ProviderFailed
from ...ids import PeerId
from ...net.transport import ByteStream, Transport
from ..formats import bitswap
from ..formats.cid import Cid
from ..store.threads import Offload
from .asking import BlockAbsent, BlockReceived, Provider
from .conversation import ExchangeLimits, PeerConversation
from .wantlist import BlockSource

logger = logging.getLogger(__name__)

__all__ = ["BlockAbsent", "BlockReceived", "BlockSource", "Exchange", "ExchangeLimits", "Provider"]


class Exchange:
    """Serves blocks and asks for blocks, while `run` runs.

    Args:
        transport: the network.
        blocks: the blocks that are served.
        limits: on what one peer may cost us.
        offload: runs the reading of blocks; None for worker threads.
    """

    def __init__(
        self,
        transport: Transport,
        blocks: BlockSource,
        *,
        limits: ExchangeLimits | None = None,
        offload: Offload | None = None,
    ) -> None:
        self.limits = limits or ExchangeLimits()
        self._transport = transport
        self._blocks = blocks
        self._peers: dict[PeerId, PeerConversation] = {}
        self._nursery: trio.Nursery | None = None
        self.offload = offload or Offload()

    @property
    def peers(self) -> tuple[PeerId, ...]:
        """The peers with which there is a conversation, or whose wants are remembered."""
        return tuple(self._peers)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled."""
        try:
            async with trio.open_nursery() as self._nursery:
                self._transport.serve(bitswap.PROTOCOL, self._accept)
                task_status.started()
                while True:
                    await trio.sleep(self.limits.idle)
                    self._forget_old()
        finally:
            self._nursery = None
            for talk in self._peers.values():
                talk.on_peer_lost("cannot be asked any more: this daemon stops")
                for scope in talk.reading:
                    scope.cancel()
            self._peers.clear()

    def on_block_stored(self, cid: Cid) -> None:
        """Send a block that is here now to the peers that wanted it."""
        for talk in self._peers.values():
            talk.wants.on_block_stored(cid)
            if talk.wants.ready:
                talk.ring()

    @asynccontextmanager
    async def ask(self, peer: PeerId, *, stall: float | None = None) -> AsyncIterator[Provider]:
        """Enter a context in which one peer can be asked for blocks; several tasks may ask it at a time.

        Args:
            peer: whom to ask; we have to be connected to it.
            stall: seconds of silence after which the peer is given up; None for that of the limits.

        Raises:
            ProviderFailed: the exchange does not run.
        """
        if self._nursery is None:
            raise ProviderFailed(f"{peer} cannot be asked while the exchange of blocks does not run")
        talk = self._talk(peer)
        provider = talk.asked.open(self.limits.stall if stall is None else stall)
        try:
            yield provider
        finally:
            provider.close()
            self._tidy(talk)

    def _talk(self, peer: PeerId) -> PeerConversation:
        found = self._peers.get(peer)
        if found is None:
            found = PeerConversation(peer, self._blocks, self.offload, self.limits, self._wake)
            self._peers[peer] = found
        return found

    def _tidy(self, talk: PeerConversation) -> None:
        """Forget the conversation if nothing is going on in it and no wants are remembered."""
        if talk.quiet and not talk.wants and self._peers.get(talk.peer) is talk:
            del self._peers[talk.peer]

    def _forget_old(self) -> None:
        connected = set(self._transport.connected())
        for talk in list(self._peers.values()):
            talk.wants.expire(trio.current_time())
            if talk.quiet and talk.peer not in connected:
                talk.wants.clear()
            self._tidy(talk)

    async def _accept(self, stream: ByteStream) -> None:
        if self._nursery is None:
            return
        talk = self._talk(stream.remote)
        if len(talk.reading) >= self.limits.streams:
            logger.info("%s opened too many streams for blocks; one was refused", talk.peer)
            return
        with trio.CancelScope() as scope:
            talk.reading.add(scope)
            try:
                await talk.read(stream)
            finally:
                talk.reading.discard(scope)
                self._tidy(talk)

    def _wake(self, talk: PeerConversation) -> None:
        if not talk.speaking and self._nursery is not None:
            talk.speaking = True
            self._nursery.start_soon(self._speak, talk)

    async def _speak(self, talk: PeerConversation) -> None:
        try:
            stream = await self._transport.open_stream(talk.peer, bitswap.PROTOCOL)
            try:
                await talk.speak(stream)
            finally:
                await stream.aclose()
        except (DialFailed, ConnectionLost) as error:
            talk.on_peer_lost(f"cannot be asked: {error}")
        finally:
            talk.speaking = False
        if talk.has_news:
            self._wake(talk)  # something to send came up while the stream was being closed
        self._tidy(talk)
