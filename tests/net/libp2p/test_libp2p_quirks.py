"""Each work-around for py-libp2p twice: the library alone does wrong, and with the work-around does right.

When a test named `..._is_still_needed` fails, a new release of the library has put that right: take the
work-around out of `mpi_actors/net/libp2p/quirks.py` (or `dial.py`), with its tests.
"""

from __future__ import annotations

import importlib.metadata
import logging
import struct
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import libp2p.stream_muxer.yamux.yamux as yamux
import pytest
import trio
from libp2p import new_host
from libp2p.abc import INetStream
from libp2p.custom_types import TProtocol
from libp2p.host.basic_host import BasicHost, _IdentifyNotifee
from libp2p.io import utils as library_io
from libp2p.io.abc import Reader
from libp2p.io.exceptions import IncompleteReadError
from libp2p.network.exceptions import SwarmException
from libp2p.network.stream.exceptions import StreamEOF, StreamReset
from libp2p.network.swarm import Swarm
from libp2p.peer.peerinfo import PeerInfo, info_from_p2p_addr
from multiaddr import Multiaddr

from mpi_actors.net.libp2p import identity, quirks
from mpi_actors.net.libp2p.quirks import SafeYamux, connection_config, read_exactly, reason
from mpi_actors.net.libp2p.transport import build_host

LOOPBACK = Multiaddr("/ip4/127.0.0.1/tcp/0")
PROTOCOL = TProtocol("/test")
LIMIT = 600.0  # seconds after which a test is taken to hang


KINDS = pytest.mark.parametrize(
    ("kind", "ours"), [(yamux.Yamux, False), (SafeYamux, True)], ids=["is_still_needed", "ours"]
)


def plain_host() -> BasicHost:
    """Make a host as the library does."""
    host = new_host(key_pair=identity.ephemeral(), connection_config=connection_config())
    assert isinstance(host, BasicHost)
    return host


def our_host() -> BasicHost:
    """Make a host with every work-around."""
    return build_host(identity.ephemeral())


def swarm_of(host: BasicHost) -> Swarm:
    """Return the swarm of a host."""
    network = host.get_network()
    assert isinstance(network, Swarm)
    return network


@asynccontextmanager
async def running(*hosts: BasicHost) -> AsyncIterator[None]:
    """Run all `hosts` on loopback during the block; a block that hangs fails."""
    with trio.fail_after(LIMIT):
        if not hosts:
            yield
            return
        async with hosts[0].run([LOOPBACK]), running(*hosts[1:]):
            try:
                yield
            finally:
                with trio.CancelScope(shield=True):
                    await hosts[0].close()


def info(host: BasicHost) -> PeerInfo:
    """Return where `host` listens."""
    return info_from_p2p_addr(host.get_addrs()[0])


class Wire:
    """A secured connection whose writes wait until `flow` is set, and whose reads wait for `close`."""

    is_initiator = True

    def __init__(self) -> None:
        self.flow = trio.Event()
        self.closed = trio.Event()
        self.written: list[bytes] = []

    async def write(self, data: bytes) -> None:
        """Write half at once, and half when the wire flows; give up when the wire is closed."""
        self.written.append(data[: len(data) // 2])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._first, self.flow, nursery.cancel_scope)
            nursery.start_soon(self._first, self.closed, nursery.cancel_scope)
        self.written.append(data[len(data) // 2 :])

    async def _first(self, event: trio.Event, scope: trio.CancelScope) -> None:
        await event.wait()
        scope.cancel()

    async def read(self, n: int | None = None) -> bytes:
        """Nothing, at the end."""
        await self.closed.wait()
        return b""

    async def close(self) -> None:
        """End all reads and writes."""
        self.closed.set()
        await trio.lowlevel.checkpoint()


def connection(kind: type[yamux.Yamux], wire: Wire) -> yamux.Yamux:
    """Make a multiplexed connection over `wire`."""
    return kind(wire, swarm_of(our_host()).get_peer_id())  # type: ignore[arg-type]


def test_the_release_is_the_one_that_was_measured() -> None:
    """Another release may behave differently: measure again before you change this line."""
    assert importlib.metadata.version("libp2p") == "0.8.1"


def test_the_changed_settings_are_still_needed() -> None:
    """The library's own values are the slow ones, in a process where nothing has changed them."""
    code = (
        "import libp2p.network.swarm as s, libp2p.stream_muxer.yamux.yamux as y, logging;"
        "import libp2p.stream_muxer.muxer_multistream as m;"
        "old = (s._HAPPY_EYEBALLS_DELAY, y.MAX_MESSAGE_SIZE, m.Yamux is y.Yamux);"
        "from mpi_actors.net.libp2p import quirks as q; q.apply(); q.apply();"
        "print(old, (s._HAPPY_EYEBALLS_DELAY, y.MAX_MESSAGE_SIZE, m.Yamux is q.SafeYamux))"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "(0.25, 65536, True) (0, 1048576, True)\n"
    assert found.stderr == ""


# --- reading ----------------------------------------------------------------------------------------------


class Drops(Reader):
    """A reader that gives one byte at a time."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    async def read(self, n: int | None = None) -> bytes:
        """The next byte, or nothing at the end."""
        await trio.lowlevel.checkpoint()
        piece, self.data = self.data[:1], self.data[1:]
        return piece


async def test_read_exactly_is_still_needed() -> None:
    """The library gives up after 100 pieces."""
    with pytest.raises(IncompleteReadError):
        await library_io.read_exactly(Drops(bytes(200)), 200)


async def test_read_exactly_takes_any_number_of_pieces() -> None:
    """Our function reads to the end, and its error says how much there was."""
    assert await read_exactly(Drops(bytes(2000)), 2000) == bytes(2000)
    with pytest.raises(IncompleteReadError) as caught:
        await read_exactly(Drops(b"abc"), 4)
    assert caught.value.received_bytes == 3
    with pytest.raises(IncompleteReadError) as caught:
        await read_exactly(Drops(b""), 4)
    assert caught.value.is_clean_close


# --- the multiplexer --------------------------------------------------------------------------------------


@KINDS
async def test_a_cancelled_write(
    kind: type[yamux.Yamux], ours: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Ours writes the whole frame although it is cancelled; the library leaves half a frame."""
    wire = Wire()
    frame = bytes(100)

    async def flow_later() -> None:
        await trio.sleep(1)
        wire.flow.set()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(flow_later)
        with trio.move_on_after(0.5) as scope:
            await connection(kind, wire)._write_frame(frame)
        assert scope.cancelled_caught
        assert (b"".join(wire.written) == frame) is ours


@KINDS
async def test_closing_behind_a_stuck_write(
    kind: type[yamux.Yamux], ours: bool, autojump_clock: trio.testing.MockClock
) -> None:
    """Ours closes within HANG_UP seconds; the library waits for ever."""
    wire = Wire()
    conn = connection(kind, wire)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(conn._write_frame, bytes(100))
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(1000):
            await conn.close()
        assert wire.closed.is_set() is ours
        assert (trio.current_time() < 1000) is ours
        wire.flow.set()


@pytest.mark.parametrize("stuck", [True, False], ids=["writes_stuck", "writes_pass"])
async def test_a_silent_peer_is_noticed(stuck: bool, autojump_clock: trio.testing.MockClock) -> None:
    """A connection whose probes are not answered ends after PROBE_TIMEOUT, stuck writes or not."""
    wire = Wire()
    if not stuck:
        wire.flow.set()
    start = trio.current_time()
    await connection(SafeYamux, wire).start()
    assert wire.closed.is_set()
    assert trio.current_time() - start == pytest.approx(quirks.PROBE_TIMEOUT)


async def test_the_probe_is_still_needed(autojump_clock: trio.testing.MockClock) -> None:
    """The library keeps a connection that has been silent for ten minutes."""
    wire = Wire()
    wire.flow.set()
    with trio.move_on_after(600) as scope:
        await connection(yamux.Yamux, wire).start()
    assert scope.cancelled_caught


async def test_a_flood_ends_the_connection() -> None:
    """Bytes beyond MAX_BUFFERED are not read; the library would read until memory runs out."""
    conn = connection(SafeYamux, Wire())
    conn.stream_buffers = {1: bytearray(quirks.MAX_BUFFERED - 10)}
    with pytest.raises(trio.TooSlowError):
        await conn._read_data_body(11)


async def test_a_broken_connection_ends_alone(caplog: pytest.LogCaptureFixture) -> None:
    """An error inside a connection closes it and is logged; the library would end the host."""

    class Broken(SafeYamux):
        async def handle_incoming(self) -> None:
            raise ZeroDivisionError

    conn = connection(Broken, Wire())
    await conn.start()
    assert conn.is_closed
    assert conn.event_started.is_set()
    assert [record.levelno for record in caplog.records if record.name.startswith("mpi_actors")] == [
        logging.WARNING
    ]


# --- the host ---------------------------------------------------------------------------------------------


async def fail(stream: INetStream) -> None:
    """A handler that fails on the first byte."""
    await stream.read(1)
    raise ZeroDivisionError


async def test_guarded_handlers_are_still_needed() -> None:
    """With the library alone, a handler that fails ends its host."""
    near, far = our_host(), plain_host()
    far.set_stream_handler(PROTOCOL, fail)
    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True, allow_unwrapped=True):
        async with running(near, far):
            await near.connect(info(far))
            stream = await near.new_stream(far.get_id(), [PROTOCOL])
            await stream.write(b"x")
            await trio.sleep_forever()


async def test_a_guarded_host_outlives_its_handlers() -> None:
    """With ours, the stream is reset and the next one is served."""
    near, far = our_host(), our_host()
    far.set_stream_handler(PROTOCOL, fail)
    async with running(near, far):
        await near.connect(info(far))
        for _ in range(3):
            stream = await near.new_stream(far.get_id(), [PROTOCOL])
            await stream.write(b"x")
            with pytest.raises((StreamEOF, StreamReset)):
                await stream.read(1)


async def places_held(near: BasicHost, far: BasicHost, seconds: float) -> int:
    """How many of `far`'s places for incoming connections are held after three that have ended.

    Args:
        near: who makes the connections.
        far: who accepts them.
        seconds: how long to wait for the places.
    """
    limiter = swarm_of(far)._inbound_limiter
    for _ in range(3):
        await near.connect(info(far))
        await near.disconnect(far.get_id())
    for _ in range(int(100 * seconds)):
        if not swarm_of(far).get_connections() and limiter.borrowed_tokens == 0:
            break
        await trio.sleep(0.01)
    return int(limiter.borrowed_tokens)


async def test_released_places_are_still_needed() -> None:
    """With the library alone, ended connections keep their places."""
    near, far = our_host(), plain_host()
    async with running(near, far):
        assert await places_held(near, far, seconds=1) == 3


async def test_ended_connections_hold_no_place() -> None:
    """With ours, ended connections free their places."""
    near, far = our_host(), our_host()
    async with running(near, far):
        assert await places_held(near, far, seconds=LIMIT) == 0


async def test_no_identify_is_still_needed() -> None:
    """The library alone asks every peer who it is; ours asks none."""
    asks = [
        any(isinstance(each, _IdentifyNotifee) for each in swarm_of(host).notifees)
        for host in (plain_host(), our_host())
    ]
    assert asks == [True, False]


async def test_no_auto_connect_is_still_needed() -> None:
    """The library alone looks for peers to connect to, with both watermarks at 0; ours does not."""
    plain, ours = plain_host(), our_host()
    async with running(plain, ours):
        assert swarm_of(plain).auto_connector._started
        assert not swarm_of(ours).auto_connector._started


async def test_our_own_dialling_is_still_needed() -> None:
    """The library alone refuses a peer that failed before, and tries only the first address it knew."""
    near, far = plain_host(), our_host()
    async with running(near, far):
        dead = PeerInfo(far.get_id(), [Multiaddr("/ip4/127.0.0.1/tcp/1")])
        with pytest.raises(SwarmException, match="unable to connect"):
            await near.connect(dead)
        with pytest.raises(SwarmException, match="recently failed"):
            await near.connect(info(far))
        swarm_of(near).unblock_peer(far.get_id())
        with pytest.raises(SwarmException, match="unable to connect"):
            await near.connect(info(far))


async def test_the_check_for_a_free_port_is_still_needed() -> None:
    """The library alone lets two hosts listen on one port."""
    first, second = plain_host(), plain_host()
    async with running(first), second.run([first.get_transport_addrs()[0]]):
        assert second.get_transport_addrs() == first.get_transport_addrs()
        with trio.CancelScope(shield=True):
            await second.close()


def test_reasons_are_one_line() -> None:
    """`reason` finds the root cause through groups and causes, and makes many lines one."""
    deep = ConnectionRefusedError(111, "Error connecting to ('127.0.0.1', 1): Connection refused")
    middle = OSError("all attempts failed")
    middle.__cause__ = ExceptionGroup("many", [deep, ValueError()])
    outer = SwarmException("fail\nto connect")
    outer.__cause__ = middle
    assert reason(outer) == "Connection refused"
    assert reason(ValueError("a\n  b")) == "a b"
    assert reason(ValueError()) == "ValueError"
    loop = ValueError("round")
    loop.__cause__ = loop
    assert reason(loop) == "round"


def test_a_write_fills_one_noise_message() -> None:
    """MAX_WRITE, yamux's header and noise's tag together fill one noise message."""
    assert quirks.MAX_WRITE + struct.calcsize(yamux.YAMUX_HEADER_FORMAT) + 16 == 0xFFFF
