"""Obstacles: what they hold, what they slow, and that nothing is lost by them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from mpi_actors.errors import ConnectionLost, DialFailed
from mpi_actors.ids import PeerId
from mpi_actors.net.breakable import BreakableTransport, Obstacles
from mpi_actors.net.memory.network import MemoryNetwork
from mpi_actors.net.transport import ByteStream

ONE, TWO = PeerId("one"), PeerId("two")


@asynccontextmanager
async def two() -> AsyncIterator[tuple[BreakableTransport, Obstacles, ByteStream, ByteStream]]:
    """A peer behind obstacles, these, its end of a stream, and the end of a peer without any."""
    network, obstacles = MemoryNetwork(), Obstacles()
    near, far = BreakableTransport(network.transport(ONE), obstacles), network.transport(TWO)
    put, take = trio.open_memory_channel[ByteStream](1)

    async def accept(stream: ByteStream) -> None:
        await put.send(stream)
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        await nursery.start(near.run, accept)
        await nursery.start(far.run, accept)
        await near.connect(far.addresses[0])
        stream = await near.open_stream(TWO)
        await stream.send_all(b"x")
        other = await take.receive()
        assert await other.receive_some() == b"x"
        yield near, obstacles, stream, other
        nursery.cancel_scope.cancel()


async def test_a_cut_holds_bytes_both_ways(autojump_clock: MockClock) -> None:
    """They arrive when it is healed, in order."""
    async with two() as (_, obstacles, near, far), trio.open_nursery() as nursery:
        got: list[bytes] = []

        async def receive(stream: ByteStream) -> None:
            got.append(await stream.receive_some())

        obstacles.set(TWO, cut=True, delay=0.0)
        nursery.start_soon(receive, near)
        nursery.start_soon(receive, far)
        nursery.start_soon(near.send_all, b"there")
        await far.send_all(b"here")
        await trio.sleep(100)
        assert got == []
        obstacles.set(TWO, cut=False, delay=0.0)
        await trio.sleep(1)
        assert sorted(got) == [b"here", b"there"]


async def test_the_end_of_a_stream_does_not_pass_a_cut(autojump_clock: MockClock) -> None:
    """Who is cut off does not hear that the other side has closed."""
    async with two() as (_, obstacles, near, far):
        obstacles.set(TWO, cut=True, delay=0.0)
        await far.aclose()
        with trio.move_on_after(100) as scope:
            await near.receive_some()
        assert scope.cancelled_caught
        obstacles.set(TWO, cut=False, delay=0.0)
        assert await near.receive_some() == b""


async def test_closing_ends_what_waits_at_a_cut(autojump_clock: MockClock) -> None:
    """As the contract of streams has it."""
    async with two() as (_, obstacles, near, _), trio.open_nursery() as nursery:
        obstacles.set(TWO, cut=True, delay=0.0)
        ended: list[str] = []

        async def send() -> None:
            with pytest.raises(ConnectionLost):
                await near.send_all(b"y")
            ended.append("send")

        nursery.start_soon(send)
        await wait_all_tasks_blocked()
        await near.aclose()
        await wait_all_tasks_blocked()
        assert ended == ["send"]


async def test_nobody_dials_through_a_cut(autojump_clock: MockClock) -> None:
    """Neither a connection nor a stream; a cut that ends in time only delays them."""
    async with two() as (transport, obstacles, _, _), trio.open_nursery() as nursery:
        obstacles.set(TWO, cut=True, delay=0.0)
        with pytest.raises(DialFailed):
            await transport.open_stream(TWO)
        with pytest.raises(DialFailed):
            await transport.connect(f"/memory/2/p2p/{TWO}")
        begun = trio.current_time()

        async def heal() -> None:
            await trio.sleep(2)
            obstacles.set(TWO, cut=False, delay=0.0)

        nursery.start_soon(heal)
        await transport.open_stream(TWO)
        assert 2 <= trio.current_time() - begun < 2.1


async def test_a_slow_link_delays_what_is_sent(autojump_clock: MockClock) -> None:
    """By the time that was asked for, until that ends."""
    async with two() as (_, obstacles, near, far):
        for delay in (0.5, 0.0):
            obstacles.set(TWO, cut=False, delay=delay)
            begun = trio.current_time()
            await near.send_all(b"z")
            assert await far.receive_some() == b"z"
            assert delay <= trio.current_time() - begun < delay + 0.1
