"""Bitswap with one peer: reads the streams that the peer opens, and writes to a stream that we open."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Iterator, Sequence

import attrs
import trio

from ...actors.bell import Bell
from ...errors import BadMessage, ConnectionLost, ProviderFailed
from ...ids import PeerId
from ...net.transport import ByteStream
from ..formats import bitswap
from ..formats.bitswap import BitswapMessage, Block, Decoder
from ..store.threads import Offload
from .asking import AskTable
from .wantlist import BlockSource, Wantlist, look_up

logger = logging.getLogger(__name__)

_READ_SIZE = 256 * 1024
"""Bytes that are taken from a stream at a time: one block of an ordinary file."""
_MESSAGE_SIZE = 16 * 1024
"""Bytes of small blocks that are put together into one message: the receiver can use none of them before all
have come, and some lines are slow."""


@attrs.frozen(kw_only=True)
class ExchangeLimits:
    """Limits on what one peer may cost us."""

    streams: int = 128
    """Streams that the peer may have open to us at a time. IPFS opens one for each message."""
    partial: int = 8 * 1024 * 1024
    """Bytes of messages that have begun and not ended, on all the peer's streams together."""
    wants: int = 4096
    """Wants of the peer that are kept."""
    want_lifetime: float = 600.0
    """Seconds for which a want that we cannot answer is remembered."""
    batch: int = 512 * 1024
    """Bytes of blocks that are read for the peer in one go; as much again may be on its way to the peer."""
    send: float = 60.0
    """Seconds in which the peer must take in such a batch, or be given up."""
    idle: float = 60.0
    """Seconds after which a stream on which we have nothing to say is closed."""
    unasked: int = 4 * 1024 * 1024
    """Bytes of blocks that nobody asked for, after which the peer's stream is closed."""
    backlog: int = 8 * 1024 * 1024
    """Bytes of blocks that no task has received, beyond which nothing is read from the peer."""
    stall: float = 10.0
    """Seconds of silence after which a peer that owes us blocks is given up."""


class PeerConversation:
    """Everything between us and one peer.

    Args:
        peer: the peer.
        blocks: the blocks that are served to it.
        offload: runs the reading of blocks.
        limits: on what the peer may cost us.
        wake: is called with this conversation when there is something to send.
    """

    def __init__(
        self,
        peer: PeerId,
        blocks: BlockSource,
        offload: Offload,
        limits: ExchangeLimits,
        wake: Callable[[PeerConversation], None],
    ) -> None:
        self.peer = peer
        self.wants = Wantlist(limits.wants, limits.want_lifetime)
        self.asked = AskTable(peer, self.ring)
        self.reading: set[trio.CancelScope] = set()
        """A cancel scope for each stream of the peer's that is being read."""
        self.speaking = False
        """Whether a task is in `speak`, or about to enter it."""
        self._bell = Bell()
        self._wake = wake
        self._blocks = blocks
        self._offload = offload
        self._partial = 0
        self._limits = limits

    @property
    def quiet(self) -> bool:
        """Whether nothing is going on; wants that we cannot answer may still be remembered."""
        return not (self.reading or self.speaking or self.asked or self.has_news)

    @property
    def has_news(self) -> bool:
        """Whether there is something to send."""
        return self.wants.ready or self.asked.has_news

    def ring(self) -> None:
        """Let `speak` look for something to send; if no task is in it, the exchange starts one."""
        self._bell.ring()
        self._wake(self)

    def on_peer_lost(self, why: str) -> None:
        """Forget the peer's wants, and fail those who ask it; `why` follows the peer's name."""
        self.wants.clear()
        self.asked.on_peer_lost(why)

    # --- what comes in ------------------------------------------------------------------------------------

    async def read(self, stream: ByteStream) -> None:
        """Read the messages on one of the peer's streams until it ends. Errors of the peer are logged."""
        decoder = Decoder()
        try:
            await self._read_messages(stream, decoder)
        except (BadMessage, ProviderFailed) as error:
            logger.info("%s: %s", self.peer, error)
            self.asked.fail(str(error))
        except ConnectionLost as error:
            logger.debug("%s: %s", self.peer, error)
        finally:
            self._partial -= decoder.held
        if decoder.midway:
            self.asked.fail("hung up in the middle of a message")

    async def _read_messages(self, stream: ByteStream, decoder: Decoder) -> None:
        while data := await stream.receive_some(_READ_SIZE):
            self.asked.last_heard = trio.current_time()
            self._partial -= decoder.held
            messages = decoder.feed(data)
            self._partial += decoder.held
            if self._partial > self._limits.partial:
                raise ProviderFailed("sends too many messages at the same time")
            for message in messages:
                await self._take(message)
            del data, messages  # else both stay in memory until the next ones have come

    async def _take(self, message: BitswapMessage) -> None:
        self.wants.update(message.wants, full=message.full)
        if self.wants.ready:
            self.ring()
        for presence in message.presences:
            self.asked.on_presence(presence)
        await self._take_blocks(message.blocks)

    async def _take_blocks(self, blocks: Sequence[Block]) -> None:
        size = sum(len(block.data) for block in blocks)
        await trio.lowlevel.checkpoint()  # a peer that talks all the time must not keep others waiting
        if not self.asked.expects:
            self.asked.unasked += size
        else:
            for block in blocks:
                # 0.6 ms for a MiB: to go to a thread and come back would take longer
                self.asked.on_block(hashlib.sha256(block.data).digest(), block.data)
        if self.asked.unasked > self._limits.unasked:
            self.asked.unasked = 0
            raise ProviderFailed("sends blocks that nobody asked for")
        await self.asked.wait_for_room(self._limits.backlog)

    # --- what goes out ------------------------------------------------------------------------------------

    async def speak(self, stream: ByteStream) -> None:
        """Send on our own stream until the peer closes it, or until there was nothing to send for long."""
        why: str | None = "hung up"
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen, stream, nursery.cancel_scope)
            why = await self._say_all(stream)
            nursery.cancel_scope.cancel()
        if why is not None:
            self.on_peer_lost(why)

    async def _listen(self, stream: ByteStream, scope: trio.CancelScope) -> None:
        """Read our own stream to notice its end; some peers also answer on it."""
        await self.read(stream)
        scope.cancel()

    async def _say_all(self, stream: ByteStream) -> str | None:
        """Return what went wrong; None if there was nothing to send for long."""
        why: str | None = None
        # of size 0: while one message is sent, the next one is made, and no more
        put, take = trio.open_memory_channel[bytes](0)
        async with trio.open_nursery() as nursery, take:
            nursery.start_soon(self._make_messages, put)
            try:
                async for data in take:
                    with trio.move_on_after(self._limits.send) as scope:
                        await stream.send_all(data)
                    if scope.cancelled_caught:
                        why = f"took in nothing for {self._limits.send:g} s"
                        break
                    del data
            except ConnectionLost as error:
                why = f"hung up: {error}"
            nursery.cancel_scope.cancel()
        return why

    async def _make_messages(self, put: trio.MemorySendChannel[bytes]) -> None:
        async with put:
            while await self._news():
                messages = await self._next()
                if messages:
                    await put.send(bitswap.encode(*messages))
                del messages

    async def _news(self) -> bool:
        """Wait until there is something to send; return False if there was nothing for long."""
        while not self.has_news:
            with trio.move_on_after(self._limits.idle) as scope:
                await self._bell.wait()
            if scope.cancelled_caught and not self.asked:
                return self.has_news
        return True

    async def _next(self) -> list[BitswapMessage]:
        ours = self.asked.take_news()
        messages = [BitswapMessage(wants=ours)] if ours else []
        if not self.wants.ready:
            return messages
        wants = self.wants.first()
        answers = await self._offload.run(look_up, self._blocks, wants, self._limits.batch)
        self.wants.settle(answers, trio.current_time())
        if answers.presences:
            messages.append(BitswapMessage(presences=answers.presences))
        return messages + [BitswapMessage(blocks=group) for group in _groups(answers.blocks)]


def _groups(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Put small blocks together; see `_MESSAGE_SIZE`."""
    group: list[Block] = []
    for block in blocks:
        group.append(block)
        if sum(len(each.data) for each in group) >= _MESSAGE_SIZE:
            yield group
            group = []
    if group:
        yield group
