"""A link sends and receives, takes turns, bounds what waits, and ends with a reason."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import attrs
import pytest
import trio
from net_pairs import accepting
from trio.testing import MockClock

from mpi_actors.errors import BadFrame, BadMessage, ConnectionLost, FrameTooLarge, Impostor, TooMuchRelayed
from mpi_actors.ids import JobId, PeerId
from mpi_actors.net.link import Link
from mpi_actors.net.memory.network import MemoryNetwork
from mpi_actors.net.pairing import StreamPair
from mpi_actors.wire.frame import MAX_CHUNK, MAX_WRITE, Frame, FrameKind
from mpi_actors.wire.messages import Capacity, ControlMessage, EndJob, Goodbye, Ping

JOB = JobId("00" * 8)
BIG = Capacity(tuple(f"{n:0200}" for n in range(5000)))


def frame(payload: bytes, src: int = 0) -> Frame:
    return Frame(FrameKind.DATA, JOB, src, 1, 0, 0, total=len(payload), payload=payload)


@attrs.define(eq=False)
class Side:
    """A link, with what came over it."""

    link: Link = attrs.field(init=False)
    control: list[ControlMessage] = attrs.field(factory=list)
    frames: list[Frame] = attrs.field(factory=list)
    refuse: Exception | None = None

    def on_control(self, message: ControlMessage) -> None:
        self.control.append(message)
        if self.refuse is not None:
            raise self.refuse

    def on_frame(self, frame: Frame, sender: PeerId) -> None:
        assert sender == self.link.remote
        self.frames.append(frame)
        if self.refuse is not None:
            raise self.refuse


@attrs.define(eq=False)
class Source:
    """Frames of one rank that wait for their turn; larger ones are cut to pieces."""

    waiting: deque[Frame]

    def next_frame(self, link: Link, most: int) -> Frame | None:
        if not self.waiting:
            return None
        whole = self.waiting.popleft()
        if len(whole.payload) > most:
            self.waiting.appendleft(attrs.evolve(whole, payload=whole.payload[most:]))
            return attrs.evolve(whole, payload=whole.payload[:most])
        return whole


@asynccontextmanager
async def linked(network: MemoryNetwork | None = None) -> AsyncIterator[tuple[Side, Side, MemoryNetwork]]:
    """Run a link, and give both sides."""
    async with accepting(network) as acceptor, trio.open_nursery() as nursery:
        sides = Side(), Side()
        for side, pair in zip(sides, await acceptor.pairs(), strict=True):
            side.link = Link(pair, on_control=side.on_control, on_frame=side.on_frame)
            nursery.start_soon(side.link.run)
        yield *sides, acceptor.network
        nursery.cancel_scope.cancel()


async def settle(condition: Callable[[], object]) -> None:
    with trio.fail_after(60):
        while not condition():  # noqa: ASYNC110 - virtual time
            await trio.sleep(0.01)


async def test_control_messages_arrive_in_order(autojump_clock: MockClock) -> None:
    """All control messages arrive, both ways, large ones too."""
    async with linked(MemoryNetwork(short_reads=0.5)) as (a, b, _):
        messages: list[ControlMessage] = [Ping(0), BIG, *map(Ping, range(1000)), EndJob(JOB)]
        for message in messages:
            a.link.send_control(message)
            b.link.send_control(message)
        await settle(lambda: len(a.control) == len(b.control) == len(messages))
        assert a.control == b.control == messages


async def test_small_frames_share_a_write(autojump_clock: MockClock) -> None:
    """A thousand small frames of many ranks take few writes, none larger than the limit."""
    async with linked() as (a, b, _):
        for src in range(100):
            a.link.mark_ready(Source(deque(frame(b"%d" % n, src) for n in range(10))))
        await settle(lambda: len(b.frames) == 1000)
        statistics = a.link.statistics()
        assert statistics.writes <= 2 * (statistics.sent // MAX_WRITE + 1)
        for src in range(100):
            assert [f.payload for f in b.frames if f.src == src] == [b"%d" % n for n in range(10)]


async def test_sources_take_turns(autojump_clock: MockClock) -> None:
    """A rank with many frames does not delay a rank with few."""
    async with linked() as (a, b, _):
        a.link.mark_ready(Source(deque(frame(bytes(MAX_CHUNK), 0) for _ in range(50))))
        a.link.mark_ready(Source(deque([frame(b"little", 1)])))
        await settle(lambda: sum(len(f.payload) for f in b.frames) == 50 * MAX_CHUNK + 6)
        assert [f.src for f in b.frames].index(1) <= 2


async def test_frames_of_others_go_by_whole(autojump_clock: MockClock) -> None:
    """Frames that are relayed between two other peers keep their order and are not cut."""
    async with linked() as (a, b, _):
        a.link.mark_ready(Source(deque(frame(bytes(9000), 0) for _ in range(50))))
        sizes = [10, MAX_CHUNK, 5000, MAX_CHUNK, 1]
        for size in sizes:
            a.link.forward(frame(bytes(size), 7))
        await settle(lambda: sum(len(f.payload) for f in b.frames if f.src == 0) == 50 * 9000)
        assert [len(f.payload) for f in b.frames if f.src == 7] == sizes


async def test_heartbeats_do_not_wait_behind_data(autojump_clock: MockClock) -> None:
    """With minutes of data to send, a control message waits only for data that is on the wire."""
    async with linked(MemoryNetwork(capacity=100_000, bandwidth=100_000)) as (a, b, _):
        a.link.mark_ready(Source(deque(frame(bytes(MAX_CHUNK)) for _ in range(200))))
        await settle(lambda: b.frames)
        a.link.send_control(Ping(1))
        with trio.fail_after(2):
            await settle(lambda: b.control)
        assert len(b.frames) < 10


async def test_a_goodbye_is_the_last_word(autojump_clock: MockClock) -> None:
    """What was queued arrives, then the goodbye, then the end, which is not an error on this side."""
    async with linked() as (a, b, _):
        a.link.send_control(BIG)
        a.link.goodbye("that was all", retry=False)
        a.link.goodbye("twice")
        await settle(lambda: b.link.end)
        assert b.control == [BIG, Goodbye("that was all", False)]
        assert a.link.end is None
        assert isinstance(b.link.end, ConnectionLost)


@pytest.mark.parametrize("how", ["control", "data"])
async def test_what_a_reader_refuses_ends_the_link(autojump_clock: MockClock, how: str) -> None:
    """An error of a callback ends the link, and nothing more is delivered."""
    async with linked() as (a, b, _):
        b.refuse = Impostor("that is not yours")
        if how == "control":
            for nonce in range(3):
                a.link.send_control(Ping(nonce))
        else:
            a.link.mark_ready(Source(deque(frame(b"x") for _ in range(3))))
        await settle(lambda: a.link.end and b.link.end)
        assert b.link.end is b.refuse
        assert len(b.control) + len(b.frames) == 1


@asynccontextmanager
async def raw() -> AsyncIterator[tuple[StreamPair, Side]]:
    """Open the bare streams to a link."""
    async with accepting() as acceptor, trio.open_nursery() as nursery:
        near, far = await acceptor.pairs()
        side = Side()
        side.link = Link(far, on_control=side.on_control, on_frame=side.on_frame)
        nursery.start_soon(side.link.run)
        yield near, side
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("stream", "data", "error"),
    [
        ("control", b"\xff" * 6, FrameTooLarge),
        ("control", b"\0" * 6, BadMessage),
        ("data", b"\0" * 100, BadFrame),
        ("data", frame(b"").header()[:-4] + b"\xff" * 4, FrameTooLarge),
    ],
)
async def test_garbage_ends_the_link(
    autojump_clock: MockClock, stream: str, data: bytes, error: type
) -> None:
    """Both streams are closed, whichever the garbage came on."""
    async with raw() as (near, side):
        await getattr(near, stream).send_all(data)
        assert await near.control.receive_some() == b""
        assert await near.data.receive_some() == b""
        assert type(side.link.end) is error


@pytest.mark.parametrize("stream", ["control", "data"])
async def test_the_end_of_either_stream_is_the_end_of_both(autojump_clock: MockClock, stream: str) -> None:
    """When one stream ends, the link ends."""
    async with raw() as (near, side):
        await getattr(near, stream).aclose()
        await settle(lambda: side.link.end)
        assert str(side.link.end) == "the connection ended without a goodbye"
        other = near.data if stream == "control" else near.control
        assert await other.receive_some() == b""


async def test_a_peer_that_takes_nothing_is_cut_off(autojump_clock: MockClock) -> None:
    """A peer that does not read its control messages loses the link."""
    async with accepting(MemoryNetwork(capacity=1000)) as acceptor, trio.open_nursery() as nursery:
        _, far = await acceptor.pairs()
        link = Link(far, on_control=lambda _: None, on_frame=lambda *_: None)
        nursery.start_soon(link.run)
        for _ in range(30):
            link.send_control(BIG)
        assert isinstance(link.end, ConnectionLost)
        nursery.cancel_scope.cancel()


async def test_what_is_relayed_is_bounded(autojump_clock: MockClock) -> None:
    """Too many frames of other links that nobody takes raise TooMuchRelayed."""
    async with accepting(MemoryNetwork()) as acceptor:
        _, far = await acceptor.pairs()
        link = Link(far, on_control=lambda _: None, on_frame=lambda *_: None, most_forwarded=1000)
        frame = Frame(FrameKind.DATA, JobId("00" * 8), 0, 1, 0, 0, payload=b"x" * 400)
        for _ in range(3):
            link.forward(frame)
        with pytest.raises(TooMuchRelayed):
            link.forward(frame)


@pytest.mark.parametrize("how", ["read", "abort", "cancel"])
async def test_who_waits_for_room_is_woken(autojump_clock: MockClock, how: str) -> None:
    """`room` returns when there is room, when the link ends, and when its task is cancelled."""
    async with accepting(MemoryNetwork(capacity=1000)) as acceptor, trio.open_nursery() as nursery:
        near, far = await acceptor.pairs()
        link = Link(far, on_control=lambda _: None, on_frame=lambda *_: None)
        scope = trio.CancelScope()

        @nursery.start_soon
        async def run() -> None:
            with scope:
                await link.run()

        link.send_control(BIG)
        await trio.sleep(1)
        link.send_control(BIG)
        waited = trio.Event()

        @nursery.start_soon
        async def wait() -> None:
            await link.room()
            waited.set()

        await trio.sleep(1)
        assert not waited.is_set()
        if how == "abort":
            link.abort(None)
        elif how == "cancel":
            scope.cancel()
        with trio.fail_after(60):
            if how == "read":
                while not waited.is_set():
                    await near.control.receive_some()
            await waited.wait()
        nursery.cancel_scope.cancel()


async def test_a_link_that_is_cut_by_its_owner_ends_both_sides(autojump_clock: MockClock) -> None:
    """`abort` keeps the first reason; the other side sees an end without a goodbye."""
    async with linked() as (a, b, _):
        a.link.abort(ConnectionLost("first"))
        a.link.abort(ConnectionLost("second"))
        await settle(lambda: b.link.end)
        assert str(a.link.end) == "first"
