"""No rank ever depends on a choice that is lost, whatever is late and whoever dies; and each rule is
needed."""

from __future__ import annotations

import os
import random
from collections.abc import Callable

import pytest
from choice_world import HOME, Item, Orphan, PeerModel, Pieces, World
from hypothesis import given, settings
from hypothesis import strategies as st

from mpi_actors.errors import BadFrame, ConflictingChoices
from mpi_actors.replay.holder import ChoiceHolder
from mpi_actors.replay.streams import ChoiceStreams
from mpi_actors.wire.choices import ChoicePiece, decode_pieces, encode_pieces

CASES = int(os.environ.get("MPI_ACTORS_CASES", "500"))


def act(world: World, dice: random.Random, steps: int) -> None:
    """Let the world live for a while, with losses."""
    peers, ranks = range(len(world.peers)), range(len(world.ranks))
    for _ in range(steps):
        match dice.random():
            case x if x < 0.20:
                world.choose(dice.choice(ranks))
            case x if x < 0.45:
                world.send(*dice.sample(ranks, 2))
            case x if x < 0.70 and any(world.links.values()):
                world.deliver(*dice.choice([ends for ends, items in world.links.items() if items]))
            case x if x < 0.75:
                world.report(dice.choice(peers))
            case x if x < 0.90:
                world.obey(dice.choice(peers))
            case x if x < 0.93:
                world.kill(dice.choice(ranks))
            case x if x < 0.95:
                world.crash(dice.sample(peers, min(dice.choice((1, 1, 2, 3)), len(peers))))
            case x if x < 0.975 and world.crashed - world.out:
                world.notice(dice.choice(sorted(world.crashed - world.out)))
            case x if x < 0.98:
                world.notice(dice.choice(peers))
            case _:
                for number in sorted(world.out):
                    world.come_back(number)


@given(
    st.integers(0, 2**32),
    st.integers(2, 5),
    st.lists(st.integers(0, 100), min_size=2, max_size=8),
    st.sampled_from([40, 1000]),
)
@settings(max_examples=CASES)
def test_nobody_becomes_an_orphan(seed: int, peers: int, ranks: list[int], most: int) -> None:
    """Late and lost pieces, dead processes, up to three dead peers at once, losses during a recovery."""
    world = World(peers, [rank % peers for rank in ranks], most)
    act(world, random.Random(seed), 200)
    world.settle()


# --- each rule is needed ----------------------------------------------------------------------------------


class TellsItsOwnOnly(World):
    """A peer sends ahead only what the sender of the message has chosen."""

    sender: int | None = None

    def send(self, source: int, target: int) -> None:
        self.sender = source
        super().send(source, target)
        self.sender = None

    def news(self, peer: PeerModel, to: int) -> list[ChoicePiece]:
        pieces = super().news(peer, to)
        return [piece for piece in pieces if self.sender in (None, piece.rank)]


class TellsItsRanksOnly(World):
    """A peer sends ahead only what its ranks have chosen, not what it has learned."""

    def news(self, peer: PeerModel, to: int) -> list[ChoicePiece]:
        return [piece for piece in super().news(peer, to) if to == HOME or piece.rank in peer.read]


class ReportsItsRanksOnly(World):
    """A peer tells the holder only what its ranks have chosen, not what it has learned."""

    def news(self, peer: PeerModel, to: int) -> list[ChoicePiece]:
        return [piece for piece in super().news(peer, to) if to != HOME or piece.rank in peer.read]


class GathersOfTheDeadOnly(World):
    """At a recovery, peers tell only what they know of the lost ranks."""

    lost_ranks: set[int] | None = None

    def answer(self, fenced: set[tuple[int, int]], round: int, peer: PeerModel) -> None:
        self.lost_ranks = {rank for rank, _ in fenced}
        super().answer(fenced, round, peer)
        self.lost_ranks = None

    def news(self, peer: PeerModel, to: int) -> list[ChoicePiece]:
        pieces = super().news(peer, to)
        return [piece for piece in pieces if self.lost_ranks is None or piece.rank in self.lost_ranks]


class FencesNobody(World):
    """At a recovery, peers go on taking what comes from lost ranks."""

    def answer(self, fenced: set[tuple[int, int]], round: int, peer: PeerModel) -> None:
        super().answer(set(), round, peer)


class TakesHalfABatch(World):
    """Pieces count as soon as they come."""

    def put(self, near: int, far: int, item: Item) -> None:
        super().put(near, far, Pieces(item.payload, more=False) if isinstance(item, Pieces) else item)


@pytest.mark.parametrize(
    "broken",
    [
        TellsItsOwnOnly,
        TellsItsRanksOnly,
        ReportsItsRanksOnly,
        GathersOfTheDeadOnly,
        FencesNobody,
        TakesHalfABatch,
    ],
)
def test_each_rule_is_needed(broken: type[World]) -> None:
    """Without it, a few hundred lives make an orphan: so the test above would notice."""
    for seed in range(5000):
        dice = random.Random(seed)
        peers = dice.randint(2, 5)
        world = broken(
            peers, [dice.randrange(peers) for _ in range(dice.randint(2, 8))], dice.choice((40, 1000))
        )
        try:
            act(world, dice, 200)
            world.settle()
        except Orphan:
            return
        except AssertionError:
            continue  # the rule is broken so badly that the model stops
    raise AssertionError("no orphan")


# --- the parts --------------------------------------------------------------------------------------------


def piece(offset: int, data: bytes, *, stable: int = 0, incarnation: int = 0, rank: int = 3) -> ChoicePiece:
    return ChoicePiece(rank, incarnation, stable, offset, data)


def test_news_come_once_and_again_after_a_lost_link() -> None:
    """What a peer got is not sent twice, and everything that is not stable is sent again on a new link."""
    streams = ChoiceStreams()
    streams.begin(3, 0)
    assert not streams.has_news("ann")
    streams.record(3, 0, b"abc")
    assert streams.has_news("ann")
    assert streams.news("ann", 100) == [piece(0, b"abc")]
    assert not streams.has_news("ann")
    streams.record(3, 0, b"de")
    assert streams.news("ann", 100) == [piece(3, b"de")]
    assert streams.news("bob", 100) == [piece(0, b"abcde")]
    streams.begin(3, 0, stable=2)
    streams.forget_sent("ann")
    assert streams.news("ann", 100) == [piece(2, b"cde", stable=2)]
    assert streams.unstable == 3
    assert dict(streams.backlog()) == {3: 3}


def test_news_are_cut_to_what_fits() -> None:
    """A batch of several frames ends when there are no news any more."""
    streams = ChoiceStreams()
    for rank in (1, 2):
        streams.begin(rank, 0)
        streams.record(rank, 0, b"12345678")
    got = []
    while streams.has_news("ann"):
        got += streams.news("ann", 34)
    assert b"".join(p.data for p in got) == b"12345678" * 2
    assert max(len(p.data) for p in got) < 8


def test_a_new_incarnation_makes_older_news_void() -> None:
    """What is known of the old one is forgotten, whoever tells of the new one first."""
    streams = ChoiceStreams()
    assert streams.learn(piece(0, b"abc"))
    assert streams.learn(piece(2, b"xy", stable=2, incarnation=1))
    assert streams.unstable == 2
    assert streams.learn(piece(3, b"old"))
    streams.record(3, 0, b"old")
    assert streams.news("ann", 100) == [piece(2, b"xy", stable=2, incarnation=1)]
    streams.begin(3, 2, stable=9)
    assert not streams.unstable
    assert streams.position(3) == 9
    assert streams.position(4) == 0


def test_a_gap_and_a_conflict_are_noticed() -> None:
    """Bytes that are missing are not made up, and bytes that differ are an error."""
    streams, holder = ChoiceStreams(), ChoiceHolder()
    learn: list[Callable[[ChoicePiece], bool]] = [streams.learn, holder.take]
    for take in learn:
        assert take(piece(0, b"abc"))
        assert take(piece(1, b"bcd"))
        assert not take(piece(7, b"x"))
        assert take(piece(0, b"ab"))
        with pytest.raises(ConflictingChoices, match="differ between bytes 1 and 3"):
            take(piece(1, b"bx"))
    assert streams.position(3) == 4
    assert holder.position(3) == (0, 4)
    assert holder.begin(3, 1) == b"abcd"
    assert holder.take(piece(4, b"void"))
    assert holder.position(3) == (1, 4)
    assert holder.begin(5, 0) == b""


def test_pieces_as_bytes() -> None:
    """They come back as they were; what is cut short or cannot be is refused."""
    pieces = [piece(7, b"abc", stable=5), piece(2**40, b"d", incarnation=9, rank=4095)]
    payload = encode_pieces(pieces)
    assert decode_pieces(payload) == pieces
    for bad in (
        payload[:-1],
        payload[:20],
        encode_pieces([piece(0, b"")]),
        encode_pieces([piece(0, b"x", rank=4096)]),
    ):
        with pytest.raises(BadFrame):
            decode_pieces(bad)
