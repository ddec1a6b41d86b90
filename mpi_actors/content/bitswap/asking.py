"""Whom of us waits for which blocks of one peer."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence

import attrs
import trio

from ...errors import ProviderFailed
from ...ids import PeerId
from ..formats import bitswap
from ..formats.bitswap import Presence, Want
from ..formats.cid import Cid

_MAX_EXCUSED = 4096
"""So many blocks may still come, of those that we asked for and then no longer wanted."""
_TRICKLE_STALLS = 6
"""A peer that sends something all the time has so many times the patience for one block."""


@attrs.frozen
class BlockReceived:
    """A block that was asked for; its hash has been checked."""

    cid: Cid
    data: bytes | memoryview


@attrs.frozen
class BlockAbsent:
    """The peer says that it does not have that block."""

    cid: Cid


class Provider:
    """One peer, asked for blocks; made by `Exchange.ask`. One task may use it."""

    def __init__(self, table: AskTable, stall: float) -> None:
        self._table = table
        self._stall = stall
        self._outstanding: dict[Cid, None] = {}
        self._answers: list[BlockReceived | BlockAbsent] = []
        self._held = 0
        self._bell = trio.Event()
        self._failure: str | None = None

    @property
    def peer(self) -> PeerId:
        """Who is asked."""
        return self._table.peer

    @property
    def wanted(self) -> Collection[Cid]:
        """The blocks that were asked for and have neither come nor been refused."""
        return self._outstanding.keys()

    @property
    def outstanding(self) -> int:
        """How many they are."""
        return len(self._outstanding)

    @property
    def finished(self) -> bool:
        """Whether everything that was asked for has come or been refused, and been received."""
        return not (self._outstanding or self._answers)

    def want(self, cids: Iterable[Cid]) -> None:
        """Ask for blocks, in that order. Ask for many at a time, and for more before they have come."""
        new = [cid for cid in dict.fromkeys(cids) if cid not in self._outstanding]
        self._outstanding.update(dict.fromkeys(new))
        if self._failure is None:
            self._table.ask(self, new)

    async def receive(self) -> list[BlockReceived | BlockAbsent]:
        """What has come, at least one; none if nothing is outstanding.

        Raises:
            ProviderFailed: the peer hung up, sends nothing, or sends what nobody asked for.
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
        """A block has come, under each of these names."""
        for cid in cids:
            self._answers.append(BlockReceived(cid, data))
            del self._outstanding[cid]
        self._held += len(data)
        self._ring()

    def refuse(self, cids: Sequence[Cid]) -> None:
        """The peer does not have it."""
        for cid in cids:
            self._answers.append(BlockAbsent(cid))
            del self._outstanding[cid]
        self._ring()

    def fail(self, why: str) -> None:
        """Nothing more comes of that peer."""
        self._failure = self._failure or why
        self._ring()

    def close(self) -> None:
        """Nobody receives any more."""
        self._table.on_provider_closed(self, self._outstanding)
        self._table.release(self._held)
        self._outstanding, self._answers, self._held = {}, [], 0

    def _ring(self) -> None:
        self._bell.set()
        self._bell = trio.Event()


class AskTable:
    """All that is asked of one peer, by whom, and what is still to be said to it.

    `speak` is called whenever there is something to say.
    Blocks are told apart by their hashes alone: what an identifier says beyond that, the asking side knows.
    """

    def __init__(self, peer: PeerId, speak: Callable[[], None]) -> None:
        self.peer = peer
        self._speak = speak
        self.last_heard = -math.inf
        """When the last byte came."""
        self.unasked = 0
        """Bytes of blocks that came and nobody had asked for."""
        self.held = 0
        """Bytes of blocks that came and nobody has taken yet."""
        self._room = trio.Event()
        self._providers: dict[Provider, None] = {}
        self._wanted: dict[bytes, dict[Provider, list[Cid]]] = {}
        self._to_say: dict[Cid, bool] = {}
        self._excused: dict[bytes, None] = {}

    def __len__(self) -> int:
        return len(self._providers)

    @property
    def has_news(self) -> bool:
        """Whether there is something to say to the peer."""
        return bool(self._to_say)

    @property
    def expects(self) -> bool:
        """Whether any block may come."""
        return bool(self._wanted or self._excused)

    def open(self, stall: float) -> Provider:
        """A new asker."""
        if not self._providers:
            self.unasked = 0
        provider = Provider(self, stall)
        self._providers[provider] = None
        return provider

    def ask(self, provider: Provider, cids: Sequence[Cid]) -> None:
        """Ask for blocks, on behalf of `provider`."""
        for cid in cids:
            askers = self._wanted.setdefault(cid.digest, {})
            if not askers:
                self._to_say.pop(cid, None)  # so that it goes to the end
                self._to_say[cid] = False
            askers.setdefault(provider, []).append(cid)
        if cids:
            self._speak()

    def take_news(self) -> tuple[Want, ...]:
        """What is to be said to the peer; it counts as said."""
        news, self._to_say = self._to_say, {}
        new = [cid for cid, cancel in news.items() if not cancel]
        over = [cid for cid, cancel in news.items() if cancel]
        return bitswap.asking(over, cancel=True) + bitswap.asking(new)

    def on_block(self, digest: bytes, data: bytes | memoryview) -> None:
        """A block has come."""
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
        """The peer says whether it has a block."""
        if presence.have or not isinstance(presence.cid, Cid):
            return
        askers = self._wanted.pop(presence.cid.digest, None)
        if askers is None:
            return
        # some keep in mind what they could not send, and send it when they can
        self._retract(presence.cid)
        for provider, cids in askers.items():
            provider.refuse(cids)

    def on_provider_closed(self, provider: Provider, outstanding: Iterable[Cid]) -> None:
        """That asker is gone, and nobody takes what it had asked for."""
        self._providers.pop(provider, None)
        for cid in outstanding:
            askers = self._wanted.get(cid.digest, {})
            askers.pop(provider, None)
            if not askers and self._wanted.pop(cid.digest, None) is not None:
                self._retract(cid)

    def release(self, size: int) -> None:
        """So many bytes of what came have been taken."""
        self.held -= size
        self._room.set()
        self._room = trio.Event()

    async def room(self, most: int) -> None:
        """Wait until at most so many bytes are waiting to be taken."""
        while self.held > most:
            await self._room.wait()

    def fail(self, why: str) -> None:
        """Those who ask now get nothing more of that peer; it is told so."""
        for provider in self._providers:
            provider.fail(why)
        wanted, self._wanted = self._wanted, {}
        for askers in wanted.values():
            self._retract(next(iter(askers.values()))[0])

    def on_peer_lost(self, why: str) -> None:
        """The peer has gone: nothing more comes, and nothing can be said."""
        self.fail(why)
        self._to_say.clear()
        self._excused.clear()

    def _retract(self, cid: Cid) -> None:
        if self._to_say.pop(cid, True):  # it has been said that we want it
            self._to_say[cid] = True
            self._excused[cid.digest] = None
            if len(self._excused) > _MAX_EXCUSED:
                del self._excused[next(iter(self._excused))]
            self._speak()
