"""The contract of `Transport`, as tests that know no implementation; `test_net_contract` has those.

A subclass has two fixtures: `backend`, which makes transports, and `clock`, trio's clock for the test (a
fixture that returns None means real time).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Protocol

import pytest
import trio

from mpi_actors.errors import BadAddress, ConnectionLost, DialFailed
from mpi_actors.net.transport import Accept, ByteStream, Transport

LIMIT = 600.0
"""Seconds after which a test that waits has failed."""


class Backend(Protocol):
    """Makes peers that can reach each other."""

    def transport(self) -> Transport:
        """Make the transport of a new peer, which does not run yet."""
        ...


async def idle(_stream: ByteStream) -> None:
    """Keep a stream open until cancelled."""
    await trio.sleep_forever()


async def echo(stream: ByteStream) -> None:
    """Send back what comes, until the end."""
    while data := await stream.receive_some():
        await stream.send_all(data)


@asynccontextmanager
async def running(transport: Transport, accept: Accept = idle) -> AsyncIterator[trio.Nursery]:
    """Run `transport` during the block."""
    with trio.fail_after(LIMIT):
        async with trio.open_nursery() as nursery:
            await nursery.start(transport.run, accept)
            yield nursery
            nursery.cancel_scope.cancel()


class Pair:
    """Two connected peers; `near` has dialled `far`."""

    def __init__(self, near: Transport, far: Transport) -> None:
        self.near, self.far = near, far
        self._send, self._incoming = trio.open_memory_channel[ByteStream](100)

    async def accept(self, stream: ByteStream) -> None:
        """Hand the stream to the test: the handler of both sides."""
        await self._send.send(stream)
        await trio.sleep_forever()

    async def streams(self, opener: Transport | None = None) -> tuple[ByteStream, ByteStream]:
        """Open a stream; return the end of the opener (by default `near`), and the other end."""
        opener = opener or self.near
        other = self.far if opener is self.near else self.near
        return await opener.open_stream(other.local), await self._incoming.receive()


@asynccontextmanager
async def connected(backend: Backend) -> AsyncIterator[Pair]:
    """Run a `Pair` during the block."""
    pair = Pair(backend.transport(), backend.transport())
    async with running(pair.near, pair.accept), running(pair.far, pair.accept):
        await pair.near.connect(pair.far.addresses[0])
        yield pair


async def receive_exactly(stream: ByteStream, size: int) -> bytes:
    """Receive `size` bytes, in any number of pieces."""
    got = bytearray()
    while len(got) < size:
        piece = await stream.receive_some(size - len(got))
        assert piece, f"the stream ended after {len(got)} of {size} bytes"
        got += piece
    return bytes(got)


async def is_over(stream: ByteStream) -> bool:
    """Whether the next that is received is the stream's end or its loss.

    When a whole connection is dropped the contract allows either; one stream's close must show as the end.
    """
    try:
        return await stream.receive_some() == b""
    except ConnectionLost:
        return True


async def send_until_lost(stream: ByteStream) -> None:
    """Send until the stream is found to be lost."""
    while True:
        await stream.send_all(bytes(1000))
        await trio.sleep(0.01)


class TransportContract:
    """The tests of the contract."""

    async def test_addresses_are_known_once_it_runs(
        self, backend: Backend, clock: trio.abc.Clock | None
    ) -> None:
        """A transport has no address before it runs; then it has some, which name its identity."""
        transport = backend.transport()
        before = transport.addresses
        assert before == ()
        async with running(transport):
            assert transport.addresses
            assert all(address.endswith(f"/p2p/{transport.local}") for address in transport.addresses)

    async def test_connect_tells_who_answered(self, backend: Backend, clock: trio.abc.Clock | None) -> None:
        """A dial returns the identity of the peer, and may be repeated."""
        near, far = backend.transport(), backend.transport()
        async with running(near), running(far):
            assert await near.connect(far.addresses[0]) == far.local
            assert await near.connect(far.addresses[0]) == far.local

    @pytest.mark.parametrize("text", ["", "nowhere", "/", "/p2p", "/memory/x", "http://127.0.0.1:1"])
    async def test_connect_refuses_what_is_no_address(
        self, backend: Backend, clock: trio.abc.Clock | None, text: str
    ) -> None:
        """Text that is not an address raises another error than an address where nobody is."""
        transport = backend.transport()
        async with running(transport):
            with pytest.raises(BadAddress):
                await transport.connect(text)

    async def test_connect_fails_where_nobody_listens(
        self, backend: Backend, clock: trio.abc.Clock | None
    ) -> None:
        """A peer that has stopped cannot be dialled."""
        near, far = backend.transport(), backend.transport()
        async with running(near):
            async with running(far):
                address = far.addresses[0]
            with pytest.raises(DialFailed):
                await near.connect(address)

    async def test_connect_insists_on_the_identity(
        self, backend: Backend, clock: trio.abc.Clock | None
    ) -> None:
        """An address with the id of another peer cannot be dialled."""
        near, far, other = (backend.transport() for _ in range(3))
        async with running(near), running(far):
            wrong = far.addresses[0].replace(far.local, other.local)
            with pytest.raises(DialFailed):
                await near.connect(wrong)

    async def test_open_stream_needs_a_connection(
        self, backend: Backend, clock: trio.abc.Clock | None
    ) -> None:
        """A stream to a peer that was never dialled is refused."""
        near, far = backend.transport(), backend.transport()
        async with running(near), running(far):
            with pytest.raises(DialFailed):
                await near.open_stream(far.local)

    async def test_both_sides_know_each_other(self, backend: Backend, clock: trio.abc.Clock | None) -> None:
        """Each end of a stream names the identity of the other side."""
        async with connected(backend) as pair:
            here, there = await pair.streams()
            assert (here.remote, there.remote) == (pair.far.local, pair.near.local)

    async def test_a_connection_serves_both_sides(
        self, backend: Backend, clock: trio.abc.Clock | None
    ) -> None:
        """The side that was dialled can open streams, too."""
        async with connected(backend) as pair:
            here, there = await pair.streams(pair.far)
            await here.send_all(b"back")
            assert await receive_exactly(there, 4) == b"back"

    @pytest.mark.parametrize("size", [1, 100, 65_536, 1_000_000])
    async def test_bytes_come_back_whole_and_in_order(
        self, backend: Backend, clock: trio.abc.Clock | None, size: int
    ) -> None:
        """What is sent through an echo comes back unchanged, while both directions are in use."""
        data = bytes(i * 7 % 251 for i in range(1000)) * (size // 1000 + 1)
        near, far = backend.transport(), backend.transport()
        async with running(near) as nursery, running(far, echo):
            stream = await near.open_stream(await near.connect(far.addresses[0]))
            nursery.start_soon(stream.send_all, data[:size])
            assert await receive_exactly(stream, size) == data[:size]

    async def test_streams_do_not_mix(self, backend: Backend, clock: trio.abc.Clock | None) -> None:
        """Each stream over one connection has its own bytes."""
        async with connected(backend) as pair:
            streams = [await pair.streams() for _ in range(3)]
            for number, (here, _) in enumerate(streams):
                await here.send_all(bytes([number]) * 10)
            for number, (_, there) in reversed(list(enumerate(streams))):
                assert await receive_exactly(there, 10) == bytes([number]) * 10

    async def test_receive_keeps_to_its_limit(self, backend: Backend, clock: trio.abc.Clock | None) -> None:
        """`receive_some(n)` returns at most n bytes, and keeps the rest for later."""
        async with connected(backend) as pair:
            here, there = await pair.streams()
            await here.send_all(b"abcdef")
            pieces = [await there.receive_some(1) for _ in range(6)]
            assert pieces == [b"a", b"b", b"c", b"d", b"e", b"f"]

    @pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
    async def test_the_sender_may_reuse_its_buffer(
        self,
        backend: Backend,
        clock: trio.abc.Clock | None,
        kind: type[bytes] | type[bytearray] | type[memoryview],
    ) -> None:
        """What was sent does not change when the sender changes its buffer."""
        async with connected(backend) as pair:
            here, there = await pair.streams()
            buffer = bytearray(b"before")
            await here.send_all(kind(buffer))
            buffer[:] = b"after!"
            assert await receive_exactly(there, 6) == b"before"

    async def test_sending_nothing_is_not_the_end(
        self, backend: Backend, clock: trio.abc.Clock | None
    ) -> None:
        """An empty send changes nothing."""
        async with connected(backend) as pair:
            here, there = await pair.streams()
            await here.send_all(b"")
            await here.send_all(b"x")
            assert await there.receive_some() == b"x"

    async def test_a_goodbye_arrives_before_the_end(
        self, backend: Backend, clock: trio.abc.Clock | None
    ) -> None:
        """What was sent before the close is received, and then the end, any number of times."""
        async with connected(backend) as pair:
            here, there = await pair.streams()
            await here.send_all(b"goodbye")
            await here.aclose()
            assert await receive_exactly(there, 7) == b"goodbye"
            assert await there.receive_some() == b""
            assert await there.receive_some() == b""

    async def test_a_closed_end_is_lost(self, backend: Backend, clock: trio.abc.Clock | None) -> None:
        """A closed end neither sends nor receives, and can be closed again."""
        async with connected(backend) as pair:
            here, _ = await pair.streams()
            await here.aclose()
            await here.aclose()
            with pytest.raises(ConnectionLost):
                await here.send_all(b"x")
            with pytest.raises(ConnectionLost):
                await here.receive_some()

    async def test_closing_wakes_receivers_at_both_ends(
        self, backend: Backend, clock: trio.abc.Clock | None
    ) -> None:
        """A receiver at the closed end gets ConnectionLost, one at the other end sees the end."""
        async with connected(backend) as pair, trio.open_nursery() as nursery:
            here, there = await pair.streams()

            async def lost() -> None:
                with pytest.raises(ConnectionLost):
                    await here.receive_some()

            async def ended() -> None:
                assert await there.receive_some() == b""

            nursery.start_soon(lost)
            nursery.start_soon(ended)
            await trio.testing.wait_all_tasks_blocked()
            await here.aclose()

    async def test_closing_works_when_cancelled(self, backend: Backend, clock: trio.abc.Clock | None) -> None:
        """A task that is being cancelled can close, without an error."""
        async with connected(backend) as pair:
            here, there = await pair.streams()
            closed = False
            with trio.CancelScope() as scope:
                scope.cancel()
                await here.aclose()
                closed = True
            assert closed
            assert await there.receive_some() == b""

    async def test_sending_to_a_closed_end_fails_in_the_end(
        self, backend: Backend, clock: trio.abc.Clock | None
    ) -> None:
        """Sends may succeed for a while after the other side has closed, but not for ever."""
        async with connected(backend) as pair:
            here, there = await pair.streams()
            await there.aclose()
            with pytest.raises(ConnectionLost):
                await send_until_lost(here)

    async def test_a_handler_that_returns_closes_its_stream(
        self, backend: Backend, clock: trio.abc.Clock | None
    ) -> None:
        """The stream ends when its handler returns."""

        async def greet(stream: ByteStream) -> None:
            await stream.send_all(b"hi")

        near, far = backend.transport(), backend.transport()
        async with running(near), running(far, greet):
            stream = await near.open_stream(await near.connect(far.addresses[0]))
            assert await receive_exactly(stream, 2) == b"hi"
            assert await stream.receive_some() == b""

    async def test_a_handler_that_fails_harms_nobody_else(
        self, backend: Backend, clock: trio.abc.Clock | None
    ) -> None:
        """An error of a handler ends its own stream; other streams, old and new, go on."""

        async def fragile(stream: ByteStream) -> None:
            while data := await stream.receive_some():
                if data == b"!":
                    raise ValueError("on purpose")
                await stream.send_all(data)

        near, far = backend.transport(), backend.transport()
        async with running(near), running(far, fragile):
            peer = await near.connect(far.addresses[0])
            old, bad = await near.open_stream(peer), await near.open_stream(peer)
            await bad.send_all(b"!")
            assert await bad.receive_some() == b""
            for stream in (old, await near.open_stream(peer)):
                await stream.send_all(b"?")
                assert await receive_exactly(stream, 1) == b"?"

    async def test_disconnect_ends_all_streams(self, backend: Backend, clock: trio.abc.Clock | None) -> None:
        """After a disconnect, streams raise here and end there, and no stream can be opened."""
        async with connected(backend) as pair:
            streams = [await pair.streams() for _ in range(2)]
            await pair.near.disconnect(pair.far.local)
            for here, there in streams:
                with pytest.raises(ConnectionLost):
                    await here.receive_some()
                assert await is_over(there)
            with pytest.raises(DialFailed):
                await pair.near.open_stream(pair.far.local)

    async def test_disconnect_then_connect(self, backend: Backend, clock: trio.abc.Clock | None) -> None:
        """A dropped connection can be made again; dropping a missing one is not an error."""
        async with connected(backend) as pair:
            await pair.near.disconnect(pair.far.local)
            await pair.near.disconnect(pair.far.local)
            await pair.near.connect(pair.far.addresses[0])
            here, there = await pair.streams()
            await here.send_all(b"again")
            assert await receive_exactly(there, 5) == b"again"

    async def test_the_end_of_a_peer_ends_its_streams(
        self, backend: Backend, clock: trio.abc.Clock | None
    ) -> None:
        """When a transport is cancelled, so are its handlers, and the other side sees its streams end."""
        near, far = backend.transport(), backend.transport()
        cancelled = trio.Event()

        async def until_cancelled(_stream: ByteStream) -> None:
            try:
                await trio.sleep_forever()
            finally:
                cancelled.set()

        async with running(near):
            async with running(far, until_cancelled):
                peer = await near.connect(far.addresses[0])
                stream = await near.open_stream(peer)
            assert cancelled.is_set()
            assert await is_over(stream)
            with pytest.raises(ConnectionLost):
                await send_until_lost(stream)
            with pytest.raises(DialFailed):
                await near.open_stream(peer)

    async def test_two_peers_may_dial_each_other_at_once(
        self, backend: Backend, clock: trio.abc.Clock | None
    ) -> None:
        """Dials at the same time succeed on both sides, and streams can be opened either way."""
        pair = Pair(backend.transport(), backend.transport())
        async with running(pair.near, pair.accept), running(pair.far, pair.accept):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pair.near.connect, pair.far.addresses[0])
                nursery.start_soon(pair.far.connect, pair.near.addresses[0])
            for opener in (pair.near, pair.far):
                here, there = await pair.streams(opener)
                await here.send_all(b"x")
                assert await there.receive_some() == b"x"

    async def test_each_protocol_has_its_own_handler(
        self, backend: Backend, clock: trio.abc.Clock | None
    ) -> None:
        """Streams go to the handler of their protocol, whether set before or during the run, or replaced."""

        def greeter(word: bytes) -> Accept:
            async def greet(stream: ByteStream) -> None:
                await stream.send_all(word)

            return greet

        near, far = backend.transport(), backend.transport()
        far.serve("/test/early", greeter(b"early"))
        async with running(near), running(far, greeter(b"ours")):
            far.serve("/test/late/1.0.0", greeter(b"late"))
            peer = await near.connect(far.addresses[0])
            words = {"/test/early": b"early", "/test/late/1.0.0": b"late"}
            for protocol, word in words.items():
                stream = await near.open_stream(peer, protocol)
                assert await receive_exactly(stream, len(word)) == word
            assert await receive_exactly(await near.open_stream(peer), 4) == b"ours"
            far.serve("/test/early", greeter(b"newer"))
            assert await receive_exactly(await near.open_stream(peer, "/test/early"), 5) == b"newer"

    async def test_an_unknown_protocol_is_refused(
        self, backend: Backend, clock: trio.abc.Clock | None
    ) -> None:
        """A stream of a protocol that the other side does not serve cannot be opened; others work."""
        near, far = backend.transport(), backend.transport()
        async with running(near), running(far, echo):
            peer = await near.connect(far.addresses[0])
            stream = await near.open_stream(peer)
            with pytest.raises(DialFailed):
                await near.open_stream(peer, "/test/unknown")
            await stream.send_all(b"x")
            assert await receive_exactly(stream, 1) == b"x"
            assert near.connected() == (peer,)

    async def test_each_side_knows_its_connections(
        self, backend: Backend, clock: trio.abc.Clock | None
    ) -> None:
        """Both sides are connected, whoever dialled, until one disconnects or ends."""
        near, far, other = (backend.transport() for _ in range(3))
        assert near.connected() == ()
        async with running(near):
            async with running(far), running(other):
                assert near.connected() == far.connected() == ()
                for each in (far, other):
                    stream = await near.open_stream(await near.connect(each.addresses[0]))
                    await stream.send_all(b"x")
                assert set(near.connected()) == {far.local, other.local}
                await until(lambda: far.connected() == (near.local,))
                await other.disconnect(near.local)
                assert other.connected() == ()
                await until(lambda: near.connected() == (far.local,))
            await until(lambda: near.connected() == ())
        assert near.connected() == ()


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds that needs a message from the other side."""
    while not holds():  # noqa: ASYNC110
        await trio.sleep(0.01)
