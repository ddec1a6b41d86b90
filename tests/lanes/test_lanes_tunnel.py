"""Streams through tunnels: whole, in order, as fast as they are read, and with an end when a link is lost."""

from __future__ import annotations

import contextlib
import gc
import itertools
import os
import random
import socket
import struct
from collections.abc import Iterator

import attrs
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from lane_fabric import ANN, BOB, HOME, JOB, Fabric, Member, receive, receive_all, running_fabric, send_all
from trio.testing import MockClock

from mpi_actors.errors import BadFrame, Impostor, ProtocolError
from mpi_actors.ids import COORDINATOR, PeerId
from mpi_actors.lanes.flow import WINDOW
from mpi_actors.wire.frame import TUNNEL_KINDS, Frame, FrameKind


async def test_a_slow_rank_holds_up_only_its_own_tunnel(autojump_clock: MockClock) -> None:
    """No more than a window waits for it. Other ranks of the same host get all their bytes meanwhile."""
    data = random.Random(1).randbytes(3 * WINDOW)
    async with running_fabric() as fabric, trio.open_nursery() as nursery:
        fabric.link(ANN, BOB)
        one, slow, quick = fabric.join(1, ANN), fabric.join(2, BOB), fabric.join(3, BOB)
        for rank in (2, 3):
            fabric.want(one, rank)
        await trio.sleep(1)
        nursery.start_soon(send_all, one.lane(2), data)
        nursery.start_soon(send_all, one.lane(3), data)
        assert await receive_all(quick.lane(1), len(data)) == data
        carried = [
            f for f in fabric.cables[ANN, BOB].carried if f.kind is FrameKind.TUNNEL_DATA and f.dst == 2
        ]
        assert WINDOW <= sum(len(f.payload) for f in carried) <= WINDOW + 2 * (1 << 20)
        assert await receive_all(slow.lane(1), len(data)) == data


async def test_a_stream_ends_where_its_writer_ended(autojump_clock: MockClock) -> None:
    """Everything that was written before the end arrives, however slowly the rank reads."""
    data = random.Random(2).randbytes(WINDOW // 2)
    async with running_fabric() as fabric:
        one, two = fabric.join(1, ANN), fabric.join(2, BOB)
        fabric.want(one, 2)
        assert await send_all(one.lane(2), data)
        one.lane(2).close()
        await trio.sleep(5)
        assert await receive_all(two.lane(1), len(data) + 1) == data


@pytest.mark.parametrize("relayed", [False, True], ids=["direct", "by the coordinator"])
async def test_another_way_ends_a_tunnel(autojump_clock: MockClock, relayed: bool) -> None:
    """Bytes on two ways could overtake each other: both ends are closed, and new ones begin on request."""
    async with running_fabric() as fabric:
        one, two = fabric.join(1, ANN), fabric.join(2, BOB)
        if relayed:
            fabric.link(ANN, BOB)
        fabric.want(one, 2)
        await trio.sleep(1)
        if relayed:
            fabric.unlink(ANN, BOB)
        else:
            fabric.link(ANN, BOB)
        assert await receive(one.lane(2)) == await receive(two.lane(1)) == b""
        fabric.want(one, 2)
        await send_all(one.lane(2), b"by another way")
        await trio.sleep(1)
        assert await receive(two.lane(1)) == b"by another way"
        assert bool(fabric.cables[HOME, BOB].carried) == (not relayed) or relayed


async def test_a_host_that_does_not_know_the_rank_yet_is_told_again(autojump_clock: MockClock) -> None:
    """An OPEN frame that comes before the news of its rank's place is dropped, and sent again."""
    async with running_fabric() as fabric:
        fabric.link(ANN, BOB)
        two = fabric.join(2, BOB)
        for peer in (HOME, ANN):
            fabric.routers[peer].place(JOB, 1, 0, ANN)
        one = fabric.join(1, ANN)  # bob hears it now, but not of its next incarnation
        fabric.lanes[ANN].detach(one.client)
        for peer in (HOME, ANN):
            fabric.routers[peer].place(JOB, 1, 1, ANN)
        client = attrs.evolve(one.client, incarnation=1)
        fabric.lanes[ANN].attach(client)
        fabric.lanes[ANN].want(client, 2)
        await trio.sleep(1)
        assert fabric.routers[BOB].dropped["early"] >= 3
        assert not two.lanes
        fabric.routers[BOB].place(JOB, 1, 1, ANN)
        await trio.sleep(2)
        await send_all(one.lane(2), b"now")
        assert await receive(two.lane(1)) == b"now"


# --- whatever happens to the links --------------------------------------------------------------------------

_ID = struct.Struct("<HH")
_PIECE = 20_000


def pieces(rank: int, number: int) -> Iterator[bytes]:
    """Return what a rank writes into its lane of that number: its name, and bytes of its own, for ever."""
    yield _ID.pack(rank, number)
    generator = random.Random(rank * 1000 + number)
    while True:
        yield generator.randbytes(_PIECE)


@attrs.define(eq=False)
class Talker:
    """A rank that writes into each lane that it gets, reads it to its end, and asks for another."""

    fabric: Fabric
    member: Member
    other: int
    read: int = 0
    """Pieces that it has got whole, from all lanes."""

    async def talk(self) -> None:
        for number in itertools.count():
            if not self.member.lanes.get(self.other, [])[number:]:
                self.fabric.want(self.member, self.other)
                while not self.member.lanes.get(self.other, [])[number:]:  # noqa: ASYNC110
                    await trio.sleep(0.01)
            lane = self.member.lanes[self.other][number]
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.write, lane, number)
                await self.listen(lane)
                nursery.cancel_scope.cancel()

    async def write(self, lane: socket.socket, number: int) -> None:
        for piece in pieces(self.member.client.rank, number):
            if not await send_all(lane, piece):
                return
            await trio.sleep(0.1)

    async def listen(self, lane: socket.socket) -> None:
        head = await receive_all(lane, _ID.size)
        if len(head) == _ID.size:
            rank, number = _ID.unpack(head)
            assert rank == self.other
            for piece in itertools.islice(pieces(rank, number), 1, None):
                got = await receive_all(lane, _PIECE)
                assert piece.startswith(got), "what comes out is a beginning of what went in"
                if len(got) < _PIECE:
                    return
                self.read += 1


EVENTS = st.sampled_from(["link", "unlink", "close 1", "close 2", "hold", "release", "pause", "pause"])


@given(st.lists(EVENTS, max_size=12), st.integers(0, 40))
@settings(max_examples=25, deadline=None)
def test_streams_survive_their_links(events: list[str], pause: int) -> None:
    """What comes out is a beginning of what went in. Afterwards, bytes pass both ways again."""

    async def main() -> None:
        async with running_fabric() as fabric, trio.open_nursery() as nursery:
            talkers = [Talker(fabric, fabric.join(1, ANN), 2), Talker(fabric, fabric.join(2, BOB), 1)]
            for talker in talkers:
                nursery.start_soon(talker.talk)
            for event in events:
                await trio.sleep(pause / 1000)
                cable = fabric.cables.get((ANN, BOB))
                match event:
                    case "link" if cable is None:
                        fabric.link(ANN, BOB)
                    case "unlink" if cable is not None:
                        fabric.unlink(ANN, BOB)
                    case "close 1" | "close 2":
                        member = talkers[int(event[-1]) - 1].member
                        for lanes in member.lanes.values():
                            lanes[-1].shutdown(socket.SHUT_RDWR)
                    case "hold" if cable is not None:
                        cable.held = True
                    case "release" if cable is not None:
                        cable.held = False
                        fabric.wake()
                    case "pause":
                        await trio.sleep(0.5)
            for cable in fabric.cables.values():
                cable.held = False
            fabric.wake()
            await trio.sleep(0.5)
            before = [talker.read for talker in talkers]
            await trio.sleep(1)
            assert all(talker.read > count + 5 for talker, count in zip(talkers, before, strict=True))
            nursery.cancel_scope.cancel()

    trio.run(main, clock=MockClock(autojump_threshold=0))


def test_nothing_is_left_behind() -> None:
    """After many lanes, tunnels and losses, no descriptor is open that was not open before."""

    async def main() -> None:
        async with running_fabric() as fabric:
            members = [fabric.join(rank, peer) for rank, peer in enumerate((HOME, ANN, ANN, BOB))]
            for round in range(3):
                for member in members:
                    for rank in range(4):
                        fabric.want(member, rank)
                await trio.sleep(1)
                if round % 2:
                    fabric.unlink(ANN, BOB)
                else:
                    fabric.link(ANN, BOB)
            fabric.lanes[ANN].detach(members[1].client)

    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    trio.run(main, clock=MockClock(autojump_threshold=0))
    gc.collect()
    assert len(os.listdir("/proc/self/fd")) == before


# --- who breaks the rules -----------------------------------------------------------------------------------

numbers = st.sampled_from([0, 1, 2, 3, 2**32, 2**64 - 1])
hostile = st.builds(
    lambda kind, src, dst, inc, seq, offset, total, payload, ask: Frame(
        kind, JOB, src, dst, inc, inc, seq, offset, total, payload, ask
    ),
    st.sampled_from(sorted(TUNNEL_KINDS)),
    st.sampled_from([1, 2, 3, 2**32 - 1]),
    st.sampled_from([1, 2, 3, 2**32 - 1]),
    st.integers(0, 1),
    numbers,
    numbers,
    numbers,
    st.sampled_from([b"", b"x", bytes(200_000)]),
    st.booleans(),
)


@given(st.lists(st.tuples(hostile, st.sampled_from([HOME, ANN])), max_size=20), st.booleans())
@settings(max_examples=100, deadline=None)
def test_no_frame_harms_a_daemon(frames: list[tuple[Frame, PeerId]], opened: bool) -> None:
    """The broker takes or drops any frame of a host or coordinator, or raises BadFrame, and goes on."""

    async def main() -> None:
        async with running_fabric() as fabric:
            fabric.link(ANN, BOB)
            one, two, three = fabric.join(1, ANN), fabric.join(2, BOB), fabric.join(3, HOME)
            if opened:
                fabric.want(two, 1)
                await trio.sleep(1)
            for frame, sender in frames:
                with contextlib.suppress(ProtocolError):
                    fabric.routers[BOB].route(frame, sender)
            await trio.sleep(1)
            assert fabric.lanes[BOB].tunnels <= 2
            fabric.want(two, 3)
            await trio.sleep(3)
            for member in (one, two, three):
                assert all(message.rank < 8 for message in member.told)

    trio.run(main, clock=MockClock(autojump_threshold=0))


@attrs.frozen
class _Open:
    """A tunnel between ranks 1 and 2, and what a frame of its first end looks like."""

    fabric: Fabric
    frame: Frame


async def opened(fabric: Fabric) -> _Open:
    fabric.link(ANN, BOB)
    fabric.join(1, ANN)
    two = fabric.join(2, BOB)
    fabric.want(two, 1)
    await trio.sleep(1)
    (first, *_) = [f for f in fabric.cables[ANN, BOB].carried if f.kind is FrameKind.TUNNEL_OPEN]
    return _Open(fabric, attrs.evolve(first, kind=FrameKind.TUNNEL_DATA, offset=0, payload=b"x"))


async def test_bytes_without_credit_are_an_offence(autojump_clock: MockClock) -> None:
    """The host that sends them is to blame. If the coordinator passed them on, they end the tunnel only."""
    async with running_fabric() as fabric:
        frame = (await opened(fabric)).frame
        router = fabric.routers[BOB]
        for _ in range(WINDOW // (1 << 18)):
            router.route(attrs.evolve(frame, payload=bytes(1 << 18)), ANN)
            frame = attrs.evolve(frame, offset=frame.offset + (1 << 18))
        frame = attrs.evolve(frame, payload=bytes(1 << 19))
        with pytest.raises(BadFrame, match="without credit"):
            router.route(frame, ANN)
        router.route(frame, HOME)
        assert router.dropped["bad"] == 1
        assert fabric.lanes[BOB].tunnels == 0


async def test_an_empty_piece_is_an_offence(autojump_clock: MockClock) -> None:
    """No daemon sends one, so it could only keep another daemon busy."""
    async with running_fabric() as fabric:
        frame = (await opened(fabric)).frame
        with pytest.raises(BadFrame, match="has no byte"):
            fabric.routers[BOB].route(attrs.evolve(frame, payload=b""), ANN)
        with pytest.raises(BadFrame, match="has no number"):
            fabric.routers[BOB].route(attrs.evolve(frame, kind=FrameKind.TUNNEL_OPEN, seq=0), ANN)


async def test_the_coordinator_is_no_rank(autojump_clock: MockClock) -> None:
    """A tunnel leads to another rank of the job, and to nothing else that may send frames."""
    async with running_fabric() as fabric:
        frame = attrs.evolve((await opened(fabric)).frame, kind=FrameKind.TUNNEL_OPEN, total=0)
        router = fabric.routers[BOB]
        for src in (COORDINATOR, 2):
            router.route(attrs.evolve(frame, src=src), HOME)
        assert router.dropped["no such rank"] == 2
        assert fabric.lanes[BOB].tunnels == 1


async def test_nobody_opens_a_tunnel_for_another(autojump_clock: MockClock) -> None:
    """Frames come from the host of the rank that they name, or by way of the coordinator."""
    async with running_fabric() as fabric:
        frame = (await opened(fabric)).frame
        with pytest.raises(Impostor, match="does not host"):
            fabric.routers[BOB].route(frame, PeerId("mallory"))


async def test_a_gap_ends_the_tunnel(autojump_clock: MockClock) -> None:
    """A stream with missing bytes is broken; both ends learn of its end."""
    async with running_fabric() as fabric:
        scene = await opened(fabric)
        fabric.routers[BOB].route(attrs.evolve(scene.frame, offset=7), ANN)
        assert fabric.lanes[BOB].tunnels == 0
        await trio.sleep(1)
        assert fabric.lanes[ANN].tunnels == 0
