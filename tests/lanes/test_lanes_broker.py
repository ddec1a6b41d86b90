"""Which rank gets a lane, when, and how many."""

from __future__ import annotations

import errno
import os
import socket

import pytest
import trio
from lane_fabric import ANN, BOB, HOME, JOB, receive, receive_all, running_fabric, send_all
from trio.testing import MockClock

from mpi_actors.wire.channel import ChannelKind, ChannelMessage
from mpi_actors.wire.frame import FrameKind

LANE, PLACED, COMPANY = ChannelKind.LANE, ChannelKind.PLACED, ChannelKind.COMPANY


async def test_two_ranks_of_one_peer_get_a_socket_pair(autojump_clock: MockClock) -> None:
    """Each rank learns to whom its lane leads. Bytes go straight from one to the other, without a tunnel."""
    async with running_fabric() as fabric:
        one, two = fabric.join(1, ANN), fabric.join(2, ANN)
        fabric.want(one, 2)
        assert one.heard(LANE) == [ChannelMessage(LANE, 2, 0)]
        assert two.heard(LANE) == [ChannelMessage(LANE, 1, 0)]
        one.lane(2).send(b"hello")
        assert two.lane(1).recv(100) == b"hello"
        assert fabric.lanes[ANN].tunnels == 0


async def test_wants_that_cross_give_one_lane(autojump_clock: MockClock) -> None:
    """The other rank may have asked before it got the lane. What it asks later is for another lane."""
    async with running_fabric() as fabric:
        one, two = fabric.join(1, ANN), fabric.join(2, ANN)
        fabric.want(one, 2)
        fabric.want(two, 1)
        assert (len(one.lanes[2]), len(two.lanes[1])) == (1, 1)
        fabric.want(two, 1)
        assert (len(one.lanes[2]), len(two.lanes[1])) == (2, 2)


async def test_a_broken_lane_is_replaced_whoever_asks(autojump_clock: MockClock) -> None:
    """When both ends ask for a new lane they get one, though one request may look like a late one."""
    async with running_fabric() as fabric:
        one, two = fabric.join(1, ANN), fabric.join(2, ANN)
        fabric.want(one, 2)
        one.lane(2).close()
        assert await receive(two.lane(1)) == b""
        fabric.want(two, 1)
        fabric.want(one, 2)
        one.lane(2).send(b"again")
        assert await receive(two.lane(1)) == b"again"


async def test_a_want_is_remembered_until_it_can_be_met(autojump_clock: MockClock) -> None:
    """The rank gets its lane when the other rank is placed and its process is there."""
    async with running_fabric() as fabric:
        one, four = fabric.join(1, ANN), fabric.join(4, ANN)
        for rank in (2, 3):
            fabric.want(one, rank)
        fabric.place(2, ANN)
        fabric.place(3, BOB)
        await trio.sleep(10)
        two = fabric.join(2, ANN)
        three = fabric.join(3, BOB)
        await trio.sleep(10)
        for other in (two, three):
            await send_all(one.lane(other.client.rank), b"at last")
            assert await receive(other.lane(1)) == b"at last"
        assert not four.heard(LANE)


@pytest.mark.parametrize("rank", [1, 8, 2**32 - 1])
async def test_nonsense_is_not_wanted(autojump_clock: MockClock, rank: int) -> None:
    """A rank gets no lane to itself, nor to a rank that the job does not have."""
    async with running_fabric() as fabric:
        one = fabric.join(1, ANN)
        fabric.want(one, rank)
        assert one.client.wanted == set()
        assert one.told == [ChannelMessage(COMPANY, 0, number=4)]


async def test_ranks_of_two_peers_get_a_tunnel(autojump_clock: MockClock) -> None:
    """It leads by way of the coordinator if their hosts have no link. Both get the lane that one wants."""
    async with running_fabric() as fabric:
        one, two = fabric.join(1, ANN), fabric.join(2, BOB)
        fabric.want(one, 2)
        await send_all(one.lane(2), b"there")
        await trio.sleep(1)
        assert two.heard(LANE) == [ChannelMessage(LANE, 1, 0, flag=True)]
        assert await receive(two.lane(1)) == b"there"
        await send_all(two.lane(1), b"and back")
        assert await receive(one.lane(2)) == b"and back"
        assert (fabric.lanes[ANN].tunnels, fabric.lanes[BOB].tunnels) == (1, 1)
        assert fabric.lanes[HOME].tunnels == 0
        fabric.want(two, 1)
        assert len(two.lanes[1]) == 1


async def test_tunnels_that_cross_are_one(autojump_clock: MockClock) -> None:
    """Both ranks ask before either daemon has heard of the other's tunnel."""
    async with running_fabric() as fabric:
        fabric.link(ANN, BOB)
        one, two = fabric.join(1, ANN), fabric.join(2, BOB)
        fabric.want(one, 2)
        fabric.want(two, 1)
        await send_all(one.lane(2), b"ping")
        await send_all(two.lane(1), b"pong")
        assert (await receive(two.lane(1)), await receive(one.lane(2))) == (b"ping", b"pong")
        assert (len(one.lanes[2]), len(two.lanes[1])) == (1, 1)
        await trio.sleep(10)
        opened = [f for f in fabric.cables[ANN, BOB].carried if f.kind is FrameKind.TUNNEL_OPEN]
        assert len(opened) <= 3, "once both know each other, neither says its number again"


async def test_a_dropped_tunnel_comes_again(autojump_clock: MockClock) -> None:
    """Both ranks see the end of their lane; who asks gets another one."""
    async with running_fabric() as fabric:
        one, two = fabric.join(1, ANN), fabric.join(2, BOB)
        fabric.want(one, 2)
        await send_all(one.lane(2), b"x")
        await trio.sleep(1)
        assert await receive(two.lane(1)) == b"x"
        assert fabric.lanes[ANN].drop(JOB, 2, 1)
        assert not fabric.lanes[HOME].drop(JOB, 1, 2)
        assert await receive(one.lane(2)) == b""
        assert await receive(two.lane(1)) == b""
        fabric.want(two, 1)
        await send_all(two.lane(1), b"y")
        await trio.sleep(1)
        assert await receive(one.lane(2)) == b"y"


async def test_a_dropped_lane_of_one_peer_is_replaced(autojump_clock: MockClock) -> None:
    """Both ranks get a new one unasked, and what one of them asks for later is still answered."""
    async with running_fabric() as fabric:
        one, two = fabric.join(1, ANN), fabric.join(2, ANN)
        fabric.want(one, 2)
        assert fabric.lanes[ANN].drop(JOB, 2, 1)
        assert (len(one.lanes[2]), len(two.lanes[1])) == (2, 2)
        await send_all(one.lane(2), b"new")
        assert await receive(two.lane(1)) == b"new"
        fabric.want(one, 2)
        assert (len(one.lanes[2]), len(two.lanes[1])) == (3, 3)


async def test_news_of_incarnations_come_before_their_lanes(autojump_clock: MockClock) -> None:
    """A rank hears of all new incarnations of others, including those from before its start."""
    async with running_fabric() as fabric:
        one, two = fabric.join(1, ANN), fabric.join(2, BOB)
        fabric.want(one, 2)
        fabric.lanes[BOB].detach(two.client)
        two = fabric.join(2, BOB, 1)
        fabric.want(one, 2)
        await trio.sleep(1)
        late = fabric.join(3, ANN, 4)
        told = [(m.kind, m.rank, m.incarnation) for m in one.told if m.kind in (LANE, PLACED)]
        assert told == [(LANE, 2, 0), (PLACED, 2, 1), (LANE, 2, 1), (PLACED, 3, 4)]
        assert [(m.kind, m.rank, m.incarnation) for m in late.told[:-1]] == [(PLACED, 2, 1)]
        assert not [m for m in two.told if m.kind is PLACED and m.rank == 2]


async def test_the_past_is_fenced(autojump_clock: MockClock) -> None:
    """Tunnels to an older incarnation end at once, whatever its host still sends."""
    async with running_fabric() as fabric:
        one, two = fabric.join(1, ANN), fabric.join(2, BOB)
        fabric.want(one, 2)
        await trio.sleep(1)
        fabric.join(2, HOME, 1)
        await send_all(two.lane(1), b"from the dead")
        assert await receive(one.lane(2)) == b""
        await trio.sleep(1)
        assert fabric.lanes[ANN].tunnels == 0
        assert fabric.routers[ANN].dropped["fenced"] + fabric.routers[HOME].dropped["fenced"] > 0


async def test_what_is_gone_has_no_lanes(autojump_clock: MockClock) -> None:
    """When a process is gone, the other end of its tunnel gets the bytes under way, and then the end."""
    async with running_fabric() as fabric:
        one, two = fabric.join(1, ANN), fabric.join(2, BOB)
        fabric.want(one, 2)
        await send_all(one.lane(2), b"last words")
        one.lane(2).close()
        await trio.sleep(1)
        assert await receive(two.lane(1)) == b"last words"
        assert await receive(two.lane(1)) == b""
        fabric.want(two, 1)
        await trio.sleep(1)
        fabric.lanes[ANN].detach(one.client)
        assert await receive(two.lane(1)) == b""
        await trio.sleep(5)
        assert (fabric.lanes[ANN].tunnels, fabric.lanes[BOB].tunnels) == (0, 0)


async def test_the_end_of_a_job_ends_its_lanes(autojump_clock: MockClock) -> None:
    """Each peer ends its lanes by itself. Closing a job twice is harmless."""
    async with running_fabric() as fabric:
        one, two = fabric.join(1, ANN), fabric.join(2, BOB)
        fabric.want(one, 2)
        await trio.sleep(1)
        for _ in range(2):
            fabric.routers[ANN].close_job(JOB)
        assert await receive(one.lane(2)) == b""
        assert await receive(two.lane(1)) == b""
        fabric.lanes[ANN].want(one.client, 2)
        fabric.lanes[ANN].detach(one.client)
        await trio.sleep(1)
        assert fabric.lanes[ANN].tunnels == 0


async def test_ranks_hear_how_many_run_on_their_host(autojump_clock: MockClock) -> None:
    """Ranks hear how many ranks run on their host, at each change, and how many processors there are."""
    async with running_fabric() as fabric:
        one = fabric.join(1, ANN)
        for count in (1, 2, 2, 1):
            fabric.lanes[ANN].on_running_changed(count)
        assert [(m.rank, m.number) for m in one.heard(COMPANY)] == [(0, 4), (1, 4), (2, 4), (1, 4)]


async def test_without_descriptors_a_lane_comes_later(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The daemon logs that, and tries again."""

    def fail() -> tuple[socket.socket, socket.socket]:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    async with running_fabric() as fabric:
        one, two, three = fabric.join(1, ANN), fabric.join(2, ANN), fabric.join(3, BOB)
        with monkeypatch.context() as patch:
            patch.setattr(socket, "socketpair", fail)
            fabric.want(one, 2)
            fabric.want(one, 3)
            assert not one.heard(LANE)
        assert "Too many open files" in caplog.text
        await trio.sleep(5)
        for other in (two, three):
            await send_all(one.lane(other.client.rank), b"x")
            assert await receive_all(other.lane(1), 1) == b"x"
