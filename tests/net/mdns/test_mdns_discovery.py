"""Peers that find each other by mDNS, over real multicast on loopback."""

from __future__ import annotations

import logging
import os
import random
import secrets
import socket
import threading
from collections.abc import AsyncIterator, Callable

import base58
import pytest
import trio
import trio.testing
from zeroconf import DNSIncoming, DNSPointer, DNSService, DNSText  # type: ignore[attr-defined]

from mpi_actors.actors import Backoff, ChildSpec, Exited, ExitReason, Mailbox, Restart, Supervisor
from mpi_actors.ids import PeerId
from mpi_actors.net.addresses import parse
from mpi_actors.net.mdns.discovery import REPORT_AGAIN, SERVICE, THREAD_NAME, MdnsDiscovery

GROUP = ("224.0.0.251", 5353)
NOWHERE = "203.0.113.7"
DEADLINE = 600


def group_socket() -> socket.socket:
    """Open a socket that receives what is sent to the mDNS group on loopback."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(GROUP)
        join = socket.inet_aton(GROUP[0]) + socket.inet_aton("127.0.0.1")
        listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, join)
        listener.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
    except OSError:
        listener.close()
        raise
    return listener


@pytest.fixture(scope="module")
def multicast() -> None:
    """Skip the test where this machine cannot send to a group on loopback."""
    try:
        with group_socket() as hears, group_socket() as sends:
            hears.settimeout(2)
            sends.sendto(b"?", GROUP)
            hears.recv(9000)
    except OSError as error:
        pytest.skip(f"multicast on loopback does not work here: {error}")


@pytest.fixture
def fast_clock() -> trio.testing.MockClock:
    """Let a minute of trio's clock take a second."""
    return trio.testing.MockClock(rate=60)


@pytest.fixture
def pool() -> str:
    """The name of a pool of this test alone: other tests may run at the same time."""
    return secrets.token_hex(8)


class Member:
    """A peer on loopback that announces itself, and keeps what it finds."""

    def __init__(self, pool: str, host: str = "127.0.0.1") -> None:
        key = bytes.fromhex("002408011220") + secrets.token_bytes(32)
        self.id = PeerId(base58.b58encode(key).decode())
        self.address = f"/ip4/{host}/tcp/4001/p2p/{self.id}"
        self.found: list[tuple[str, ...]] = []
        self._news = trio.Event()
        self.discovery = MdnsDiscovery(self.id, (self.address,), pool, self._on_found)

    def _on_found(self, addresses: tuple[str, ...]) -> None:
        self.found.append(addresses)
        self._news.set()

    async def until_found(self, other: Member, times: int = 1) -> None:
        """Wait until that peer was reported that many times."""
        while self.found.count((other.address,)) < times:
            await self._news.wait()
            self._news = trio.Event()

    async def run(self) -> None:
        """The actor."""
        await self.discovery.run(Mailbox("mdns"))


def sockets() -> set[str]:
    """Return the sockets, and other descriptors without a path, of this process."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        try:
            found.add(os.readlink(f"/proc/self/fd/{name}"))
        except FileNotFoundError:  # the one that lists the directory
            continue
    return {link for link in found if link.startswith("socket:")}


@pytest.fixture
async def nothing_left() -> AsyncIterator[None]:
    """After the test there are the sockets of before, and no thread but trio's idle ones."""
    # trio's own, which it makes when it first needs them
    await trio.to_thread.run_sync(lambda: None)
    before = sockets(), set(threading.enumerate())
    yield
    assert sockets() <= before[0]
    assert [
        thread.name
        for thread in set(threading.enumerate()) - before[1]
        if not thread.name.startswith("Trio thread")
    ] == []


@pytest.mark.usefixtures("multicast")
async def test_two_peers_of_a_pool_find_each_other(pool: str, nothing_left: None) -> None:
    """Each gets the other's address, and not its own; then nothing is left."""
    one, two = Member(pool), Member(pool)
    with trio.fail_after(DEADLINE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.run)
            nursery.start_soon(two.run)
            await one.until_found(two)
            await two.until_found(one)
            assert THREAD_NAME in [thread.name for thread in threading.enumerate()]
            nursery.cancel_scope.cancel()
    assert set(one.found) == {(two.address,)}
    assert set(two.found) == {(one.address,)}


@pytest.mark.usefixtures("multicast")
async def test_who_comes_later_finds_those_who_are_there(pool: str) -> None:
    """A new peer asks: it need not wait until others announce themselves again."""
    one, two, three = Member(pool), Member(pool), Member(pool)
    with trio.fail_after(DEADLINE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.run)
            nursery.start_soon(two.run)
            await one.until_found(two)
            nursery.start_soon(three.run)
            await three.until_found(one)
            await three.until_found(two)
            nursery.cancel_scope.cancel()


@pytest.mark.usefixtures("multicast")
async def test_another_pool_is_not_reported(pool: str) -> None:
    """The peers of another pool find each other, but not us, and we do not find them."""
    ours, strangers = [Member(pool), Member(pool)], [Member(pool + "x"), Member(pool + "x")]
    with trio.fail_after(DEADLINE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ours[0].run)
            for member in strangers:
                nursery.start_soon(member.run)
            await strangers[0].until_found(strangers[1])
            await strangers[1].until_found(strangers[0])
            # sent after what the strangers sent, and heard through the same socket
            nursery.start_soon(ours[1].run)
            await ours[0].until_found(ours[1])
            await ours[1].until_found(ours[0])
            nursery.cancel_scope.cancel()
    assert set(ours[0].found) == {(ours[1].address,)}
    assert set(strangers[0].found) == {(strangers[1].address,)}


@pytest.mark.usefixtures("multicast")
async def test_who_stays_is_reported_again(pool: str, fast_clock: trio.testing.MockClock) -> None:
    """A peer that was lost is dialled again, without a word from it."""
    one, two = Member(pool), Member(pool)
    with trio.fail_after(DEADLINE * REPORT_AGAIN):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.run)
            nursery.start_soon(two.run)
            await one.until_found(two, times=3)
            nursery.cancel_scope.cancel()


async def records_of(
    member: Member, listener: trio.socket.SocketType, fits: Callable[[int], bool]
) -> DNSIncoming:
    """Wait for the next response on loopback with the member's TXT record and a right lifetime."""
    while True:
        packet = DNSIncoming(await listener.recv(9000))
        for record in packet.answers():
            if isinstance(record, DNSText) and member.id.encode() in record.text and fits(int(record.ttl)):
                return packet


@pytest.mark.usefixtures("multicast")
async def test_it_speaks_as_libp2p_does_and_says_goodbye(pool: str) -> None:
    """It sends PTR, SRV and TXT of a random name under `_p2p._udp.local`; at the end, with lifetime 0."""
    member = Member(pool)
    with trio.fail_after(DEADLINE), trio.socket.from_stdlib_socket(group_socket()) as listener:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(member.run)
            hello = (await records_of(member, listener, bool)).answers()
            nursery.cancel_scope.cancel()
        goodbye = (await records_of(member, listener, lambda ttl: ttl == 0)).answers()
    [pointer] = [record for record in hello if isinstance(record, DNSPointer)]
    [service] = [record for record in hello if isinstance(record, DNSService)]
    [text] = [record for record in hello if isinstance(record, DNSText)]
    assert pointer.name == SERVICE
    assert pointer.alias == service.name == text.name
    label = pointer.alias.removesuffix("." + SERVICE)
    assert len(label) >= 32
    assert label.isalnum()
    assert service.port == 4001
    first = b"dnsaddr=" + member.address.encode()
    assert text.text.startswith(bytes([len(first)]) + first)
    assert pointer.alias in [record.alias for record in goodbye if isinstance(record, DNSPointer)]


@pytest.mark.usefixtures("multicast")
async def test_broken_packets_do_no_harm(pool: str, caplog: pytest.LogCaptureFixture) -> None:
    """What is found stays valid, no line is logged, and a peer that comes later is found."""
    one, two, model = Member(pool), Member(pool), Member(pool)
    dice = random.Random(7)
    with trio.fail_after(DEADLINE), trio.socket.from_stdlib_socket(group_socket()) as listener:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.run)
            nursery.start_soon(model.run)
            good = (await records_of(model, listener, bool)).data
            await one.until_found(model)
            for _ in range(300):
                packet = bytearray(good[: dice.choice([len(good), dice.randrange(len(good))])])
                for _ in range(min(len(packet), dice.choice([0, 1, 3, 30]))):
                    packet[dice.randrange(len(packet))] = dice.randrange(256)
                await listener.sendto(bytes(packet), GROUP)
            nursery.start_soon(two.run)
            await two.until_found(one)
            await one.until_found(two)
            nursery.cancel_scope.cancel()
    for addresses in one.found:
        [address] = map(parse, addresses)
        assert address.is_ip
        assert address.peer not in (None, one.id)
    assert [record.message for record in caplog.records if record.levelno >= logging.INFO] == []


@pytest.mark.usefixtures("multicast")
@pytest.mark.parametrize("steps", [0, 1, 2, 3, 5, 8])
async def test_it_can_be_cancelled_at_any_moment(pool: str, steps: int, nothing_left: None) -> None:
    """Cancelled at any time, also while it starts, it leaves nothing."""
    with trio.fail_after(DEADLINE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Member(pool).run)
            for _ in range(steps):
                await trio.lowlevel.checkpoint()
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("address", [f"/ip4/{NOWHERE}/tcp/1", "/ip4/0.0.0.0/tcp/1", None])
async def test_where_multicast_is_impossible_it_says_so_once_and_ends(
    address: str | None, caplog: pytest.LogCaptureFixture, nothing_left: None
) -> None:
    """It logs one warning, with the flag that silences it, and raises no error."""
    member = Member("blue")
    addresses = () if address is None else (f"{address}/p2p/{member.id}",)
    with trio.fail_after(DEADLINE):
        await MdnsDiscovery(member.id, addresses, "blue", member.found.append).run(Mailbox("mdns"))
    [warning] = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert "--no-mdns" in warning.getMessage()
    assert "\n" not in warning.getMessage()


async def test_its_supervisor_survives_the_lack_of_multicast() -> None:
    """It ends normally and is not restarted, and its siblings go on."""
    spec = ChildSpec(
        id="mdns",
        run=Member("blue", host=NOWHERE).discovery.run,
        restart=Restart.TRANSIENT,
        backoff=Backoff(first=5),
    )
    supervisor = Supervisor("lan", children=[spec, ChildSpec(id="sibling", run=_wait)])
    notices: Mailbox[Exited] = Mailbox("notices")
    supervisor.watch("mdns", notices, lambda exited: exited)
    with trio.fail_after(DEADLINE):
        async with trio.open_nursery() as nursery:
            await nursery.start(supervisor.run)
            exited = await notices.next()
            assert (exited.reason, exited.gone) == (ExitReason.NORMAL, True)
            assert [child.id for child in supervisor.snapshot().children] == ["sibling"]
            supervisor.stop()


async def _wait(_: Mailbox[object]) -> None:
    await trio.sleep_forever()
