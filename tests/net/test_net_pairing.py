"""Two streams are joined to a pair; other streams are closed, with a named and counted error."""

from __future__ import annotations

import pytest
import trio
from net_pairs import accepting
from trio.testing import MockClock

from mpi_actors.config import PeerLimits, Timing
from mpi_actors.errors import DialFailed, TooManyStreams
from mpi_actors.ids import PeerId
from mpi_actors.net.memory.network import MemoryNetwork
from mpi_actors.net.pairing import Pairing, StreamPair, open_pair
from mpi_actors.wire.preamble import TOKEN_SIZE, Preamble, StreamKind

HELLO = Timing().hello


def preamble(kind: StreamKind = StreamKind.DATA, token: int = 0) -> bytes:
    return Preamble(kind, token.to_bytes(TOKEN_SIZE)).encode()


async def test_both_sides_have_the_same_pair(autojump_clock: MockClock) -> None:
    """What goes into one side's control stream comes out of the other's; the same holds for data."""
    async with accepting() as acceptor:
        near, far = await acceptor.pairs()
        assert (near.remote, near.dialled, far.remote, far.dialled) == ("server", True, "client", False)
        for here, there in ((near.control, far.control), (near.data, far.data), (far.data, near.data)):
            await here.send_all(b"for this one")
            assert await there.receive_some() == b"for this one"
        assert not acceptor.pairing.errors


@pytest.mark.parametrize("order", [tuple(StreamKind), tuple(StreamKind)[::-1]])
async def test_the_order_of_the_streams_does_not_matter(
    autojump_clock: MockClock, order: tuple[StreamKind, ...]
) -> None:
    """Either half may come first, in pieces of any size; bytes after the preamble stay in the stream."""
    async with accepting(MemoryNetwork(short_reads=1.0)) as acceptor:
        streams = {}
        for kind in order:
            streams[kind] = await acceptor.stream()
            await streams[kind].send_all(preamble(kind) + kind.name.encode())
            await trio.sleep(1)
        pair = await acceptor.accepted.receive()
        assert (await pair.control.receive_some()).startswith(b"C")
        assert (await pair.data.receive_some()).startswith(b"D")


async def test_many_pairs_at_once_are_not_mixed_up(autojump_clock: MockClock) -> None:
    """Halves find each other by their token."""
    async with accepting() as acceptor, trio.open_nursery() as nursery:
        near: list[StreamPair] = []

        async def open_one() -> None:
            pair = await open_pair(acceptor.client, PeerId("server"))
            await pair.control.send_all(str(len(near)).encode())
            await pair.data.send_all(str(len(near)).encode())
            near.append(pair)

        for _ in range(5):
            nursery.start_soon(open_one)
        for _ in range(5):
            pair = await acceptor.accepted.receive()
            assert await pair.control.receive_some() == await pair.data.receive_some()


async def test_closing_a_pair_closes_both_streams(autojump_clock: MockClock) -> None:
    """Whichever side closes, the other sees the end of both."""
    async with accepting() as acceptor:
        for closing, watching in (await acceptor.pairs(), tuple(reversed(await acceptor.pairs()))):
            await closing.aclose()
            assert await watching.control.receive_some() == b""
            assert await watching.data.receive_some() == b""


@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", "HelloTimeout"),
        (b"MPIA\x01", "HelloTimeout"),
        (b"x" * 24, "BadPreamble"),
        (preamble(), "HelloTimeout"),
        (Preamble(StreamKind.DATA, bytes(TOKEN_SIZE), 9).encode(), "VersionMismatch"),
    ],
    ids=["nothing", "a part", "garbage", "one half", "another version"],
)
async def test_a_stream_that_becomes_no_link_is_closed(
    autojump_clock: MockClock, said: bytes, error: str
) -> None:
    """A wrong stream is closed at once, a silent one after its deadline."""
    async with accepting() as acceptor:
        stream = await acceptor.stream()
        began = trio.current_time()
        if said:
            await stream.send_all(said)
        assert await stream.receive_some() == b""
        assert (trio.current_time() - began >= HELLO) == (error == "HelloTimeout")
        assert acceptor.pairing.errors == {error: 1}


async def test_a_stream_that_ends_early_is_counted(autojump_clock: MockClock) -> None:
    """A stream that ends before its preamble is counted."""
    async with accepting() as acceptor:
        stream = await acceptor.stream()
        await stream.send_all(b"MPI")
        await stream.aclose()
        await trio.sleep(1)
        assert acceptor.pairing.errors == {"ConnectionLost": 1}


async def test_two_halves_of_the_same_kind_are_both_refused(autojump_clock: MockClock) -> None:
    """Both are closed, and the token can be used again."""
    async with accepting() as acceptor:
        streams = [await acceptor.stream() for _ in range(2)]
        for stream in streams:
            await stream.send_all(preamble())
        for stream in streams:
            assert await stream.receive_some() == b""
        assert acceptor.pairing.errors == {"BadPreamble": 1}
        for kind in StreamKind:
            stream = await acceptor.stream()
            await stream.send_all(preamble(kind))
        await acceptor.accepted.receive()


async def test_one_peer_has_a_share_of_the_waiting_room(autojump_clock: MockClock) -> None:
    """Too many streams of one peer are refused at once; places are free again after the deadline."""
    async with accepting() as acceptor:
        for round in (1, 2):
            streams = [await acceptor.stream() for _ in range(20)]
            for stream in streams[16:]:
                assert await stream.receive_some() == b""
            assert acceptor.pairing.errors["TooManyStreams"] == 4 * round
            await trio.sleep(HELLO + 1)
        await acceptor.pairs()


async def test_all_peers_share_the_waiting_room(autojump_clock: MockClock) -> None:
    """The limit for all peers holds, too; complete pairs do not count."""
    async with accepting(limits=PeerLimits(max_pending=4)) as acceptor:
        for _ in range(10):
            await acceptor.pairs()
        streams = [await acceptor.stream() for _ in range(6)]
        await trio.sleep(0.1)
        assert acceptor.pairing.errors == {"TooManyStreams": 2}
        assert await streams[5].receive_some() == b""


def test_links_that_are_not_greeted_are_limited() -> None:
    """The limits hold per peer and in all; links that are greeted, or have ended, do not count."""
    pairing = Pairing(limits=PeerLimits(max_links=9))
    greeting = [pairing.greeting(PeerId("one")) for _ in range(8)]
    for one in greeting:
        one.__enter__()
    with pytest.raises(TooManyStreams), pairing.greeting(PeerId("one")):
        pass
    with pairing.greeting(PeerId("two")):
        with pytest.raises(TooManyStreams), pairing.greeting(PeerId("three")):
            pass
        greeting.pop().__exit__(None, None, None)
        with pairing.greeting(PeerId("one")):
            pass
    assert pairing.errors == {"TooManyStreams": 2}


@pytest.mark.parametrize("after", [0, 1], ids=["the first stream", "the second stream"])
async def test_no_half_pair_stays_open(autojump_clock: MockClock, after: int) -> None:
    """When the other side goes away while a pair is opened, no stream stays open here."""
    async with accepting(MemoryNetwork(latency=0.1)) as acceptor:
        before = len(acceptor.client.life.ends)
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def kill() -> None:
                await trio.sleep(0.05 + 0.2 * after)
                acceptor.network.kill(PeerId("server"))

            with pytest.raises(DialFailed):
                await open_pair(acceptor.client, PeerId("server"))
        await trio.sleep(1)
        assert len(acceptor.client.life.ends) <= before


async def test_an_opening_that_is_given_up_leaves_nothing(autojump_clock: MockClock) -> None:
    """When it is cancelled between its streams, the first one is closed."""
    async with accepting(MemoryNetwork(latency=0.1)) as acceptor:
        before = len(acceptor.client.life.ends)
        with trio.move_on_after(0.3):
            await open_pair(acceptor.client, PeerId("server"))
        assert len(acceptor.client.life.ends) == before
