"""What our tasks want of one peer, and which of them waits for which block."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence

import attrs
import trio

from ...actors.bell import Bell
from ...errors import ProviderFailed
from ...ids import PeerId
from ..formats import bitswap
from ..formats.bitswap import Presence, Want
from ..formats.cid import Cid

_MAX_EXCUSED = 4096
"""Blocks, of those that we asked for and then cancelled, that a peer may still send without blame: as many
wants as IPFS keeps of a peer, four times over."""
_TRICKLE_STALLS = 6
"""A peer that sends bytes all the time, but no whole block, is given up after this many times `stall`: a slow
line gets more patience than a silent one, but no end of it."""


@attrs.frozen
class BlockReceived:
    """An answer: a block that was asked for. Its hash has been checked."""

    cid: Cid
    data: bytes | memoryview


@attrs.frozen
class BlockAbsent:
    """An answer: the peer says that it does not have the block."""

    cid: Cid


class Provider:
    """One peer that is asked for blocks; `Exchange.ask` makes it. Only one task may use it."""

    def __init__(self, table: AskTable, stall: float) -> None:
        self._table = table
        self._stall = stall
        self._outstanding: dict[Cid, None] = {}
        self._answers: list[BlockReceived | BlockAbsent] = []
        self._held = 0
        self._bell = Bell()
        self._failure: str | None = None

    @property
    def peer(self) -> PeerId:
        """The peer that is asked."""
        return self._table.peer

    @property
    def wanted(self) -> Collection[Cid]:
        """The blocks that were asked for and are not answered."""
        return self._outstanding.keys()

    @property
    def outstanding(self) -> int:
        """How many blocks were asked for and are not answered."""
        return len(self._outstanding)

    @property
    def finished(self) -> bool:
        """Whether everything that was asked for has been answered, and `receive` has returned it."""
        return not (self._outstanding or self._answers)

    def want(self, cids: Iterable[Cid]) -> None:
        """Ask for blocks, in that order.

        Ask for many at a time, and for more before the last ones have come: then the peer never waits.
        """
        new = [cid for cid in dict.fromkeys(cids) if cid not in self._outstanding]
        self._outstanding.update(dict.fromkeys(new))
        if self._failure is None:
            self._table.ask(self, new)

    async def receive(self) -> list[BlockReceived | BlockAbsent]:
        """Wait for answers and return them: at least one, or none if nothing is outstanding.

        Raises:
            ProviderFailed: the peer hung up, sends nothing, or sends blocks that nobody asked for.
        """
        await trio.lowlevel.checkpoint()
        start = trio.current_time()
        while not self._answers:
            if self._failure is not None:
                raise ProviderFailed(f"{self.peer} {self._failure}")
            if not self._outstanding:
                return []
            until = min(
                max(start, self._table.last_heard) + self._stall, start + _TRICKLE_STALLS * self._stall
            )
            if trio.current_time() >= until:
                raise ProviderFailed(f"{self.peer} sent no block for {self._stall:g} s")
            with trio.move_on_at(until):
                await self._bell.wait()
        answers, self._answers = self._answers, []
        self._table.release(self._held)
        self._held = 0
        return answers

    def deliver(self, cids: Sequence[Cid], data: bytes | memoryview) -> None:
        """Hand over a block that has come, once for each identifier under which it was asked for."""
        for cid in cids:
            self._answers.append(BlockReceived(cid, data))
            del self._outstanding[cid]
        self._held += len(data)
        self._bell.ring()

    def refuse(self, cids: Sequence[Cid]) -> None:
        """Hand over that the peer does not have a block, once for each identifier."""
        for cid in cids:
            self._answers.append(BlockAbsent(cid))
            del self._outstanding[cid]
        self._bell.ring()

    def fail(self, why: str) -> None:
        """Let `receive` raise ProviderFailed once it has returned what has come.

        `why` follows the peer's name in the text of the error.
        """
        self._failure = self._failure or why
        self._bell.ring()

    def close(self) -> None:
        """Drop what has come, and cancel what is outstanding."""
        self._table.on_provider_closed(self, self._outstanding)
        self._table.release(self._held)
        self._outstanding, self._answers, self._held = {}, [], 0


class AskTable:
    """All that our tasks ask of one peer, and what is still to be sent to it.

    Blocks are told apart by their hashes alone: bitswap sends no more than a hash with a block.

    Args:
        peer: the peer.
        speak: is called whenever there is something to send to it.
    """

    def __init__(self, peer: PeerId, speak: Callable[[], None]) -> None:
        self.peer = peer
        self._speak = speak
        self.last_heard = -math.inf
        """When the peer's last bytes came, on trio's clock; minus infinity if none came."""
        self.unasked = 0
        """Bytes of blocks that the peer sent without being asked."""
        self.held = 0
        """Bytes of blocks that have come and that no task has received."""
        self._released = Bell()
        self._providers: dict[Provider, None] = {}
        self._wanted: dict[bytes, dict[Provider, list[Cid]]] = {}
        self._to_say: dict[Cid, bool] = {}
        self._excused: dict[bytes, None] = {}

    def __len__(self) -> int:
        return len(self._providers)

    @property
    def has_news(self) -> bool:
        """Whether there is something to send to the peer."""
        return bool(self._to_say)

    @property
    def expects(self) -> bool:
        """Whether the peer may send any block."""
        return bool(self._wanted or self._excused)

    def open(self, stall: float) -> Provider:
        """Return a new `Provider` of this peer, which is given up after `stall` seconds of silence."""
        if not self._providers:
            self.unasked = 0
        provider = Provider(self, stall)
        self._providers[provider] = None
        return provider

    def ask(self, provider: Provider, cids: Sequence[Cid]) -> None:
        """Ask the peer for blocks on behalf of `provider`."""
        for cid in cids:
            askers = self._wanted.setdefault(cid.digest, {})
            if not askers:
                self._to_say.pop(cid, None)  # so that it goes to the end
                self._to_say[cid] = False
            askers.setdefault(provider, []).append(cid)
        if cids:
            self._speak()

    def take_news(self) -> tuple[Want, ...]:
        """Return the wants and cancellations that are to be sent, and count them as sent."""
        news, self._to_say = self._to_say, {}
        new = [cid for cid, cancel in news.items() if not cancel]
        over = [cid for cid, cancel in news.items() if cancel]
        return bitswap.asking(over, cancel=True) + bitswap.asking(new)

    def on_block(self, digest: bytes, data: bytes | memoryview) -> None:
        """Give a block of the peer's to all who asked for it; count it as unasked if nobody did."""
        askers = self._wanted.pop(digest, None)
        if askers is None:
            if digest in self._excused:
                del self._excused[digest]
            else:
                self.unasked += len(data)
            return
        for provider, cids in askers.items():
            self.held += len(data)
            provider.deliver(cids, data)

    def on_presence(self, presence: Presence) -> None:
        """Tell all who asked for a block that the peer does not have it."""
        if presence.have or not isinstance(presence.cid, Cid):
            return
        askers = self._wanted.pop(presence.cid.digest, None)
        if askers is None:
            return
        # some peers remember the want, and send the block once they have it
        self._retract(presence.cid)
        for provider, cids in askers.items():
            provider.refuse(cids)

    def on_provider_closed(self, provider: Provider, outstanding: Iterable[Cid]) -> None:
        """Cancel what only this provider had asked for."""
        self._providers.pop(provider, None)
        for cid in outstanding:
            askers = self._wanted.get(cid.digest, {})
            askers.pop(provider, None)
            if not askers and self._wanted.pop(cid.digest, None) is not None:
                self._retract(cid)

    def release(self, size: int) -> None:
        """Count `size` bytes of blocks as received by a task."""
        self.held -= size
        self._released.ring()

    async def wait_for_room(self, most: int) -> None:
        """Wait until at most `most` bytes of blocks are held."""
        while self.held > most:
            await self._released.wait()

    def fail(self, why: str) -> None:
        """Fail all providers that are open now, and cancel their wants at the peer."""
        for provider in self._providers:
            provider.fail(why)
        wanted, self._wanted = self._wanted, {}
        for askers in wanted.values():
            self._retract(next(iter(askers.values()))[0])

    def on_peer_lost(self, why: str) -> None:
        """Fail all providers, and forget what was to be sent: the peer cannot be reached."""
        self.fail(why)
        self._to_say.clear()
        self._excused.clear()

    def _retract(self, cid: Cid) -> None:
        if self._to_say.pop(cid, True):  # the want has been sent
            self._to_say[cid] = True
            self._excused[cid.digest] = None
            if len(self._excused) > _MAX_EXCUSED:
                del self._excused[next(iter(self._excused))]
            self._speak()
