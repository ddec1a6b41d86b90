"""The streams of the real transport: what arrives, how they end, what cancellation does."""

from __future__ import annotations

import os

import pytest
import trio
from libp2p_pair import echo, keep, new_peer, pair, receive_exactly, refuse, running, send_for_ever

from mpi_actors.errors import ConnectionLost
from mpi_actors.net.libp2p.stream import Libp2pStream
from mpi_actors.net.transport import ByteStream, Transport


def test_it_is_a_transport() -> None:
    """The class implements the interface: mypy checks it here, and its members at run time."""
    transport: Transport = new_peer()
    assert transport.local.startswith("12D3Koo")
    assert transport.addresses == ()


@pytest.mark.parametrize("size", [1, 65_507, 65_508, 8 << 20])
async def test_bytes_come_back_as_they_went(size: int) -> None:
    """Data arrives whole and in order, whatever its size."""
    message = os.urandom(size)
    async with pair(echo) as (near, far), trio.open_nursery() as nursery:
        stream = await near.open_stream(far.local)
        assert stream.remote == far.local
        nursery.start_soon(stream.send_all, message)
        assert await receive_exactly(stream, size) == message


async def test_any_bytes_like_object_can_be_sent() -> None:
    """bytes, bytearray and memoryview, also with wider items or empty, are sent alike."""
    wide = memoryview(bytes(range(16))).cast("I")
    async with pair(echo) as (near, far):
        stream = await near.open_stream(far.local)
        for data in (b"bytes", bytearray(b"array"), memoryview(b"view"), wide, b""):
            await stream.send_all(data)
        assert await receive_exactly(stream, 30) == b"bytesarrayview" + bytes(range(16))


async def test_a_closed_stream_delivers_what_was_sent() -> None:
    """After aclose, the other side reads everything, and then the end, any number of times."""
    result: list[bytes] = []
    done = trio.Event()

    async def read_late(stream: ByteStream) -> None:
        await trio.sleep(0.05)  # let the close overtake the reader
        while data := await stream.receive_some(7):
            result.append(data)
        result.append(await stream.receive_some())
        done.set()

    async with pair(read_late) as (near, far):
        stream = await near.open_stream(far.local)
        await stream.send_all(b"x" * 50_000 + b"goodbye")
        await stream.aclose()
        await stream.aclose()
        await done.wait()
    assert b"".join(result) == b"x" * 50_000 + b"goodbye"
    assert result[-1] == b""


async def test_a_goodbye_arrives_before_a_disconnect() -> None:
    """After send, close and disconnect at once, the other side still reads what was sent."""
    result = bytearray()
    done = trio.Event()

    async def read(stream: ByteStream) -> None:
        while data := await stream.receive_some():
            result.extend(data)
            await trio.sleep(0.01)
        done.set()

    async with pair(read) as (near, far):
        stream = await near.open_stream(far.local)
        await stream.send_all(b"goodbye" * 20_000)
        await stream.aclose()
        await near.disconnect(far.local)
        await done.wait()
    assert result == b"goodbye" * 20_000


async def test_a_goodbye_arrives_before_the_end_of_run() -> None:
    """What was sent on a stream closed just before `run` is cancelled still arrives."""
    result = bytearray()
    done = trio.Event()

    async def read(stream: ByteStream) -> None:
        while data := await stream.receive_some():
            result.extend(data)
        done.set()

    async with running(new_peer(), read) as far:
        async with running(new_peer(), refuse) as near:
            stream = await near.open_stream(await near.connect(far.addresses[0]))
            await stream.send_all(b"goodbye")
            await stream.aclose()
        await done.wait()
    assert result == b"goodbye"


async def test_closing_wakes_everyone() -> None:
    """aclose ends the receive and the send of both sides."""
    woken: list[str] = []

    async def far_sender(stream: ByteStream) -> None:
        with pytest.raises(ConnectionLost):
            await send_for_ever(stream)
        woken.append("far sender")

    async def far_side(stream: ByteStream) -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(far_sender, stream)
            assert await stream.receive_some() == b"hello"
            assert await stream.receive_some() == b""
            woken.append("far receiver")

    async def near_receiver(stream: ByteStream) -> None:
        try:
            while await stream.receive_some():
                pass
        except ConnectionLost:
            woken.append("near receiver")

    finished = trio.Event()

    async def accept(stream: ByteStream) -> None:
        await far_side(stream)
        finished.set()

    async with pair(accept) as (near, far), trio.open_nursery() as nursery:
        stream = await near.open_stream(far.local)
        await stream.send_all(b"hello")
        nursery.start_soon(near_receiver, stream)
        await trio.sleep(0.05)
        await stream.aclose()
        await finished.wait()
    assert sorted(woken) == ["far receiver", "far sender", "near receiver"]


async def test_closing_wakes_a_sender_without_window() -> None:
    """aclose ends the `send_all` of its own side, also when the other side does not read."""
    async with pair(keep) as (near, far), trio.open_nursery() as nursery:
        stream = await near.open_stream(far.local)

        async def send() -> None:
            with pytest.raises(ConnectionLost, match="closed on this side"):
                await stream.send_all(bytes(64 << 20))
            nursery.cancel_scope.cancel()

        nursery.start_soon(send)
        await trio.sleep(0.1)
        await stream.aclose()
        await trio.sleep_forever()


async def test_sending_to_a_closed_stream_fails() -> None:
    """Bytes for a stream that the other side has closed are not lost without an error."""

    async def close(stream: ByteStream) -> None:
        await stream.aclose()

    async with pair(close) as (near, far):
        stream = await near.open_stream(far.local)
        assert await stream.receive_some() == b""
        with pytest.raises(ConnectionLost, match="has ended it"):
            await stream.send_all(b"x")


async def test_a_reset_is_no_end() -> None:
    """After a reset by the other side, receives raise ConnectionLost, whether or not one waited."""

    async def reset(stream: ByteStream) -> None:
        assert isinstance(stream, Libp2pStream)
        await stream.receive_some()
        await stream._net.reset()

    async with pair(reset) as (near, far):
        for wait in (0.0, 0.1):
            stream = await near.open_stream(far.local)
            await stream.send_all(b"x")
            await trio.sleep(wait)
            with pytest.raises(ConnectionLost):
                await stream.receive_some()


async def test_one_task_each_way() -> None:
    """A second sender or receiver is refused: its bytes would mix with those of the first."""
    async with pair(keep) as (near, far), trio.open_nursery() as nursery:
        stream = await near.open_stream(far.local)
        nursery.start_soon(stream.receive_some)
        nursery.start_soon(stream.send_all, bytes(64 << 20))
        await trio.sleep(0.05)
        with pytest.raises(trio.BusyResourceError):
            await stream.receive_some()
        with pytest.raises(trio.BusyResourceError):
            await stream.send_all(b"x")
        nursery.cancel_scope.cancel()


async def test_a_cancelled_receive_loses_nothing() -> None:
    """Receives that are cancelled again and again lose no byte, and the stream goes on."""
    total = 200_000

    async def send(stream: ByteStream) -> None:
        for _ in range(total // 1000):
            await stream.send_all(b"x" * 1000)

    got = 0
    async with pair(send) as (near, far):
        stream = await near.open_stream(far.local)
        while got < total:
            with trio.move_on_after(0.0005):
                data = await stream.receive_some(333)
                assert data
                got += len(data)
        assert await stream.receive_some() == b""


async def test_a_cancelled_send_breaks_only_its_stream() -> None:
    """The stream refuses to go on after half a message; other streams of the connection work."""
    async with pair(echo) as (near, far):
        other = await near.open_stream(far.local)
        for delay in (0.0, 0.001, 0.003, 0.01):
            stream = await near.open_stream(far.local)
            with trio.move_on_after(delay):
                await stream.send_all(bytes(64 << 20))
            with pytest.raises(ConnectionLost, match="cut short"):
                await stream.send_all(b"x")
            await stream.aclose()
            await other.send_all(b"fine")
            assert await receive_exactly(other, 4) == b"fine"


async def test_a_cancelled_close_closes() -> None:
    """In a cancelled scope, `aclose` does not raise; both sides see the end, after what was sent."""
    received, ended = bytearray(), trio.Event()

    async def accept(stream: ByteStream) -> None:
        while data := await stream.receive_some():
            received.extend(data)
        ended.set()

    async with pair(accept) as (near, far):
        stream = await near.open_stream(far.local)
        await stream.send_all(b"last words")
        with trio.CancelScope() as scope:
            scope.cancel()
            await stream.aclose()
        assert not scope.cancelled_caught
        for use in (stream.send_all(b"more"), stream.receive_some()):
            with pytest.raises(ConnectionLost, match="closed on this side"):
                await use
        with trio.fail_after(10):
            await ended.wait()
            assert isinstance(stream, Libp2pStream)
            await stream.finished.wait()
        assert received == b"last words"
        assert near._streams == near._finishing == {}


async def test_a_cancelled_dial_leaves_nothing() -> None:
    """A cancelled dial can be repeated, and leaves neither a connection nor a lock."""
    async with running(new_peer(), refuse) as near, running(new_peer(), echo) as far:
        for step in range(12):
            with trio.move_on_after(step / 1000):
                await near.connect(far.addresses[0])
                await near.disconnect(far.local)
        assert await near.connect(far.addresses[0]) == far.local
        assert near._dialling == {}
