"""Recorded choices leave before what depends on them, wait for nobody, and hold bytes up when there are too
many."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import attrs
import pytest
import trio
import trio.testing
from lane_fabric import ANN, BOB, HOME, JOB, Fabric, receive, running_fabric, send_all

from mpi_actors.errors import BadFrame, BadPage, ConflictingChoices, Impostor, MpiActorsError
from mpi_actors.ids import Incarnation, PeerId, Rank
from mpi_actors.lanes.choices import MOST_UNSTABLE, JobChoices
from mpi_actors.lanes.recovered import Delivery, Recovered
from mpi_actors.replay.holder import ChoiceHolder
from mpi_actors.replay.page import HEADER_SIZE, Page
from mpi_actors.wire.choices import ChoicePiece, decode_pieces, encode_pieces
from mpi_actors.wire.fields import LostRank, StreamPosition
from mpi_actors.wire.frame import Frame, FrameKind

LINK: Any = None
"""What a delivery is asked by does not matter to it."""


@attrs.define
class Sink:
    """A coordinator that only holds."""

    holder: ChoiceHolder = attrs.field(factory=ChoiceHolder)
    sealed: list[tuple[PeerId, int]] = attrs.field(factory=list)

    def on_pieces(self, pieces: list[ChoicePiece], sender: PeerId) -> None:
        for piece in pieces:
            assert self.holder.take(piece)

    def on_sealed(self, sender: PeerId, round: int) -> None:
        self.sealed.append((sender, round))

    def position(self, rank: Rank) -> tuple[Incarnation, int]:
        return self.holder.position(rank)


def choices_at(fabric: Fabric, peer: PeerId) -> JobChoices:
    choices = fabric.routers[peer].choices_of(JOB)
    assert choices is not None
    return choices


@contextmanager
def recording(
    fabric: Fabric, rank: int, peer: PeerId, errors: list[MpiActorsError] | None = None
) -> Iterator[Page]:
    """Give a rank a page, and yield the rank's end of it."""
    page = Page.create()
    mine = Page.open(os.dup(page.fd))
    choices_at(fabric, peer).attach(rank, 0, page, 0, (errors if errors is not None else []).append)
    try:
        yield mine
    finally:
        mine.close()
        choices_at(fabric, peer).detach(rank, 0)
        page.close()


def kinds(fabric: Fabric, near: PeerId, far: PeerId) -> list[FrameKind]:
    """What a cable carried, without the credit and the beginnings of tunnels."""
    told = FrameKind.CHOICES, FrameKind.TUNNEL_DATA
    return [frame.kind for frame in fabric.cables[near, far].carried if frame.kind in told]


async def test_choices_go_ahead_of_bytes(autojump_clock: trio.testing.MockClock) -> None:
    """Those of all ranks of the peer, once, and then the same on a new link."""
    async with running_fabric() as fabric:
        fabric.link(ANN, BOB)
        sink = Sink()
        choices_at(fabric, HOME).hold(sink)
        fabric.cables[ANN, HOME].held = True
        one, two = fabric.join(1, ANN), fabric.join(2, BOB)
        with recording(fabric, 1, ANN) as page, recording(fabric, 3, ANN) as other:
            fabric.want(one, 2)
            await trio.sleep(1)
            page.append(b"abc")
            other.append(b"x")
            await send_all(one.lane(2), b"hello")
            assert await receive(two.lane(1)) == b"hello"
            assert kinds(fabric, ANN, BOB) == [FrameKind.CHOICES, FrameKind.TUNNEL_DATA]
            told = fabric.cables[ANN, BOB].carried[-2]
            assert decode_pieces(told.payload) == [
                ChoicePiece(1, 0, 0, 0, b"abc"),
                ChoicePiece(3, 0, 0, 0, b"x"),
            ]
            await send_all(one.lane(2), b"again")
            assert await receive(two.lane(1)) == b"again"
            assert kinds(fabric, ANN, BOB)[2:] == [FrameKind.TUNNEL_DATA]
            assert choices_at(fabric, BOB).position(1) == 3
            fabric.unlink(ANN, BOB)
            fabric.link(ANN, BOB)
            fabric.want(one, 2)
            await trio.sleep(1)
            await send_all(one.lane(2), b"new")
            assert await receive(two.lane(1)) == b"new"
            assert kinds(fabric, ANN, BOB) == [FrameKind.CHOICES, FrameKind.TUNNEL_DATA]


async def test_the_coordinator_gets_all_news_and_ends_them(autojump_clock: trio.testing.MockClock) -> None:
    """Some milliseconds later it has what its hosts know, and nobody tells it again."""
    async with running_fabric() as fabric:
        fabric.link(ANN, BOB)
        sink = Sink()
        choices_at(fabric, HOME).hold(sink)
        one, two = fabric.join(1, ANN), fabric.join(2, BOB)
        with recording(fabric, 1, ANN) as page:
            fabric.want(one, 2)
            await trio.sleep(1)
            page.append(b"abc")
            await trio.sleep(1)
            assert sink.position(1) == (0, 3)
            told = [f for f in fabric.cables[ANN, HOME].carried if f.kind is FrameKind.CHOICES]
            assert len(told) == 1
            await send_all(one.lane(2), b"hello")
            assert await receive(two.lane(1)) == b"hello"
            assert kinds(fabric, ANN, BOB) == [FrameKind.TUNNEL_DATA]
            choices_at(fabric, ANN).answer(7)
            await trio.sleep(1)
            assert sink.sealed == [(ANN, 7)]
            choices_at(fabric, HOME).answer(8)
            assert sink.sealed[1:] == [(HOME, 8)]


async def test_too_many_unstable_choices_hold_bytes_up(autojump_clock: trio.testing.MockClock) -> None:
    """They wait, visibly, until the coordinator has more; what goes to the coordinator's peer does not."""
    async with running_fabric() as fabric:
        fabric.link(ANN, BOB)
        choices_at(fabric, HOME).hold(Sink())
        fabric.cables[HOME, ANN].mute = True
        one, two, three = fabric.join(1, ANN), fabric.join(2, BOB), fabric.join(3, HOME)
        with recording(fabric, 1, ANN) as page:
            fabric.want(one, 2)
            fabric.want(one, 3)
            page.append(bytes(MOST_UNSTABLE + 1))
            await trio.sleep(1)
            assert not choices_at(fabric, ANN).waiting()
            await send_all(one.lane(2), b"hello")
            await trio.sleep(10)
            assert kinds(fabric, ANN, BOB) == []
            assert "65537 bytes of choices" in choices_at(fabric, ANN).waiting()
            await send_all(one.lane(3), b"home")
            assert await receive(three.lane(1)) == b"home"
            choices_at(fabric, ANN).on_stable([StreamPosition(1, 0, 1)])
            assert await receive(two.lane(1)) == b"hello"
            assert not choices_at(fabric, ANN).waiting()


async def test_a_page_cut_short_and_a_conflict_break_the_rank(autojump_clock: trio.testing.MockClock) -> None:
    """The rank's host hears of it by name, once."""
    async with running_fabric() as fabric:
        fabric.join(1, ANN)
        for rank in (1, 2):
            fabric.place(rank, ANN)
        errors: list[MpiActorsError] = []
        choices = choices_at(fabric, ANN)
        with recording(fabric, 1, ANN, errors) as page:
            page.append(b"abc")
            assert choices.position(1) == 3
            os.pwrite(page.fd, (1).to_bytes(8, "little"), 64)
            choices.position(1)
            choices.position(1)
        assert [type(error) for error in errors] == [BadPage]
        with recording(fabric, 2, ANN, errors) as page:
            page.append(b"abc")
            assert choices.position(2) == 3
            payload = encode_pieces([ChoicePiece(2, 0, 0, 0, b"abx")])
            fabric.routers[ANN].route(Frame(FrameKind.CHOICES, JOB, 0, 0, 0, 0, payload=payload), HOME)
        assert [type(error) for error in errors[1:]] == [ConflictingChoices]
        assert HEADER_SIZE > 64


async def test_a_sealed_incarnation_is_heard_no_more(autojump_clock: trio.testing.MockClock) -> None:
    """Its tunnels end, its frames are dropped, and there is no way to it until it has a new place."""
    async with running_fabric() as fabric:
        fabric.link(ANN, BOB)
        one, two = fabric.join(1, ANN), fabric.join(2, BOB)
        fabric.want(one, 2)
        await trio.sleep(1)
        router = fabric.routers[BOB]
        router.seal(JOB, [LostRank(1, 0), LostRank(7, 0)])
        assert router.path(JOB, 1) is None
        assert await receive(two.lane(1)) == b""
        dropped = router.dropped["fenced"]
        frame = fabric.cables[ANN, BOB].carried[0]
        router.route(frame, ANN)
        assert router.dropped["fenced"] == dropped + 1
        fabric.place(1, ANN, 1)
        assert router.path(JOB, 1) is not None


def test_what_a_rank_must_choose_again_comes_in_pieces() -> None:
    """In order, from where the host has it; what nobody expects is dropped."""
    stream = bytes(range(256)) * 100
    delivery = Delivery(JOB, 3, 2, stream, 1000)
    recovered = Recovered()
    frames = []
    while (frame := delivery.next_frame(LINK, 7000)) is not None:
        frames.append(frame)
    assert [(frame.offset, frame.total) for frame in frames[:2]] == [(1000, 25_600), (8000, 25_600)]
    recovered.receive(frames[0])
    recovered.expect(3, 2, stream[:1000])
    with pytest.raises(BadFrame):
        recovered.receive(frames[1])
    for frame in frames:
        recovered.receive(frame)
    with pytest.raises(BadFrame):
        recovered.receive(attrs.evolve(frames[-1], offset=25_600))
    assert trio.run(recovered.wait, 3, 2, len(stream)) == stream


def test_only_the_coordinator_says_what_must_be_chosen_again() -> None:
    """Anybody else is an impostor; so is a batch without an end refused."""
    fabric = Fabric()
    router = fabric.routers[ANN]
    with pytest.raises(Impostor):
        router.route(Frame(FrameKind.CHOICES, JOB, 1, 1, 0, 0, total=9, payload=b"x"), BOB)
