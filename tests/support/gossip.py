"""A program in which every rank makes choices, and tells others of all choices that it depends on.

Each choice is four bytes that occur once. A rank that is started again repeats what it has recorded, and goes
on from there. If it then chooses otherwise than others have heard, sooner or later two histories meet.
"""

from __future__ import annotations

import os
import pickle
import random
import struct
from contextlib import closing, suppress

import attrs
import trio
from choice_world import SIZE, Needs, Orphan, depend
from mpi_puppets import PuppetRank

from mpi_actors.replay.page import Page
from mpi_actors.wire.channel import ChannelKind

_HEAD = struct.Struct("<I")
_PAUSE = 0.02
"""The longest time between two acts of a rank, in seconds."""


@attrs.define
class GossipRank:
    """What is known of a rank, over all its incarnations."""

    history: dict[bytes, Needs] = attrs.field(factory=lambda: {b"": {}})
    """After each choice: what the rank depended on."""
    stream: bytes = b""
    """What the newest incarnation has chosen."""
    needs: Needs = attrs.field(factory=dict)
    """What it depends on."""
    incarnation: int = -1
    repeated: list[int] = attrs.field(factory=list)
    """The number of choices that each incarnation got."""


class Gossip:
    """The program, and the truth about all its ranks.

    Args:
        ranks: how many there are.
        seed: of what they do.
        seconds: for how long they live.
        burst: how many choices a rank makes at once.
    """

    def __init__(self, ranks: int, seed: int, seconds: float, burst: int = 1) -> None:
        self.ranks = [GossipRank() for _ in range(ranks)]
        self.heard = 0
        """Messages that have come."""
        self.wrong: list[str] = []
        """What must not be."""
        self._dice = random.Random(seed)
        self._tokens = 0
        self._seconds = seconds
        self._burst = burst
        self._ends = trio.current_time() + seconds

    async def __call__(self, rank: PuppetRank) -> None:
        """Run one incarnation of a rank."""
        assert rank.order.page is not None
        with closing(Page.open(os.dup(rank.order.page.fd))) as page:
            life = _Life(self, rank, page)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(life.listen, nursery)
                await life.act(max(self._ends, trio.current_time() + 0.5))
                await rank.say(ChannelKind.ENDED)
                await trio.sleep_forever()

    def choose(self) -> bytes:
        """Return choices that nobody has made."""
        first = self._tokens
        self._tokens += self._burst
        return b"".join(number.to_bytes(SIZE) for number in range(first, self._tokens))

    def roll(self) -> float:
        """Return a number from 0 to 1."""
        return self._dice.random()

    def check(self) -> None:
        """No rank depends on a choice that its maker has not repeated."""
        assert not self.wrong, self.wrong[0]
        for rank in self.ranks:
            for number, stream in rank.needs.items():
                other = self.ranks[number].stream
                assert other.startswith(stream), f"a choice of rank {number} is lost"


class _Life:
    """One incarnation."""

    def __init__(self, gossip: Gossip, rank: PuppetRank, page: Page) -> None:
        self._gossip = gossip
        self._rank = rank
        self._page = page
        self._lanes: dict[int, trio.SocketStream] = {}
        self._wanted: set[int] = set()
        self.truth = gossip.ranks[rank.rank]
        self.stream = page.read()
        self.needs = dict(self.truth.history[self.stream])
        assert self.stream == rank.order.choices
        self.truth.repeated.append(len(self.stream) // SIZE // gossip._burst)
        self._publish()

    def _publish(self) -> None:
        """Tell the truth of this incarnation, unless a newer one has begun."""
        if self._rank.order.incarnation >= self.truth.incarnation:
            self.truth.incarnation = self._rank.order.incarnation
            self.truth.stream, self.truth.needs = self.stream, self.needs

    async def listen(self, nursery: trio.Nursery) -> None:
        """Take lanes."""
        rank = self._rank
        while True:
            await rank._read()
            for other in tuple(rank._lanes):
                self._wanted.discard(other)
                self._lanes[other] = lane = rank._lanes.pop(other)
                nursery.start_soon(self._hear, lane)

    async def _hear(self, lane: trio.SocketStream) -> None:
        data = bytearray()
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while piece := await lane.receive_some(65536):
                data += piece
                while len(data) >= _HEAD.size:
                    end = _HEAD.size + _HEAD.unpack_from(data)[0]
                    if len(data) < end:
                        break
                    brings: Needs = pickle.loads(data[_HEAD.size : end])
                    del data[:end]
                    self._take(brings)

    def _take(self, brings: Needs) -> None:
        self._gossip.heard += 1
        if not self.stream.startswith(brings.pop(self._rank.rank, b"")):
            self._gossip.wrong.append(f"{self._rank.order} hears of a choice that it did not make")
            return
        try:
            depend(self.needs, brings)
        except Orphan as error:
            self._gossip.wrong.append(f"{self._rank.order} hears of {error}")

    async def act(self, until: float) -> None:
        """Choose and tell."""
        gossip, size = self._gossip, self._rank.order.size
        while trio.current_time() < until:
            await trio.sleep(gossip.roll() * _PAUSE)
            if gossip.roll() < 0.4:
                token = gossip.choose()
                self._page.append(token)
                self.stream += token
                self.truth.history[self.stream] = dict(self.needs)
                self._publish()
                continue
            other = int(gossip.roll() * size)
            if other != self._rank.rank:
                await self._tell(other)

    async def _tell(self, other: int) -> None:
        lane = self._lanes.get(other)
        if lane is None:
            if other not in self._wanted:
                self._wanted.add(other)
                await self._rank.say(ChannelKind.WANT, other)
            return
        message = pickle.dumps({**self.needs, self._rank.rank: self.stream})
        try:
            with trio.move_on_after(1) as timeout:
                await lane.send_all(_HEAD.pack(len(message)) + message)
            broken = timeout.cancelled_caught
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            broken = True
        if broken:
            lane.socket.close()
            if self._lanes.get(other) is lane:
                del self._lanes[other]
