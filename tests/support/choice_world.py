"""Peers, ranks and links as plain values, which know of choices what `replay.streams` and `replay.holder`
know.

Everything that travels waits until the test has it delivered, so the test decides what is late and what is
lost. Each choice is four bytes that occur once. A message carries, of each rank, the beginning of the stream
that its sender depends on. A rank that depends on a choice that its maker, started again, does not repeat is
an orphan.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Callable, Iterable

import attrs

from mpi_actors.replay.holder import ChoiceHolder
from mpi_actors.replay.streams import ChoiceBatches, ChoiceStreams
from mpi_actors.wire.choices import ChoicePiece, decode_pieces, encode_pieces

HOME = 0
"""The peer of the coordinator, which is never lost."""
SIZE = 4
"""Bytes of a choice."""

Needs = dict[int, bytes]
"""By rank, the beginning of its stream that somebody depends on."""


class Orphan(AssertionError):
    """A rank depends on a choice that is lost."""


@attrs.define
class RankModel:
    """A rank: where it runs, what it has chosen, and what it depends on."""

    number: int
    peer: int
    incarnation: int = 0
    alive: bool = True
    page: bytearray = attrs.field(factory=bytearray)
    """Its own stream, in memory that its peer keeps."""
    needs: Needs = attrs.field(factory=dict)
    history: list[tuple[int, Needs]] = attrs.field(factory=lambda: [(0, {})])
    """After each choice: its position, and what the rank depended on."""

    def choose(self, token: bytes) -> None:
        self.page += token
        self.history.append((len(self.page), dict(self.needs)))

    def repeat(self, stream: bytes) -> None:
        """Run again from the beginning with these choices."""
        self.page = bytearray(stream)
        self.history = [entry for entry in self.history if entry[0] <= len(stream)]
        assert self.history[-1][0] == len(stream), "a choice was cut"
        self.needs = dict(self.history[-1][1])


def depend(needs: Needs, others: Needs) -> None:
    """Add what a message brings."""
    for rank, stream in others.items():
        mine = needs.get(rank, b"")
        shorter = min(len(mine), len(stream))
        if mine[:shorter] != stream[:shorter]:
            raise Orphan(f"two histories of rank {rank}")
        if len(stream) > len(mine):
            needs[rank] = stream


@attrs.frozen
class Bytes:
    """Bytes of a rank for another."""

    source: int
    source_incarnation: int
    target: int
    target_incarnation: int
    needs: Needs


@attrs.frozen
class Answer:
    """The sender has told everything that it knew at that round."""

    round: int


@attrs.frozen
class Pieces:
    """The payload of a CHOICES frame."""

    payload: bytes
    more: bool


Item = Pieces | Bytes | Answer
"""What travels on a link."""


@attrs.define
class PeerModel:
    """A peer: which places it knows, and what it knows of choices."""

    number: int
    streams: ChoiceStreams = attrs.field(factory=ChoiceStreams)
    places: dict[int, tuple[int, int]] = attrs.field(factory=dict)
    """By rank: incarnation and peer."""
    fenced: set[tuple[int, int]] = attrs.field(factory=set)
    batches: ChoiceBatches = attrs.field(factory=ChoiceBatches)
    read: dict[int, int] = attrs.field(factory=dict)
    """By rank here: the position up to which its page was read."""


class World:
    """One job.

    Args:
        peers: how many peers there are, the home among them.
        ranks: the peer of each rank.
        most: bytes that one CHOICES frame carries.
    """

    holder_class: type[ChoiceHolder] = ChoiceHolder

    def __init__(self, peers: int, ranks: Iterable[int], most: int = 1000) -> None:
        self.ranks = [RankModel(number, peer) for number, peer in enumerate(ranks)]
        self.holder = self.holder_class()
        self.peers = [PeerModel(number) for number in range(peers)]
        self.most = most
        self.links: dict[tuple[int, int], deque[Item]] = {}
        self.orders: dict[int, deque[Callable[[PeerModel], None]]] = {n: deque() for n in range(peers)}
        """Control messages of the coordinator to each peer, in order."""
        self.out: set[int] = set()
        """Peers that have crashed or were dropped, as the coordinator knows."""
        self.crashed: set[int] = set()
        """Peers that have crashed, before the coordinator knows."""
        self.exits: dict[int, tuple[int, int]] = {}
        """Ranks whose process died on a living peer: incarnation, and position of the page's end."""
        self.round = 0
        self.waiting: set[int] = set()
        self.lost: set[int] = set()
        """Ranks that wait for the end of a gathering."""
        self._tokens = 0
        for peer in self.peers:
            self._enter(peer)

    # --- what ranks do ------------------------------------------------------------------------------------

    def choose(self, rank: int) -> None:
        """A rank makes a choice."""
        actor = self.ranks[rank]
        if actor.alive:
            self._tokens += 1
            actor.choose(self._tokens.to_bytes(SIZE))

    def send(self, source: int, target: int) -> None:
        """A rank sends a message; by way of the daemons if the other rank is on another peer."""
        actor, other = self.ranks[source], self.ranks[target]
        if not actor.alive:
            return
        brings = {**actor.needs, source: bytes(actor.page)}
        if actor.peer == other.peer:
            if other.alive:
                self._take(other, brings)
            return
        peer = self.peers[actor.peer]
        incarnation, to = peer.places.get(target, (-1, -1))
        if to in (-1, actor.peer) or (target, incarnation) in peer.fenced:
            return
        self.tell(peer, to)
        self.put(peer.number, to, Bytes(source, actor.incarnation, target, incarnation, brings))

    # --- what peers do ------------------------------------------------------------------------------------

    def tell(self, peer: PeerModel, to: int) -> None:
        """Send all news of choices on a link."""
        self.read_pages(peer)
        if peer.number == HOME:
            return  # what is known there is stable
        while pieces := self.news(peer, to):
            self.put(peer.number, to, Pieces(encode_pieces(pieces), peer.streams.has_news(to)))

    def news(self, peer: PeerModel, to: int) -> list[ChoicePiece]:
        """What goes ahead of bytes; broken variants change this."""
        return peer.streams.news(to, self.most)

    def put(self, near: int, far: int, item: Item) -> None:
        """An item leaves a peer; broken variants change it."""
        if far not in self.crashed and near not in self.crashed:
            self.links.setdefault((near, far), deque()).append(item)

    def report(self, number: int) -> None:
        """A peer tells the holder its news, as it does every few milliseconds."""
        if number not in self.crashed:
            self.tell(self.peers[number], HOME)

    def read_pages(self, peer: PeerModel) -> None:
        """Read what the ranks of a peer have recorded."""
        for rank in self.ranks:
            if rank.peer == peer.number and rank.number in peer.read:
                new = bytes(rank.page[peer.read[rank.number] :])
                peer.read[rank.number] = len(rank.page)
                if peer.number == HOME:
                    if new:
                        position = len(rank.page) - len(new)
                        assert self.holder.take(ChoicePiece(rank.number, rank.incarnation, 0, position, new))
                else:
                    peer.streams.record(rank.number, rank.incarnation, new)

    def deliver(self, near: int, far: int) -> None:
        """The oldest item on a link arrives."""
        link = self.links.get((near, far))
        if not link:
            return
        item, peer = link.popleft(), self.peers[far]
        match item:
            case Bytes():
                self._on_bytes(peer, item)
            case Answer(round):
                self._on_answer(near, round)
            case Pieces(payload, more):
                pieces = peer.batches.add(near, decode_pieces(payload), more=more)
                if far == HOME:
                    self._hold(near, pieces)
                for piece in () if far == HOME else pieces:
                    peer.streams.learn(piece)

    def obey(self, number: int) -> None:
        """A peer takes the coordinator's next order."""
        if self.orders[number] and number not in self.crashed:
            self.orders[number].popleft()(self.peers[number])

    # --- losses -------------------------------------------------------------------------------------------

    def kill(self, rank: int) -> None:
        """The process of a rank dies; its peer tells the coordinator how far its page goes."""
        actor = self.ranks[rank]
        if actor.alive:
            actor.alive = False
            if actor.peer == HOME:
                self.read_pages(self.peers[HOME])
            if rank not in self.lost:
                self.exits[rank] = (actor.incarnation, len(actor.page))
                self._take_exits()

    def crash(self, numbers: Iterable[int]) -> None:
        """Peers die at once, with their ranks and what is on their links."""
        for number in numbers:
            if number != HOME and number not in self.out | self.crashed:
                self.crashed.add(number)
                for rank in self.ranks:
                    if rank.peer == number:
                        rank.alive = False
                for ends in tuple(self.links):
                    # what has left a peer may still be on its way to the others; the other way all is lost
                    if ends[1] == number:
                        del self.links[ends]

    def notice(self, number: int) -> None:
        """The coordinator notices that a peer is gone, or gives it up although it lives."""
        if number == HOME or number in self.out:
            return
        self.out.add(number)
        lost = [rank for rank in self.ranks if rank.peer == number]
        if number in self.crashed:
            self.orders[number].clear()
        else:
            self.orders[number].append(self._leave)
        for rank in lost:
            self.exits.pop(rank.number, None)
            self.lost.add(rank.number)
        self._seal()

    def come_back(self, number: int) -> None:
        """A peer that was lost takes part again, and knows nothing."""
        if number in self.out and not self.orders[number]:
            self.links = {ends: items for ends, items in self.links.items() if number not in ends}
            for peer in self.peers:
                peer.streams.forget_sent(number)
                peer.batches.forget(number)
            self.out.discard(number)
            self.crashed.discard(number)
            self._enter(self.peers[number])

    def settle(self) -> None:
        """Deliver everything, and finish all recoveries."""
        for number in tuple(self.crashed):
            self.notice(number)
        moving = True
        while moving:
            moving = False
            for number in self.orders:
                while self.orders[number] and number not in self.crashed:
                    self.obey(number)
                    moving = True
            for near, far in tuple(self.links):
                while self.links.get((near, far)):
                    self.deliver(near, far)
                    moving = True
            for number in range(1, len(self.peers)):
                if number not in self.out:
                    self.read_pages(self.peers[number])
                    moving |= self.peers[number].streams.has_news(HOME)
                    self.report(number)
        assert not self.lost
        assert not self.exits
        self.check()

    def check(self) -> None:
        """No rank depends on a choice that was not repeated."""
        running = [rank for rank in self.ranks if rank.alive]
        for rank in running:
            for other in running:
                if not other.page.startswith(rank.needs.get(other.number, b"")):
                    raise Orphan(f"rank {rank.number} depends on a lost choice of rank {other.number}")

    # --- inside -------------------------------------------------------------------------------------------

    def _enter(self, peer: PeerModel) -> None:
        """A peer takes part with the ranks that it has."""
        peer.streams, peer.batches, peer.fenced, peer.read = ChoiceStreams(), ChoiceBatches(), set(), {}
        peer.places = {rank.number: (rank.incarnation, rank.peer) for rank in self.ranks if rank.alive}
        for rank in self.ranks:
            if rank.alive and rank.peer == peer.number:
                peer.read[rank.number] = 0
                peer.streams.begin(rank.number, rank.incarnation)

    def _leave(self, peer: PeerModel) -> None:
        """A peer that was given up hears it: it ends its ranks and forgets the job."""
        for rank in self.ranks:
            if rank.peer == peer.number and rank.number in peer.read:
                rank.alive = False
        peer.streams, peer.read, peer.places = ChoiceStreams(), {}, {}
        self.crashed.add(peer.number)

    def _take(self, rank: RankModel, brings: Needs) -> None:
        own = brings.get(rank.number, b"")
        if not rank.page.startswith(own):
            raise Orphan(f"rank {rank.number} hears of a choice that it did not make")
        depend(rank.needs, {number: stream for number, stream in brings.items() if number != rank.number})

    def _on_bytes(self, peer: PeerModel, item: Bytes) -> None:
        known = peer.places.get(item.source, (-1, -1))[0]
        fenced = (item.source, item.source_incarnation) in peer.fenced
        rank = self.ranks[item.target]
        here = rank.peer == peer.number and rank.alive and rank.incarnation == item.target_incarnation
        if known == item.source_incarnation and not fenced and here:
            self._take(rank, item.needs)

    def _hold(self, sender: int, pieces: list[ChoicePiece]) -> None:
        for piece in pieces:
            assert self.holder.take(piece), "the holder misses something"
        for rank in {piece.rank for piece in pieces}:
            self.orders[sender].append(functools.partial(_on_stable, rank, *self.holder.position(rank)))
        self._take_exits()

    def _take_exits(self) -> None:
        for number, (incarnation, end) in tuple(self.exits.items()):
            if self.holder.position(number) >= (incarnation, end):
                del self.exits[number]
                self._start(self.ranks[number])

    def _seal(self) -> None:
        """Begin a new round of the gathering."""
        self.round += 1
        fenced = {(number, self.ranks[number].incarnation) for number in self.lost}
        live = [peer.number for peer in self.peers if peer.number not in self.out]
        self.waiting = set(live)
        for number in live:
            self.orders[number].append(functools.partial(self.answer, fenced, self.round))

    def answer(self, fenced: set[tuple[int, int]], round: int, peer: PeerModel) -> None:
        """A peer fences ranks, and tells what it knows."""
        peer.fenced |= fenced
        if peer.number == HOME:
            self._on_answer(HOME, round)
        else:
            self.tell(peer, HOME)
            self.put(peer.number, HOME, Answer(round))

    def _on_answer(self, sender: int, round: int) -> None:
        if round == self.round and sender in self.waiting:
            self.waiting.discard(sender)
            if not self.waiting:
                for number in sorted(self.lost):
                    self._start(self.ranks[number])
                self.lost.clear()
                self.check()

    def _start(self, rank: RankModel) -> None:
        """Start the next incarnation, on the next peer that lives."""
        candidates = [n for n in range(len(self.peers)) if n not in self.out | self.crashed]
        peer = next((n for n in candidates if n > rank.peer), candidates[0])
        rank.incarnation += 1
        rank.repeat(self.holder.begin(rank.number, rank.incarnation))
        rank.peer, rank.alive = peer, True
        incarnation, position = rank.incarnation, len(rank.page)

        def placed(host: PeerModel) -> None:
            if host.places.get(rank.number, (-1, -1))[0] < incarnation:
                host.places[rank.number] = (incarnation, peer)
            host.streams.begin(rank.number, incarnation)
            host.streams.forget_sent(peer)

        host = self.peers[peer]
        placed(host)
        host.read[rank.number] = position
        host.streams.begin(rank.number, incarnation, position)
        for number in candidates:
            if number != peer:
                self.orders[number].append(placed)


def _on_stable(rank: int, incarnation: int, position: int, peer: PeerModel) -> None:
    peer.streams.begin(rank, incarnation, position)
