"""What a stranger sends costs the stranger its connection, is counted and logged, and harms nobody else."""

from __future__ import annotations

import itertools
import logging
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import attrs
import pytest
import trio
from pool_scenes import Scene, Stranger, children, ended, eventually, listen, running_transport, under_attack
from trio.testing import MockClock

from mpi_actors.config import PeerLimits, Settings
from mpi_actors.errors import ConnectionLost
from mpi_actors.events import PeerJoined, PeerLost
from mpi_actors.ids import COORDINATOR, JobId
from mpi_actors.net.memory.network import MemoryNetwork
from mpi_actors.wire.codec import MAX_CONTROL
from mpi_actors.wire.frame import MAX_CHUNK, Frame, FrameKind
from mpi_actors.wire.messages import (
    Accepted,
    AskRank,
    Capacity,
    ControlMessage,
    EndJob,
    Goodbye,
    KnownPeers,
    PeerAddress,
    Ping,
    Placed,
    Placement,
    Pong,
    RankBroke,
    RankExited,
    RankIsUp,
    RankPreparing,
    RankRefused,
    RankState,
    RankStderr,
    StartRank,
    Stock,
    StopRank,
)
from mpi_actors.wire.preamble import PROTOCOL_VERSION, TOKEN_SIZE, Preamble, StreamKind

HELLO = Settings().timing.hello
FOREIGN = JobId("f" * 16)
Attack = Callable[[Scene], Awaitable[None]]


# --- attacks that the protocol knows: each ends when the stranger's connection is closed -------------------


async def garbage(scene: Scene) -> None:
    stream = await scene.stranger.stream(scene.home)
    await stream.send_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    await ended(stream)


async def another_version(scene: Scene) -> None:
    stream = await scene.stranger.stream(scene.home)
    preamble = Preamble(StreamKind.CONTROL, bytes(TOKEN_SIZE), version=PROTOCOL_VERSION + 1)
    await stream.send_all(preamble.encode())
    await ended(stream)


async def silence(scene: Scene) -> None:
    began = trio.current_time()
    await ended(await scene.stranger.stream(scene.home))
    assert HELLO <= trio.current_time() - began < HELLO + 1


async def half_a_preamble(scene: Scene) -> None:
    stream = await scene.stranger.stream(scene.home)
    await stream.send_all(b"MPIA")
    await ended(stream)


async def half_a_pair(scene: Scene) -> None:
    stream = await scene.stranger.stream(scene.home)
    await stream.send_all(Preamble(StreamKind.DATA, bytes(TOKEN_SIZE)).encode())
    await ended(stream)


async def two_of_a_kind(scene: Scene) -> None:
    streams = [await scene.stranger.stream(scene.home) for _ in range(2)]
    for stream in streams:
        await stream.send_all(Preamble(StreamKind.DATA, bytes(TOKEN_SIZE)).encode())
    for stream in streams:
        await ended(stream)


async def no_hello(scene: Scene) -> None:
    link = await scene.stranger.link(scene.home)
    for nonce in range(20):
        await link.say(Ping(nonce))
        await trio.sleep(HELLO / 25)
    await link.closed()


async def message_before_hello(scene: Scene) -> None:
    link = await scene.stranger.link(scene.home)
    await link.say(Capacity(), scene.stranger.hello(scene.home))
    await link.closed()


async def stock_before_hello(scene: Scene) -> None:
    link = await scene.stranger.link(scene.home)
    await link.say(Stock((), ("QmRoot",)), scene.stranger.hello(scene.home))
    await link.closed()


async def second_hello(scene: Scene) -> None:
    link = await scene.stranger.greeted(scene.home)
    await link.say(scene.stranger.hello(scene.home))
    await link.closed()


async def accepts_what_is_not_offered(scene: Scene) -> None:
    link = await scene.stranger.link(scene.home)
    await link.say(scene.stranger.hello(scene.home), Accepted())
    await link.closed()


async def another_pool(scene: Scene) -> None:
    link = await scene.stranger.link(scene.home)
    await link.say(scene.stranger.hello(scene.home, pool="bafyother"))
    goodbye = await link.hear(Goodbye)
    assert goodbye == Goodbye(f"different pools: yours is bafyother, mine {scene.home.pool}", retry=False)
    await link.closed()


async def oversize_control(scene: Scene) -> None:
    link = await scene.stranger.greeted(scene.home)
    await link.control.send_all(struct.pack("<IH", MAX_CONTROL + 1, 5))
    await link.closed()


async def unknown_control(scene: Scene) -> None:
    link = await scene.stranger.greeted(scene.home)
    await link.control.send_all(struct.pack("<IH", 0, 77))
    await link.closed()


async def garbage_in_control(scene: Scene) -> None:
    link = await scene.stranger.greeted(scene.home)
    await link.control.send_all(struct.pack("<IH", 3, 20) + b"\xc1\xc1\xc1")
    await link.closed()


async def garbage_in_data(scene: Scene) -> None:
    link = await scene.stranger.greeted(scene.home)
    await link.data.send_all(b"\xff" + bytes(100))
    await link.closed()


async def oversize_frame(scene: Scene) -> None:
    link = await scene.stranger.greeted(scene.home)
    frame = Frame(FrameKind.DATA, FOREIGN, 0, 1, 0, 0, payload=bytes(MAX_CHUNK + 1))
    await link.data.send_all(frame.header())
    await link.closed()


def forged(scene: Scene, src: int, dst: int) -> Frame:
    return Frame(FrameKind.DATA, scene.job.id, src, dst, 0, 0, seq=0, total=1, payload=b"7")


async def speaks_as_a_rank_to_the_coordinator(scene: Scene) -> None:
    link = await scene.stranger.greeted(scene.home)
    await link.send(forged(scene, 1, COORDINATOR))
    await link.closed()


async def speaks_as_a_rank_to_a_host(scene: Scene) -> None:
    link = await scene.stranger.greeted(scene.host)
    await link.send(forged(scene, 0, 1))
    await link.closed()


async def speaks_as_the_coordinator_to_a_host(scene: Scene) -> None:
    link = await scene.stranger.greeted(scene.host)
    await link.send(forged(scene, COORDINATOR, 1))
    await link.closed()


def tells_of_a_rank(make: Callable[[JobId], ControlMessage]) -> Attack:
    async def attack(scene: Scene) -> None:
        link = await scene.stranger.greeted(scene.home)
        await link.say(make(scene.job.id))
        await link.closed()

    return attack


def gives_an_order(make: Callable[[JobId], ControlMessage]) -> Attack:
    async def attack(scene: Scene) -> None:
        link = await scene.stranger.greeted(scene.host)
        await link.say(make(scene.job.id))
        await link.closed()

    return attack


OFFENCES: list[tuple[Attack, str]] = [
    (garbage, "BadPreamble"),
    (another_version, "VersionMismatch"),
    (silence, "HelloTimeout"),
    (half_a_preamble, "HelloTimeout"),
    (half_a_pair, "HelloTimeout"),
    (two_of_a_kind, "BadPreamble"),
    (no_hello, "HelloTimeout"),
    (message_before_hello, "OutOfTurn"),
    (stock_before_hello, "OutOfTurn"),
    (second_hello, "OutOfTurn"),
    (accepts_what_is_not_offered, "OutOfTurn"),
    (another_pool, "DifferentPool"),
    (oversize_control, "FrameTooLarge"),
    (unknown_control, "BadMessage"),
    (garbage_in_control, "BadMessage"),
    (garbage_in_data, "BadFrame"),
    (oversize_frame, "FrameTooLarge"),
    (speaks_as_a_rank_to_the_coordinator, "Impostor"),
    (speaks_as_a_rank_to_a_host, "Impostor"),
    (speaks_as_the_coordinator_to_a_host, "Impostor"),
]
FORGERIES = {
    "started": tells_of_a_rank(lambda job: RankIsUp(job, 1, 0, 1, 1)),
    "exited": tells_of_a_rank(lambda job: RankExited(job, 1, 0, False, 0, 0, "exit code 0", "")),
    "refused": tells_of_a_rank(lambda job: RankRefused(job, 1, 0, "no")),
    "broke": tells_of_a_rank(lambda job: RankBroke(job, 1, 0, "ReplayDivergence", "no")),
    "preparing": tells_of_a_rank(lambda job: RankPreparing(job, 1, 0, "installing")),
    "stderr": tells_of_a_rank(lambda job: RankStderr(job, 1, 0, 0, b"no")),
    "start": gives_an_order(lambda job: StartRank(job, 1, 1, 3, "idle", (), ())),
    "placed": gives_an_order(lambda job: Placed(job, Placement(0, 9, "stranger"))),
    "stop": gives_an_order(lambda job: StopRank(job, 1, 0)),
    "end": gives_an_order(EndJob),
    "ask": gives_an_order(lambda job: AskRank(job, 1, 1)),
}


@pytest.mark.parametrize(
    ("attack", "error"),
    [pytest.param(attack, error, id=attack.__name__) for attack, error in OFFENCES]
    + [pytest.param(attack, "Impostor", id=f"forges {name}") for name, attack in FORGERIES.items()],
)
async def test_an_offender_loses_its_connection_and_nobody_else_notices(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture, attack: Attack, error: str
) -> None:
    """The connection is closed, the error is counted by name and logged; the others' job ends well."""
    caplog.set_level(logging.WARNING)
    async with under_attack() as scene:
        with trio.fail_after(HELLO + 5):
            await attack(scene)
        daemons = (scene.home, scene.host)
        await trio.testing.wait_all_tasks_blocked()
        counted = sum((daemon.protocol_errors() for daemon in daemons), start=Counter())
        assert counted == {error: 1}
        assert any(error in record.message and "stranger" in record.message for record in caplog.records)
        assert all(daemon.roster.get(scene.stranger.transport.local) is None for daemon in daemons)
        assert [children(daemon, "peers") for daemon in daemons] == [1, 1]


# --- what is not an offence, and what nobody needs to know --------------------------------------------------


async def test_frames_for_unknown_jobs_are_counted_and_dropped(autojump_clock: MockClock) -> None:
    """A job may have ended here while its frames were on their way, so they do not break the protocol."""
    async with under_attack() as scene:
        link = await scene.stranger.greeted(scene.home)
        await link.send(
            *(Frame(FrameKind.DATA, FOREIGN, 0, n, 0, 0, total=1, payload=b"x") for n in range(100))
        )
        await eventually(lambda: scene.home.router.dropped["no such job"] == 100)
        await link.say(Ping(77))
        await link.hear(Pong)
        assert not scene.home.protocol_errors()


async def test_news_of_incarnations_that_do_not_exist_are_dropped(autojump_clock: MockClock) -> None:
    """Frames and messages of a future or a past incarnation do not reach the job."""
    async with under_attack() as scene:
        link = await scene.stranger.greeted(scene.home)
        job, early = scene.job.id, scene.home.router.dropped["early"]
        await link.send(Frame(FrameKind.DATA, job, 1, COORDINATOR, 5, 0, total=1, payload=b"x"))
        for rank in (1, 4095):
            await link.say(
                RankExited(job, rank, 5, False, 1, 0, "exit code 1", "forged"),
                RankBroke(job, rank, 5, "Forged", "forged"),
                RankRefused(job, rank, 5, "forged"),
                RankIsUp(job, rank, 5, 1, 1),
                RankPreparing(job, rank, 5, "forged"),
            )
        await link.say(Ping(1))
        await link.hear(Pong)
        assert scene.home.router.dropped["early"] == early + 1


async def test_a_forged_end_does_not_hide_the_true_one(autojump_clock: MockClock) -> None:
    """While a rank's last lines are on their way, other peers cannot take back that it has ended."""
    network = MemoryNetwork(bandwidth=1_000_000)
    async with under_attack(network=network) as scene, trio.open_nursery() as nursery:
        link = await scene.stranger.greeted(scene.home)

        async def pester() -> None:
            for nonce in itertools.count():
                for rank in range(3):
                    forged = RankExited(job.id, rank, 99, False, 0, 0, "exit code 0", "")
                    await link.say(forged, Ping(nonce))
                await trio.sleep(0.01)

        job = await scene.pool.start("chatty", 3)
        nursery.start_soon(pester)
        with trio.fail_after(60):
            assert (await job.wait()).ok
        assert [len([line for line in job.log if line.rank == rank]) for rank in range(3)] == [100] * 3
        nursery.cancel_scope.cancel()


async def test_answers_of_others_are_not_shown(autojump_clock: MockClock) -> None:
    """`why` shows what a rank's host says of the rank, and nothing that another peer says."""
    async with under_attack() as scene:
        link = await scene.stranger.greeted(scene.home)
        scene.pool.network.delay(scene.home.local, scene.host.local, 0.1)
        forged = [RankState(scene.job.id, rank, 0, 1, "is in the best of health") for rank in (1, 2, 4095)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(link.say, *forged)
            why = await scene.job.why()
        assert "best of health" not in "\n".join(why)
        assert "rank 1" in why[1]
        assert not scene.home.protocol_errors()


async def test_invented_pongs_do_not_change_the_latency(autojump_clock: MockClock) -> None:
    """Only answers to pings that were sent change the latency."""
    async with under_attack() as scene:
        scene.pool.network.delay(scene.home.local, scene.stranger.transport.local, 0.05)
        link = await scene.stranger.greeted(scene.home)
        for _ in range(10):
            ping = await link.hear(Ping)
            link.heard.clear()
            await link.say(Pong(ping.nonce), *(Pong(10**6 + n) for n in range(10)))
        record = scene.home.roster.get(scene.stranger.transport.local)
        assert record is not None
        assert record.latency >= 0.1


async def test_a_flood_of_streams_leaves_room_for_others(autojump_clock: MockClock) -> None:
    """Silent streams of one stranger beyond the limit are closed at once, and new peers get in."""
    settings = Settings(peer=PeerLimits(max_pending=40))
    async with under_attack(settings=settings) as scene, trio.open_nursery() as nursery:
        streams = [await scene.stranger.stream(scene.home) for _ in range(100)]
        for number, stream in enumerate(streams):
            if number < 8:
                await stream.send_all(Preamble(StreamKind.DATA, number.to_bytes(TOKEN_SIZE)).encode())
            nursery.start_soon(ended, stream)
        await eventually(lambda: scene.home.protocol_errors()["TooManyStreams"] == 100 - 16, within=1)
        await scene.pool.add()
        await eventually(lambda: len(scene.home.roster) == 2, within=1)
        await eventually(lambda: scene.home.protocol_errors()["HelloTimeout"] == 16, within=HELLO + 1)
    assert scene.home.protocol_errors().total() == 100


async def test_a_flood_of_links_leaves_room_for_others(autojump_clock: MockClock) -> None:
    """Silent links of one stranger beyond the limit are closed at once, and new peers get in."""
    async with under_attack() as scene:
        links = []
        for _ in range(30):
            links.append(await scene.stranger.link(scene.home))
            await trio.sleep(0.01)
        assert children(scene.home, "peers") == 1 + 8
        await scene.pool.add()
        await eventually(lambda: len(scene.home.roster) == 2, within=1)
        for link in links:
            await link.closed()
        assert scene.home.protocol_errors() == {"TooManyStreams": 22, "HelloTimeout": 8}


async def test_a_stranger_of_another_pool_that_takes_no_goodbye_is_cut_off(autojump_clock: MockClock) -> None:
    """It does not get in by sending Accepted, nor stay by sending heartbeats without reading."""
    async with under_attack("another", network=MemoryNetwork(capacity=64)) as scene:
        link = await scene.stranger.link(scene.home)
        await link.say(scene.stranger.hello(scene.home, pool="bafyother"), Accepted())
        events = listen(scene.home)

        async def stay() -> None:
            for nonce in itertools.count():
                await link.say(Ping(nonce), Accepted())
                await trio.sleep(0.1)

        with trio.fail_after(3 * HELLO), pytest.raises(ConnectionLost):
            await stay()
        assert events == [event for event in events if not isinstance(event, PeerJoined)]
        assert scene.home.protocol_errors() == {"DifferentPool": 1}
        assert children(scene.home, "peers") == 1


async def test_gossip_of_any_size_can_be_passed_on(autojump_clock: MockClock) -> None:
    """Many peers with as many and as long addresses as allowed do not cost a new peer its link."""
    async with under_attack() as scene, AsyncExitStack() as stack:
        addresses = tuple(f"/memory/9/{n:02}{'é' * 500}" for n in range(32))
        others = [
            await stack.enter_async_context(running_transport(scene.pool.network, f"x{number:02}"))
            for number in range(80)
        ]
        hello = attrs.evolve(scene.stranger.hello(scene.home), addresses=addresses)
        for other in others:
            await Stranger(other).greeted(scene.home, hello)
        link = await scene.stranger.greeted(scene.home)
        while sum(len(told.peers) for told in link.heard if isinstance(told, KnownPeers)) < 81:
            link.heard += link.decoder.feed(await link.control.receive_some())
        assert not scene.home.protocol_errors()


async def test_gossip_about_nobody_is_harmless(autojump_clock: MockClock) -> None:
    """Addresses that lead nowhere, to other peers or to this one are tried or dropped, without harm."""
    async with under_attack() as scene:
        link = await scene.stranger.greeted(scene.home)
        for batch in range(20):
            peers = [
                PeerAddress(f"p{batch}-{n}", (f"/memory/99/p2p/p{batch}-{n}", "nonsense", "/memory/1/p2p/x"))
                for n in range(100)
            ]
            own = PeerAddress(scene.home.local, scene.home.transport.addresses)
            await link.say(KnownPeers((own, *peers)))
        await link.say(Ping(1))
        await link.hear(Pong)
        assert not scene.home.protocol_errors()


# --- strangers that give orders of their own ------------------------------------------------------------


async def test_orders_that_are_refused_leave_nothing_behind(autojump_clock: MockClock) -> None:
    """A host forgets a job of which it hosts no rank."""
    async with under_attack() as scene:
        link = await scene.stranger.greeted(scene.host)
        places = tuple(Placement(rank, 0, "somebody") for rank in range(100))
        for number in range(50):
            await link.say(StartRank(f"{number:016x}", 0, 0, 100, "no such program", (), places))
            await link.hear(RankRefused)
        await eventually(lambda: set(scene.host.router._jobs) == {scene.job.id}, within=1)


async def test_an_own_job_of_a_stranger_ends_with_its_link(autojump_clock: MockClock) -> None:
    """Ranks that a coordinator has started are stopped when the coordinator is gone."""
    async with under_attack() as scene:
        link = await scene.stranger.greeted(scene.host)
        await link.say(StartRank(FOREIGN, 0, 0, 1, "idle", (), ()))
        await link.hear(RankIsUp)
        assert scene.host.router.coordinator_of(FOREIGN) == "stranger"
        await link.say(Goodbye("that was all"))
        await eventually(lambda: scene.host.router.coordinator_of(FOREIGN) is None, within=5)
        assert not scene.host.protocol_errors()


async def test_an_order_that_overtakes_the_true_coordinators_is_not_obeyed(autojump_clock: MockClock) -> None:
    """Orders for an unknown job wait in the mailbox, together with those that make the job known."""
    async with under_attack() as scene:
        await scene.stranger.greeted(scene.host)
        dispatch, stranger = scene.host.router.dispatch, scene.stranger.transport.local
        dispatch(scene.home.local, StartRank(FOREIGN, 0, 0, 1, "idle", (), ()))
        for order in (EndJob(FOREIGN), StopRank(FOREIGN, 0, 0), StartRank(FOREIGN, 0, 1, 1, "idle", (), ())):
            dispatch(stranger, order)
        await trio.sleep(0.5)
        assert scene.host.router.coordinator_of(FOREIGN) == scene.home.local
        assert FOREIGN in {key[0] for key in scene.host.host._hosted}


async def test_what_is_sent_without_credit_costs_the_connection(autojump_clock: MockClock) -> None:
    """A host that sends more than a receiver granted is cut off, and memory stays bounded."""
    async with under_attack() as scene:
        link = await scene.stranger.greeted(scene.host)
        await link.say(StartRank(FOREIGN, 0, 0, 2, "idle", (), (Placement(1, 0, "stranger"),)))
        await link.hear(RankIsUp)
        window = scene.host.settings.lanes.window
        chunk = bytes(MAX_CHUNK)
        sent = 0
        with trio.move_on_after(10):
            while sent < 4 * window and not scene.host.protocol_errors():
                frame = Frame(FrameKind.DATA, FOREIGN, 1, 0, 0, 0, sent // MAX_CHUNK, 0, MAX_CHUNK, chunk)
                try:
                    await link.send(frame)
                except ConnectionLost:
                    break
                sent += MAX_CHUNK
        await link.closed()
        assert scene.host.protocol_errors() == {"BadFrame": 1}


# --- comings and goings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["another", "stranger"])
async def test_a_goodbye_is_no_offence(autojump_clock: MockClock, name: str) -> None:
    """A peer that says goodbye has left, for the reason that it gave, and may come again."""
    async with under_attack(name) as scene:
        events = listen(scene.home)
        for _ in range(2):
            link = await scene.stranger.greeted(scene.home)
            await link.say(Goodbye("it is late"))
            await link.closed()
        who = scene.stranger.transport.local
        came = [event.peer for event in events if isinstance(event, PeerJoined)]
        went = [(event.peer, event.reason) for event in events if isinstance(event, PeerLost)]
        assert (came, went) == ([who] * 2, [(who, "it said goodbye: it is late")] * 2)
        assert not scene.home.protocol_errors()


@pytest.mark.parametrize("name", ["another", "stranger"])
async def test_a_peer_that_was_started_anew_replaces_its_old_self(
    autojump_clock: MockClock, name: str
) -> None:
    """A new instance with a known identity means that the old one is dead, whatever the state of its link."""
    async with under_attack(name) as scene:
        old = await scene.stranger.greeted(scene.home)
        events = listen(scene.home)
        hello = scene.stranger.hello(scene.home, instance="second")
        new = await scene.stranger.link(scene.home)
        await new.say(hello)
        if scene.stranger.transport.local < scene.home.local:
            await new.say(Accepted())
        else:
            await new.hear(Accepted)
        await old.closed()
        await new.say(Ping(1))
        await new.hear(Pong)
        who = scene.stranger.transport.local
        seen = [(type(event), event.peer) for event in events if isinstance(event, PeerJoined | PeerLost)]
        assert seen == [(PeerLost, who), (PeerJoined, who)]
        assert not scene.home.protocol_errors()


async def test_a_second_link_of_the_same_instance_is_turned_away(autojump_clock: MockClock) -> None:
    """One link is enough: the second one is closed with a goodbye, and the first one goes on."""
    async with under_attack() as scene:
        first = await scene.stranger.greeted(scene.home)
        second = await scene.stranger.link(scene.home)
        await second.say(scene.stranger.hello(scene.home))
        assert await second.hear(Goodbye) == Goodbye("there is a link between us already", retry=True)
        await second.closed()
        await first.say(Ping(5))
        await first.hear(Pong)
        assert not scene.home.protocol_errors()


async def test_a_peer_that_reads_nothing_is_cut_off(autojump_clock: MockClock) -> None:
    """Even if it sends heartbeats, what waits for it is bounded."""
    async with under_attack() as scene:
        link = await scene.stranger.greeted(scene.home)
        record = scene.home.roster.get(scene.stranger.transport.local)
        assert record is not None
        news = Capacity(tuple(f"{n:0255}" for n in range(1000)))
        for nonce in range(200):
            record.link.send_control(news)
            try:
                await link.say(Ping(nonce))
            except ConnectionLost:
                break
            await trio.sleep(0.001)
        await eventually(lambda: scene.home.roster.get(scene.stranger.transport.local) is None, within=1)


async def test_a_stranger_that_never_greets_cannot_be_connected(autojump_clock: MockClock) -> None:
    """A stranger that takes streams and never greets is not a peer, and `connect` fails."""
    async with under_attack() as scene:
        (address,) = scene.stranger.transport.addresses
        with pytest.raises(ConnectionLost, match="no greeting within"):
            await scene.home.connect(address)
