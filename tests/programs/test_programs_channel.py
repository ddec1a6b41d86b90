"""The daemon's end of a rank's channel."""

from __future__ import annotations

import array
import os
import socket
from collections.abc import Iterator

import pytest
import trio

from mpi_actors.errors import BadMessage, ProtocolError
from mpi_actors.programs.channel import MAX_WAITING, Channel
from mpi_actors.wire.channel import HEADER_SIZE, ChannelDecoder, ChannelKind, ChannelMessage

LANE, PLACED, COMPANY = ChannelKind.LANE, ChannelKind.PLACED, ChannelKind.COMPANY


Ends = tuple[Channel, socket.socket]
Heard = list[tuple[ChannelMessage, list[int]]]


@pytest.fixture
def ends() -> Iterator[Ends]:
    """A channel, and the rank's end of it."""
    near, far = socket.socketpair()
    near.setblocking(False)
    far.setblocking(False)
    channel = Channel(near)
    with near, far:
        yield channel, far


async def read(far: socket.socket, count: int, most: int = HEADER_SIZE) -> Heard:
    """The next messages, each with the descriptors that came with its first byte."""
    decoder = ChannelDecoder()
    found: Heard = []
    descriptors: list[int] = []
    while len(found) < count:
        await trio.lowlevel.wait_readable(far)
        data, ancillary, _, _ = far.recvmsg(most, socket.CMSG_SPACE(64))
        for _, _, raw in ancillary:
            descriptors += array.array("i", raw)
        for message in decoder.feed(data):
            found.append((message, descriptors))
            descriptors = []
    return found


async def test_each_lane_comes_with_its_own_message(ends: Ends, nursery: trio.Nursery) -> None:
    """A descriptor comes with the first byte of a LANE, none with others; the daemon keeps no copy."""
    channel, far = ends
    before = len(os.listdir("/proc/self/fd"))
    others = []
    for rank in range(20):
        one, two = socket.socketpair()
        others.append(two)
        channel.post(ChannelMessage(LANE, rank, 3), one)
        channel.post(ChannelMessage(PLACED, rank, 4))
    nursery.start_soon(channel.write)
    heard = await read(far, 40)
    for rank, ((lane, given), (placed, none)) in enumerate(zip(heard[::2], heard[1::2], strict=True)):
        assert (lane, placed) == (ChannelMessage(LANE, rank, 3), ChannelMessage(PLACED, rank, 4))
        assert none == []
        with others[rank] as other, socket.socket(fileno=given[0]) as got:
            got.send(b"%d" % rank)
            assert other.recv(10) == b"%d" % rank
    assert len(os.listdir("/proc/self/fd")) == before


async def test_of_what_is_overtaken_only_the_newest_is_kept(ends: Ends, nursery: trio.Nursery) -> None:
    """Of lanes to one rank, and of COMPANY, the channel drops an unsent older one, and closes that lane."""
    channel, far = ends
    pairs = [socket.socketpair() for _ in range(3)]
    for incarnation, rank in enumerate([1, 2, 1]):
        channel.post(ChannelMessage(COMPANY, incarnation))
        channel.post(ChannelMessage(LANE, rank, incarnation), pairs[incarnation][0])
    assert pairs[0][1].recv(1) == b""
    nursery.start_soon(channel.write)
    heard = await read(far, 3)
    assert [message for message, _ in heard] == [
        ChannelMessage(LANE, 2, 1), ChannelMessage(COMPANY, 2), ChannelMessage(LANE, 1, 2),
    ]  # fmt: skip
    for _, given in heard:
        for fd in given:
            os.close(fd)
    for _, far_end in pairs:
        far_end.close()


async def test_what_is_left_unread_is_bounded(ends: Ends) -> None:
    """A rank that never reads is an error, and does not exhaust the daemon's memory."""
    channel, _ = ends
    for _ in range(MAX_WAITING):
        channel.post(ChannelMessage(PLACED, 1, 1))
    with pytest.raises(BadMessage, match="unread"):
        channel.post(ChannelMessage(PLACED, 1, 1))


async def test_more_than_a_socket_holds_is_written_as_it_is_read(ends: Ends, nursery: trio.Nursery) -> None:
    """A full socket does not tear messages."""
    channel, far = ends
    sent = [ChannelMessage(ChannelKind.ASK, number=n, text="x" * 100_000) for n in range(20)]
    for message in sent:
        channel.post(message)
    nursery.start_soon(channel.write)
    await trio.testing.wait_all_tasks_blocked()
    assert [message for message, _ in await read(far, 20, 1 << 16)] == sent


async def test_a_closed_channel_takes_and_says_nothing(ends: Ends, nursery: trio.Nursery) -> None:
    """Closing wakes the tasks that wait; a lane that is posted later is closed."""
    channel, far = ends
    results: list[list[ChannelMessage]] = []

    @nursery.start_soon
    async def hear() -> None:
        results.append(await channel.receive())

    nursery.start_soon(channel.write)
    await trio.testing.wait_all_tasks_blocked()
    unsent = socket.socketpair()
    channel.post(ChannelMessage(LANE, 1), unsent[0])
    for _ in range(2):
        channel.close()
    late = socket.socketpair()
    channel.post(ChannelMessage(LANE, 1), late[0])
    assert late[1].recv(1) == unsent[1].recv(1) == far.recv(1) == b""
    await trio.testing.wait_all_tasks_blocked()
    assert results == [[]] == [await channel.receive()]
    for pair in (late, unsent):
        pair[1].close()


async def test_nonsense_is_a_protocol_error(ends: Ends) -> None:
    """The end of the channel is an empty list."""
    channel, far = ends
    far.send(bytes(HEADER_SIZE))
    with pytest.raises(ProtocolError):
        await channel.receive()
    far.shutdown(socket.SHUT_WR)
    assert await channel.receive() == []
