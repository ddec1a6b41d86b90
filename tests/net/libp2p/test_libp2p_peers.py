"""The real transport, with peers that die, freeze, fail or break the protocol."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import trio
from libp2p import new_host
from libp2p.abc import IHost, ISecureTransport
from libp2p.crypto.x25519 import create_new_key_pair as new_noise_key
from libp2p.custom_types import TProtocol
from libp2p.peer.peerinfo import info_from_p2p_addr
from libp2p.security.insecure.transport import PLAINTEXT_PROTOCOL_ID, InsecureTransport
from libp2p.security.noise.transport import PROTOCOL_ID as NOISE
from libp2p.security.noise.transport import Transport as Noise
from libp2p_pair import child, echo, new_peer, pair, receive_exactly, refuse, running, send_for_ever
from multiaddr import Multiaddr

from mpi_actors.errors import ConnectionLost, DialFailed
from mpi_actors.net.libp2p import identity
from mpi_actors.net.transport import STREAM, ByteStream


async def test_a_killed_peer_looks_like_the_end() -> None:
    """After SIGKILL of the other process the receiver gets b"", and a new stream is refused."""
    async with child() as (process, address), running(new_peer(), refuse) as near:
        peer = await near.connect(address)
        stream = await near.open_stream(peer)
        await stream.send_all(b"hello")
        assert await receive_exactly(stream, 5) == b"hello"
        process.kill()
        assert await stream.receive_some() == b""
        await process.wait()
        with pytest.raises(ConnectionLost):
            await stream.send_all(b"x")
        with pytest.raises(DialFailed):
            await near.open_stream(peer)
        with pytest.raises(DialFailed, match="Connection refused"):
            await near.connect(address)


async def test_a_frozen_peer_is_dropped() -> None:
    """After SIGSTOP, sender and receiver fail within seconds; other peers stay connected."""
    async with child() as (process, address), pair(echo) as (near, far):
        other = await near.open_stream(far.local)
        peer = await near.connect(address)
        stream = await near.open_stream(peer)
        woken: list[str] = []

        async def send() -> None:
            with pytest.raises(ConnectionLost):
                await send_for_ever(stream)
            woken.append("sender")

        async def receive() -> None:
            try:
                while await stream.receive_some(1 << 20):
                    pass
            except ConnectionLost:
                pass
            woken.append("receiver")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(receive)
            nursery.start_soon(send)
            await trio.sleep(0.2)
            process.send_signal(signal.SIGSTOP)
        assert sorted(woken) == ["receiver", "sender"]
        await other.send_all(b"fine")
        assert await receive_exactly(other, 4) == b"fine"


async def test_a_frozen_peer_can_be_disconnected() -> None:
    """disconnect does not wait for a write to a frozen peer; opening a stream to it fails in time."""
    async with child() as (process, address), running(new_peer(), refuse) as near:
        peer = await near.connect(address)
        stream = await near.open_stream(peer)
        process.send_signal(signal.SIGSTOP)
        async with trio.open_nursery() as nursery:

            async def send() -> None:
                with pytest.raises(ConnectionLost):
                    await stream.send_all(bytes(64 << 20))

            nursery.start_soon(send)
            await trio.sleep(0.1)
            near.open_timeout = 0.3
            with pytest.raises(DialFailed, match=r"no stream within 0\.3 s. It was disconnected"):
                await near.open_stream(peer)
        with pytest.raises(DialFailed, match="no connection"):
            await near.open_stream(peer)


async def test_a_failing_handler_costs_only_its_stream(caplog: pytest.LogCaptureFixture) -> None:
    """An error of a handler, also in a group, is logged and ends its stream; the next stream is served."""

    async def fail(stream: ByteStream) -> None:
        if await stream.receive_some() == b"group":
            async with trio.open_nursery():
                raise ZeroDivisionError("in a group")
        raise ZeroDivisionError("alone")

    async with pair(fail) as (near, far):
        for message in (b"group", b"alone", b"alone"):
            stream = await near.open_stream(far.local)
            await stream.send_all(message)
            assert await stream.receive_some() == b""
    errors = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert [record.name for record in errors] == ["mpi_actors.net.libp2p.transport"] * 3


async def test_a_handler_that_returns_ends_its_stream() -> None:
    """The other side's reader sees the end when the handler returns."""

    async def leave(_stream: ByteStream) -> None:
        return

    async with pair(leave) as (near, far):
        stream = await near.open_stream(far.local)
        assert await stream.receive_some() == b""


@asynccontextmanager
async def stranger(*, plaintext: bool = False) -> AsyncIterator[IHost]:
    """Run a libp2p host that is not ours."""
    key_pair = identity.ephemeral()
    security: dict[TProtocol, ISecureTransport]
    if plaintext:
        security = {PLAINTEXT_PROTOCOL_ID: InsecureTransport(key_pair)}
    else:
        security = {NOISE: Noise(key_pair, noise_privkey=new_noise_key().private_key)}
    host = new_host(key_pair=key_pair, sec_opt=security)
    async with host.run([Multiaddr("/ip4/127.0.0.1/tcp/0")]):
        try:
            yield host
        finally:
            with trio.CancelScope(shield=True):
                await host.close()


async def test_plaintext_is_refused() -> None:
    """A host that speaks plaintext can neither connect to us, nor we to it."""
    async with stranger(plaintext=True) as host, running(new_peer(), refuse) as near:
        with pytest.raises(Exception, match="unable to connect"):
            await host.connect(info_from_p2p_addr(Multiaddr(near.addresses[0])))
        with pytest.raises(DialFailed, match="not a libp2p peer with noise and yamux"):
            await near.connect(str(host.get_addrs()[0]))


async def test_a_stranger_without_our_protocol_is_told_apart() -> None:
    """We can connect to a libp2p host that does not serve our protocol, but open no stream."""
    async with stranger() as host, running(new_peer(), refuse) as near:
        peer = await near.connect(str(host.get_addrs()[0]))
        with pytest.raises(DialFailed, match="no stream"):
            await near.open_stream(peer)


async def test_garbage_costs_only_its_connection() -> None:
    """After bytes that are not a handshake, or not a negotiation, the host still serves others."""
    async with stranger() as host, running(new_peer(), echo) as far:
        place = far.addresses[0].split("/")
        for garbage in (b"", b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 100, os.urandom(70_000)):
            raw = await trio.open_tcp_stream(place[2], int(place[4]))
            async with raw:
                with trio.move_on_after(0.1), suppress(trio.BrokenResourceError):
                    await raw.send_all(garbage)
                    while await raw.receive_some():
                        pass
        await host.connect(info_from_p2p_addr(Multiaddr(far.addresses[0])))
        network = host.get_network()
        for garbage in (b"\xff" * 20, b"\x05abc\n\n", b"\x13/multistream/1.0.0\n\x00"):
            stream = await network.new_stream(host.get_live_peers()[0])
            await stream.write(garbage)
            await stream.close()
        stream = await host.new_stream(host.get_live_peers()[0], [TProtocol(STREAM)])
        await stream.write(b"fine")
        assert await stream.read(4) == b"fine"
