"""What content peers have: they tell it when they meet and at each change, and trust little."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import msgspec
import pytest
import trio
import trio.testing
from pool_scenes import PROGRAMS, RawLink, Stranger, eventually, running_transport
from trio.testing import MockClock

from mpi_actors.daemon.tree import Daemon
from mpi_actors.ids import PeerId
from mpi_actors.net.memory.network import MemoryNetwork
from mpi_actors.programs.functions import FunctionStarter
from mpi_actors.wire.codec import encode
from mpi_actors.wire.messages import MAX_STOCK, Capacity, Ping, Pong, Stock

ROOT = "QmPK1s3pNYLi9ERiq3BDxKa4XosgWwFRQUydHUtz4YgpqB"
OTHER = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn"


@attrs.define(eq=False)
class Keeper:
    """A daemon, and the content that it has."""

    daemon: Daemon
    stock: Stock
    looked: int = 0

    def has(self, *holds: str, addresses: tuple[str, ...] = ()) -> None:
        """Have this content from now on."""
        self.stock = Stock((), holds, addresses)
        self.daemon.on_stock_changed()


@asynccontextmanager
async def keepers(
    stock: dict[str, Stock | None], network: MemoryNetwork | None = None
) -> AsyncIterator[list[Keeper]]:
    """Yield daemons of these names that all know each other; those without a stock have no content."""
    network = network or MemoryNetwork()
    made: list[Keeper] = []

    def keeper(name: str, content: Stock | None) -> Keeper:
        def look() -> Stock:
            made[number].looked += 1
            return made[number].stock

        number = len(made)
        daemon = Daemon(
            transport=network.transport(PeerId(name)),
            starter=FunctionStarter(PROGRAMS),
            pool="memory",
            bootstrap=[address for other in made for address in other.daemon.transport.addresses],
            daemon_pid=1,
            stock=None if content is None else look,
        )
        return Keeper(daemon, content or Stock())

    async with trio.open_nursery() as nursery:
        for name, content in stock.items():
            made.append(keeper(name, content))
            await nursery.start(made[-1].daemon.run)
        await eventually(lambda: all(len(each.daemon.roster) == len(made) - 1 for each in made))
        yield made
        assert not any(each.daemon.protocol_errors() for each in made)
        nursery.cancel_scope.cancel()


async def test_who_comes_says_what_it_has(autojump_clock: MockClock) -> None:
    """Both sides of a new link soon know the other's content; a peer without content sends nothing."""
    kubo = "/ip4/127.0.0.1/tcp/4001/p2p/12D3KooWkubo"
    async with keepers({"ann": Stock((), (ROOT,), (kubo,)), "bob": Stock(), "cid": None}) as (ann, bob, cid):
        for other in (bob, cid):
            await eventually(lambda: other.daemon.providers_of(ROOT) == ("ann",), within=1)  # noqa: B023
            record = other.daemon.roster.get(ann.daemon.local)
            assert record is not None
            assert record.stock == Stock((), (ROOT,), (kubo,))
            assert ann.daemon.providers_of(ROOT) == ()
        assert bob.daemon.providers_of(OTHER) == ()


async def test_what_changes_is_told_and_wakes_who_listens(autojump_clock: MockClock) -> None:
    """New content, removed content, a peer that joins and a peer that leaves are each told once."""
    async with keepers({"ann": Stock(), "bob": Stock()}) as (ann, bob):
        news: list[tuple[PeerId, ...]] = []
        end = bob.daemon.stock_bus.listen(lambda: news.append(bob.daemon.providers_of(ROOT)))
        ann.has(ROOT, OTHER)
        await eventually(lambda: news == [("ann",)], within=1)
        ann.has(OTHER)
        await eventually(lambda: news == [("ann",), ()], within=1)
        ann.has(OTHER)
        ann.daemon.on_offer_changed()
        await trio.sleep(5)
        assert len(news) == 2
        ann.daemon.stop()
        await eventually(lambda: len(news) == 3, within=5)
        end()
        bob.daemon.stock_bus.tell()
        assert len(news) == 3


async def test_a_listener_that_fails_harms_nobody(
    autojump_clock: MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The failure is logged; the session that brought the news and the other listeners go on."""
    async with keepers({"ann": Stock(), "bob": Stock()}) as (ann, bob):
        heard = trio.Event()

        def fail() -> None:
            raise ValueError("cannot take it")

        bob.daemon.stock_bus.listen(fail)
        bob.daemon.stock_bus.listen(heard.set)
        ann.has(ROOT)
        with trio.fail_after(1):
            await heard.wait()
        assert "cannot take it" in caplog.text
        assert bob.daemon.providers_of(ROOT) == ("ann",)


async def test_the_nearest_holder_comes_first(autojump_clock: MockClock) -> None:
    """The latencies that heartbeats measure decide, and then the names."""
    far = {"ann": 0.08, "bob": 0.02, "cid": 0.05}
    network = MemoryNetwork(latency=lambda a, b: far.get(a, 0.0) + far.get(b, 0.0))
    names: dict[str, Stock | None] = dict.fromkeys([*far, "zoe"], Stock((), (ROOT,)))
    async with keepers(names, network) as (*_, zoe):
        await trio.sleep(5)
        assert zoe.daemon.providers_of(ROOT) == ("bob", "cid", "ann")


async def test_ranks_that_start_and_end_tell_nothing_of_content(autojump_clock: MockClock) -> None:
    """They change the capacity; the stock is neither looked up nor sent again."""
    network = MemoryNetwork()
    async with (
        keepers({"ann": Stock((), (ROOT,))}, network) as (ann,),
        running_transport(network, "stranger") as transport,
        trio.open_nursery() as nursery,
    ):
        link = await Stranger(transport).greeted(ann.daemon)
        assert await link.hear(Stock) == Stock((), (ROOT,))
        nursery.start_soon(beat, link)
        looked = ann.looked
        link.heard.clear()
        for _ in range(3):
            await (await ann.daemon.start_job("ring", 2)).wait()
        await link.hear(Pong)
        assert [heard for heard in link.heard if isinstance(heard, Capacity)]
        assert not [heard for heard in link.heard if isinstance(heard, Stock)]
        assert ann.looked == looked
        nursery.cancel_scope.cancel()


async def test_more_than_a_message_holds_is_cut(autojump_clock: MockClock) -> None:
    """Too many names, or names and addresses that are too long, do not cost this peer its links."""
    async with keepers({"ann": Stock(), "bob": Stock()}) as (ann, bob):
        names = tuple(f"{number:0250}" for number in range(9000))
        ann.has(ROOT, "x" * 300, *names, addresses=("y" * 600, *(f"/dns4/{n}" for n in range(99))))
        await eventually(lambda: bob.daemon.providers_of(ROOT), within=1)
        record = bob.daemon.roster.get(ann.daemon.local)
        assert record is not None
        stock = record.stock
        assert stock.holds == (ROOT, *names)[: len(stock.holds)]
        assert 3000 < len(stock.holds) <= MAX_STOCK
        assert stock.addresses == tuple(f"/dns4/{n}" for n in range(32))


async def beat(link: RawLink) -> None:
    """Send a heartbeat now and then."""
    while True:
        await link.say(Ping(0))
        await trio.sleep(0.2)


async def test_a_stranger_may_lie_and_is_forgotten_when_it_goes(autojump_clock: MockClock) -> None:
    """What it claims is told to no other peer, and counts only as long as it is connected."""
    network = MemoryNetwork()
    async with keepers({"ann": Stock(), "bob": Stock()}, network) as (ann, bob):
        async with running_transport(network, "stranger") as transport:
            link = await Stranger(transport).greeted(ann.daemon)
            for _ in range(50):
                await link.say(Stock(("ring",), (), ("nonsense",)), Stock((), (ROOT, ROOT)))
            await eventually(lambda: ann.daemon.providers_of(ROOT) == ("stranger",))
            assert bob.daemon.providers_of(ROOT) == ()
        await eventually(lambda: ann.daemon.providers_of(ROOT) == (), within=10)


@pytest.mark.parametrize(
    "body",
    [
        {"holds": ["x"] * (MAX_STOCK + 1)},
        {"installable": ["x"] * (MAX_STOCK + 1)},
        {"holds": ["x" * 256]},
        {"addresses": ["/ip4/127.0.0.1"] * 33},
        {"addresses": ["x" * 513]},
        {"holds": ROOT},
    ],
    ids=["many", "many to install", "a long name", "many addresses", "a long address", "no list"],
)
async def test_a_stock_over_its_limits_costs_the_link(
    autojump_clock: MockClock, body: dict[str, object]
) -> None:
    """The codec refuses it before anything of it is kept."""
    network = MemoryNetwork()
    async with keepers({"ann": None}, network) as (ann,):
        async with running_transport(network, "stranger") as transport:
            link = await Stranger(transport).greeted(ann.daemon)
            data = msgspec.msgpack.encode(body)
            header = encode(Stock())[4:6]
            await link.control.send_all(len(data).to_bytes(4, "little") + header + data)
            with trio.fail_after(5):
                await link.closed()
        assert ann.daemon.membership.errors == {"BadMessage": 1}
        ann.daemon.membership.errors.clear()
