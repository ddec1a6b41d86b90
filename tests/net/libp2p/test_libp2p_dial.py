"""The real transport dials, listens and ends."""

from __future__ import annotations

import os
import socket

import pytest
import trio
from libp2p_pair import echo, keep, new_peer, pair, receive_exactly, refuse, running

from mpi_actors.errors import BadAddress, CannotListen, DialFailed
from mpi_actors.ids import PeerId
from mpi_actors.net.libp2p import identity, quirks


def free_port() -> int:
    """Return a port on which nobody listened a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_who_answers_is_found_out() -> None:
    """A dial without a peer id returns the id of the peer there, and makes no second connection."""
    async with running(new_peer(), refuse) as near, running(new_peer(), echo) as far:
        place = far.addresses[0].rpartition("/p2p/")[0]
        for address in (place, far.addresses[0], place, place.replace("ip4/127.0.0.1", "dns4/localhost")):
            assert await near.connect(address) == far.local
        assert near._host is not None
        assert len(near._host.get_network().get_connections()) == 1


async def test_many_dials_make_one_connection() -> None:
    """Tasks that connect to one peer at once share a connection."""
    async with running(new_peer(), refuse) as near, running(new_peer(), echo) as far:
        async with trio.open_nursery() as nursery:
            for _ in range(5):
                nursery.start_soon(near.connect, far.addresses[0])
        assert near._host is not None
        assert len(near._host.get_network().get_connections()) == 1
        assert near._dialling == {}


async def test_somebody_else_is_not_accepted() -> None:
    """If another peer answers than the address names, the dial fails and names that peer."""
    async with running(new_peer(), refuse) as near, running(new_peer(), refuse) as far:
        wrong = far.addresses[0].replace(far.local, identity.peer_id(identity.ephemeral()))
        with pytest.raises(DialFailed, match=f"another peer answers there, {far.local}"):
            await near.connect(wrong)
        with pytest.raises(DialFailed, match="no connection to"):
            await near.open_stream(far.local)


async def test_a_peer_does_not_dial_itself() -> None:
    """A peer's own address, with or without the id, is refused."""
    async with running(new_peer(), refuse) as near:
        for address in (near.addresses[0], near.addresses[0].rpartition("/p2p/")[0]):
            with pytest.raises(DialFailed, match="that is this peer itself"):
                await near.connect(address)


async def test_a_failed_dial_can_be_repeated_at_once() -> None:
    """Dials to a peer that is down fail each time for the same reason; once it is up, the next succeeds."""
    port = free_port()
    late = new_peer(listen=(f"/ip4/127.0.0.1/tcp/{port}",))
    address = f"/ip4/127.0.0.1/tcp/{port}/p2p/{late.local}"
    async with running(new_peer(), refuse) as near:
        for _ in range(10):
            with pytest.raises(DialFailed, match="Connection refused"):
                await near.connect(address)
        async with running(late, echo):
            assert await near.connect(address) == late.local
            await near.disconnect(late.local)
            assert await near.connect(address) == late.local


async def test_a_peer_is_found_on_another_port() -> None:
    """A peer that comes back elsewhere is reached there, although its old address is known."""
    moving = new_peer()
    async with running(new_peer(), refuse) as near:
        ports = set()
        for _ in range(3):
            async with running(moving, echo):
                ports.add(moving.addresses[0])
                assert await near.connect(moving.addresses[0]) == moving.local
                stream = await near.open_stream(moving.local)
                await stream.send_all(b"hello")
                assert await receive_exactly(stream, 5) == b"hello"
            await near.disconnect(moving.local)
        assert len(ports) == 3


async def test_a_silent_listener_is_given_up() -> None:
    """A listener that accepts and says nothing makes the dial fail at its deadline."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        async with running(new_peer(connect_timeout=0.2), refuse) as near:
            with pytest.raises(DialFailed, match=r"no answer within 0\.2 s"):
                await near.connect(f"/ip4/127.0.0.1/tcp/{silent.getsockname()[1]}")


@pytest.mark.parametrize("place", ["/dns/localhost", "/dns4/localhost", "/ip4/127.0.0.1"])
async def test_a_failed_dial_says_why_in_one_line(place: str) -> None:
    """The reason is that of the operating system, not the library's text."""
    address = f"{place}/tcp/{free_port()}"
    async with running(new_peer(), refuse) as near:
        with pytest.raises(DialFailed) as caught:
            await near.connect(address)
        assert str(caught.value) == f"{address}: Connection refused"


async def test_what_is_no_address_is_refused() -> None:
    """Text that is not an address raises BadAddress, also when nothing runs."""
    with pytest.raises(BadAddress, match="Example: "):
        await new_peer().connect("/ip4/127.0.0.1/udp/1/quic-v1")


async def test_nothing_works_unless_running() -> None:
    """Before `run`, connect and open_stream raise DialFailed, and disconnect does nothing."""
    near = new_peer()
    with pytest.raises(DialFailed, match="not running"):
        await near.connect("/ip4/127.0.0.1/tcp/1")
    with pytest.raises(DialFailed, match="not running"):
        await near.open_stream(near.local)
    await near.disconnect(near.local)


async def test_disconnecting_strangers_does_nothing() -> None:
    """disconnect never raises, whatever the peer's name is."""
    async with running(new_peer(), refuse) as near:
        for name in (identity.peer_id(identity.ephemeral()), PeerId("nonsense"), near.local):
            await near.disconnect(name)
            with pytest.raises(DialFailed, match="no connection to"):
                await near.open_stream(name)


async def test_a_port_in_use_is_noticed() -> None:
    """A second daemon on the same port gets CannotListen, not half of the first one's connections."""
    async with running(new_peer(), refuse) as first:
        taken = first.addresses[0].rpartition("/p2p/")[0]
        with pytest.raises(CannotListen, match="is in use; choose another"):
            await new_peer(listen=(taken,)).run(refuse)


@pytest.mark.parametrize(
    ("address", "error", "why"),
    [
        ("/ip4/192.0.2.1/tcp/0", CannotListen, "192.0.2.1 is not an address of this machine"),
        ("/dns4/localhost/tcp/0", BadAddress, "to listen, give an IP number"),
        ("nonsense", BadAddress, "expected /ip4"),
    ],
)
async def test_a_bad_listening_address_is_named(address: str, error: type[Exception], why: str) -> None:
    """`run` fails at once, with one error that is in no group."""
    with pytest.raises(error, match=why):
        await new_peer(listen=(address,)).run(refuse)


async def test_a_wildcard_is_listed_by_its_numbers() -> None:
    """A peer that listens on all addresses lists those that others can dial."""
    async with running(new_peer(listen=("/ip4/0.0.0.0/tcp/0",)), echo) as far:
        assert all("/ip4/0.0.0.0/" not in address for address in far.addresses)
        loopback = [address for address in far.addresses if address.startswith("/ip4/127.0.0.1/")]
        async with running(new_peer(), refuse) as near:
            assert await near.connect(loopback[0]) == far.local


def count_fds() -> int:
    """Count the open descriptors of this process."""
    return len(os.listdir("/proc/self/fd"))


def count_tasks() -> int:
    """Count the tasks under trio's root, system tasks included."""
    root = trio.lowlevel.current_root_task()
    assert root is not None
    waiting, number = [root], 0
    while waiting:
        number += 1
        for nursery in waiting.pop().child_nurseries:
            waiting.extend(nursery.child_tasks)
    return number


async def test_nothing_is_left_behind() -> None:
    """After `run` there are no more tasks and descriptors than before, although streams were open."""
    async with pair(echo):
        pass  # whatever the first use opens for good
    fds, tasks = count_fds(), count_tasks()
    for _ in range(3):
        async with pair(keep) as (near, far):
            for _ in range(3):
                stream = await near.open_stream(far.local)
                await stream.send_all(b"unread")
            with pytest.raises(DialFailed):
                await near.connect("/ip4/127.0.0.1/tcp/1")
        assert (near.addresses, far.addresses) == ((), ())
    assert count_fds() == fds
    await trio.testing.wait_all_tasks_blocked()
    assert count_tasks() == tasks


async def test_a_transport_can_run_again() -> None:
    """The same object can run again, under the same identity, as after a supervisor's restart."""
    near = new_peer()
    for _ in range(2):
        async with running(near, echo), running(new_peer(), refuse) as other:
            assert await other.connect(near.addresses[0]) == near.local


async def test_streams_are_limited_by_name() -> None:
    """One stream too many is refused at once, by name; a closed stream makes room."""
    async with pair(keep) as (near, far):
        streams = [await near.open_stream(far.local) for _ in range(quirks.MAX_STREAMS)]
        with pytest.raises(DialFailed, match=r"250 streams to .* are open"):
            await near.open_stream(far.local)
        await streams[0].aclose()
        await near.open_stream(far.local)
