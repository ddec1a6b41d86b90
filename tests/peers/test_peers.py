"""Peers that meet: at once, again, after a cut, under a known name. Each pair gets one link."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from random import Random

import pytest
import trio
from pool_scenes import PROGRAMS, RING, children, eventually, listen
from trio.testing import MockClock

from mpi_actors.daemon.tree import Daemon
from mpi_actors.events import Event, PeerJoined, PeerLost
from mpi_actors.ids import PeerId
from mpi_actors.net.memory.network import MemoryNetwork
from mpi_actors.pool.memory import open_memory_pool
from mpi_actors.programs.functions import FunctionStarter, ProgramFunction


def greetings(events: list[Event]) -> list[tuple[str, PeerId]]:
    """Return which peers joined and left."""
    return [(event.name, event.peer) for event in events if isinstance(event, PeerJoined | PeerLost)]


@asynccontextmanager
async def daemons(network: MemoryNetwork, *names: str, meet: bool = True) -> AsyncIterator[list[Daemon]]:
    """Yield daemons that know each other's addresses from the start, and all dial at once."""
    transports = [network.transport(PeerId(name)) for name in names]
    addresses = [transport.life.address for transport in transports]
    made = [
        Daemon(
            transport=transport,
            starter=FunctionStarter(PROGRAMS),
            pool="memory",
            bootstrap=[address for address in addresses if address != transport.life.address and meet],
            daemon_pid=1,
        )
        for transport in transports
    ]
    async with trio.open_nursery() as nursery:
        for daemon in made:
            nursery.start_soon(daemon.run)
        yield made
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("seed", range(20))
async def test_two_peers_that_dial_each_other_at_once_have_one_link(
    autojump_clock: MockClock, seed: int
) -> None:
    """With any delays, each peer sees the other join exactly once, and the link stays."""
    rng = Random(seed)
    network = MemoryNetwork(latency=lambda _a, _b: rng.uniform(0.0, 0.08), seed=seed)
    async with daemons(network, "left", "right") as (left, right):
        seen = [listen(left), listen(right)]
        await trio.sleep(60)
        assert [greetings(events) for events in seen] == [
            [("peer-joined", "right")],
            [("peer-joined", "left")],
        ]
        assert [children(left, "peers"), children(right, "peers")] == [1, 1]
        assert not left.protocol_errors() + right.protocol_errors()


async def test_many_peers_that_start_at_once_all_meet(autojump_clock: MockClock) -> None:
    """Each peer is linked once with each other peer."""
    rng = Random(5)
    network = MemoryNetwork(latency=lambda _a, _b: rng.uniform(0.0, 0.02))
    names = [f"peer-{number:02}" for number in range(8)]
    async with daemons(network, *names) as made:
        seen = [listen(daemon) for daemon in made]
        await trio.sleep(15)
        for daemon, events in zip(made, seen, strict=True):
            others = sorted(name for name in names if name != daemon.local)
            assert sorted(greetings(events)) == [("peer-joined", name) for name in others]
            assert children(daemon, "peers") == 7
            assert not daemon.protocol_errors()


async def test_peers_learn_of_each_other(autojump_clock: MockClock) -> None:
    """A peer that knows one peer of a pool soon knows all of them."""
    network = MemoryNetwork()
    async with daemons(network, "one", "two", "three", "four", meet=False) as made:
        one = made[0]
        for daemon in made[1:]:
            await eventually(lambda: one.transport.addresses)
            await daemon.connect(one.transport.addresses[0])
        await eventually(lambda: all(len(daemon.roster) == 3 for daemon in made), within=5)


@pytest.mark.parametrize("seconds", [1.0, 30.0])
async def test_a_cut_between_two_peers_heals(autojump_clock: MockClock, seconds: float) -> None:
    """A short cut is not even noticed; after a long one the peers find each other again, once."""
    network = MemoryNetwork()
    async with daemons(network, "left", "right") as (left, right):
        await trio.sleep(5)
        seen = [listen(left), listen(right)]
        network.cut(left.local, right.local)
        await trio.sleep(seconds)
        network.heal(left.local, right.local)
        await trio.sleep(60)
        lost = seconds > 10
        for events, other in zip(seen, ("right", "left"), strict=True):
            expected = [("peer-lost", other), ("peer-joined", other)] if lost else []
            assert greetings(events) == expected
        assert [children(left, "peers"), children(right, "peers")] == [1, 1]


@pytest.mark.parametrize("name", ["left", "right"])
async def test_a_daemon_that_is_started_again_is_the_same_peer(autojump_clock: MockClock, name: str) -> None:
    """Killed and started again with its identity, it is linked again soon, and jobs run on both peers."""
    network = MemoryNetwork()
    async with daemons(network, "left", "right") as pair, trio.open_nursery() as nursery:
        old, stays = sorted(pair, key=lambda daemon: daemon.local != name)
        await eventually(lambda: len(stays.roster) == 1)
        events = listen(stays)
        network.kill(old.local)
        old.stop()
        again = Daemon(
            transport=network.transport(PeerId(name)),
            starter=FunctionStarter(PROGRAMS),
            pool="memory",
            bootstrap=stays.transport.addresses,
            daemon_pid=2,
        )
        await nursery.start(again.run)
        await eventually(lambda: len(stays.roster) == len(again.roster) == 1, within=20)
        job = await stays.start_job("ring", 3)
        with trio.fail_after(30):
            assert (await job.wait()).output == RING
        assert greetings(events) == [("peer-lost", name), ("peer-joined", name)]
        nursery.cancel_scope.cancel()


async def test_a_peer_that_leaves_says_goodbye(autojump_clock: MockClock) -> None:
    """The other peers know why it left, and the ranks that it hosted go on elsewhere."""
    async with open_memory_pool(PROGRAMS, peers=3) as pool:
        events = listen(pool.peer(0).daemon)
        job = await pool.start("ring", 3)
        await trio.sleep(1)
        pool.peer(1).daemon.stop()
        with trio.fail_after(30):
            assert (await job.wait()).output == RING
        (lost,) = [event for event in events if isinstance(event, PeerLost)]
        assert (lost.peer, lost.reason) == (pool.peer(1).id, "it said goodbye: it leaves the pool")


async def test_named_by_a_person_outlasts_named_by_others(autojump_clock: MockClock) -> None:
    """A peer that other peers named first, and a person later, is tried for ever."""
    network = MemoryNetwork()
    async with daemons(network, "left", "right", meet=False) as (left, right):
        await eventually(lambda: right.transport.addresses)
        left.find(right.transport.addresses)
        await eventually(lambda: len(left.roster) == 1)
        await left.connect(right.transport.addresses[0])
        network.cut(left.local, right.local)
        await trio.sleep(3600)
        assert len(left.roster) == 0
        network.heal(left.local, right.local)
        await eventually(lambda: len(left.roster) == 1)


@pytest.mark.parametrize("after_ms", range(0, 500, 10))
async def test_an_offer_that_changes_while_two_peers_meet_is_told(
    autojump_clock: MockClock, after_ms: int
) -> None:
    """A change between the greeting and the start of the session is not lost."""
    network = MemoryNetwork(latency=0.05)
    offers: dict[str, dict[str, ProgramFunction]] = {"left": {}, "right": {}}

    class Growing(FunctionStarter):
        def __init__(self, name: str) -> None:
            self._functions = offers[name]

    transports = {name: network.transport(PeerId(name)) for name in offers}
    made = {
        name: Daemon(
            transport=transport,
            starter=Growing(name),
            pool="memory",
            bootstrap=[transports["left"].life.address] if name == "right" else [],
            daemon_pid=1,
        )
        for name, transport in transports.items()
    }
    async with trio.open_nursery() as nursery:
        for daemon in made.values():
            nursery.start_soon(daemon.run)
        await trio.sleep(after_ms / 1000)
        for name, daemon in made.items():
            offers[name].update(PROGRAMS)
            daemon.on_offer_changed()
        await trio.sleep(5)
        for daemon in made.values():
            assert [record.capacity.interpreters for record in daemon.roster] == [tuple(sorted(PROGRAMS))]
        nursery.cancel_scope.cancel()
