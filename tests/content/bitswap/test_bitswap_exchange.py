"""Bitswap between peers in virtual time: what peers serve, what they ask, and what others may cost them."""

from __future__ import annotations

import pytest
import trio
from exchange_scene import LIMIT, Party, noise, scene, with_blocks, with_refusals
from trio.testing import MockClock, wait_all_tasks_blocked

from mpi_actors.content.bitswap.asking import BlockAbsent, BlockReceived, Provider
from mpi_actors.content.bitswap.exchange import ExchangeLimits
from mpi_actors.content.formats import bitswap, protobuf
from mpi_actors.content.formats.bitswap import BitswapMessage, Block, Decoder, Presence, Want
from mpi_actors.content.formats.cid import Cid, Codec
from mpi_actors.errors import ConnectionLost, ProviderFailed
from mpi_actors.ids import PeerId
from mpi_actors.net.memory.network import MemoryNetwork
from mpi_actors.net.transport import ByteStream

DATA = b"data of a block"
CID = Cid.of(DATA)
ABSENT = Cid.of(b"nobody has this")


async def take(provider: Provider, count: int) -> list[BlockReceived | BlockAbsent]:
    """Receive this many answers."""
    found: list[BlockReceived | BlockAbsent] = []
    while len(found) < count:
        found += await provider.receive()
    return found


async def ask_for(stream: ByteStream, *wants: Want, full: bool = False) -> None:
    """Send one message with wants."""
    await stream.send_all(bitswap.encode(BitswapMessage(wants=wants, full=full)))


# --- both sides -------------------------------------------------------------------------------------------


async def test_a_block_is_had_from_a_peer(autojump_clock: MockClock) -> None:
    """A peer that has a block sends it; a peer that has not says so."""
    async with scene() as on:
        near, far = await on.peer("near"), await on.peer("far")
        far.blocks.add(DATA)
        async with near.exchange.ask(far.id) as provider:
            assert provider.peer == far.id
            provider.want([CID, ABSENT])
            assert (provider.outstanding, set(provider.wanted)) == (2, {CID, ABSENT})
            answers = await take(provider, 2)
            assert {(type(each), each.cid) for each in answers} == {
                (BlockReceived, CID),
                (BlockAbsent, ABSENT),
            }
            assert provider.outstanding == 0
            assert await provider.receive() == []


async def test_one_block_answers_all_its_names(autojump_clock: MockClock) -> None:
    """A block that is wanted under two names is sent once, and comes under both."""
    names = [CID, Cid.of(DATA, Codec.DAG_PB, 1), Cid.of(DATA, Codec.RAW, 1)]
    async with scene() as on:
        near, far = await on.peer("near"), await on.rogue("far")
        async with near.exchange.ask(far.id) as provider:
            provider.want([*names, CID])
            assert await far.wanted(1) == [CID]
            await (await far.open(near)).send_all(with_blocks(DATA))
            assert [each.cid for each in await take(provider, 3)] == names


async def test_two_may_ask_one_peer_at_the_same_time(autojump_clock: MockClock) -> None:
    """Each asker gets its blocks, a common one is asked for once, and one asker may end first."""
    async with scene() as on:
        near, far = await on.peer("near"), await on.rogue("far")
        stream = await far.open(near)
        async with near.exchange.ask(far.id) as one:
            async with near.exchange.ask(far.id) as other:
                one.want([CID, ABSENT])
                other.want([CID])
                assert await far.wanted(2) == [CID, ABSENT]
                await stream.send_all(with_blocks(DATA))
                assert [each.cid for each in await one.receive()] == [CID]
                assert [each.cid for each in await other.receive()] == [CID]
                other.want([ABSENT])
            await stream.send_all(with_blocks(b"nobody has this"))
            assert [each.cid for each in await one.receive()] == [ABSENT]


async def test_both_directions_work_at_once(autojump_clock: MockClock) -> None:
    """Two peers that fetch from each other do not wait for each other."""
    async with scene(MemoryNetwork(capacity=10_000, bandwidth=1e6, short_reads=0.3)) as on:
        near, far = await on.peer("near"), await on.peer("far")
        async with trio.open_nursery() as nursery:
            for here, there in ((near, far), (far, near)):
                cids = [there.blocks.add(noise(50_000, seed) + there.id.encode()) for seed in range(40)]

                async def fetch(here: Party = here, there: Party = there, cids: list[Cid] = cids) -> None:
                    async with here.exchange.ask(there.id) as provider:
                        provider.want(cids)
                        assert {each.cid for each in await take(provider, 40)} == set(cids)

                nursery.start_soon(fetch)


async def test_nothing_is_left_behind(autojump_clock: MockClock) -> None:
    """After a silence, streams are closed, and the peer is forgotten."""
    async with scene() as on:
        near, far = await on.peer("near"), await on.peer("far")
        far.blocks.add(DATA)
        for _ in range(2):
            async with near.exchange.ask(far.id) as provider:
                provider.want([CID])
                await take(provider, 1)
            assert near.exchange.peers == (far.id,)
            await trio.sleep(3 * near.exchange.limits.idle)
            assert near.exchange.peers == far.exchange.peers == ()


async def test_an_exchange_that_does_not_run_refuses(autojump_clock: MockClock) -> None:
    """Asking fails at once, and tasks that wait when the exchange stops get an error."""
    async with scene() as on:
        near, far = await on.peer("near"), await on.rogue("far")
        async with near.exchange.ask(far.id) as provider:
            provider.want([CID])
            await far.wanted(1)
            async with trio.open_nursery() as nursery:

                async def wait() -> None:
                    with pytest.raises(ProviderFailed, match="stops"):
                        await provider.receive()

                nursery.start_soon(wait)
                await wait_all_tasks_blocked()
                on.stop("near")
        await wait_all_tasks_blocked()
        with pytest.raises(ProviderFailed, match="does not run"):
            async with near.exchange.ask(far.id):
                pass


# --- serving ----------------------------------------------------------------------------------------------


async def test_haves_are_answered_without_the_block(autojump_clock: MockClock) -> None:
    """A peer that asks whether we have a block gets an answer, for unknown identifiers too."""
    strange = bytes.fromhex("0155000461626364")
    async with scene() as on:
        near, far = await on.peer("near"), await on.rogue("far")
        near.blocks.add(DATA)
        await ask_for(
            await far.open(near),
            Want(CID, have=True),
            Want(ABSENT, have=True),
            Want(ABSENT, have=True, send_dont_have=True),
            Want(strange, send_dont_have=True),
            Want(b"", have=True),
        )
        message = await far.receive()
        assert list(message.presences) == [
            Presence(CID, have=True),
            Presence(ABSENT, have=False),
            Presence(strange, have=False),
        ]
        assert not message.blocks


@pytest.mark.parametrize("cid", [CID, Cid.of(DATA, Codec.DAG_PB, 1), Cid.of(DATA, Codec.RAW, 1)], ids=str)
async def test_a_block_has_the_prefix_of_its_name(autojump_clock: MockClock, cid: Cid) -> None:
    """The asking side makes the identifier from prefix and bytes: it must be the one it asked for."""
    async with scene() as on:
        near, far = await on.peer("near"), await on.rogue("far")
        near.blocks.add(DATA)
        await ask_for(await far.open(near), Want(cid))
        (block,) = (await far.receive()).blocks
        assert (block.prefix, bytes(block.data)) == (cid.prefix, DATA)


async def test_a_block_that_comes_later_is_sent_then(autojump_clock: MockClock) -> None:
    """A want that we cannot answer is remembered, unless it was cancelled or is too old."""
    old, over, later = (Cid.of(data) for data in (b"old", b"over", b"later"))
    async with scene(limits=ExchangeLimits(want_lifetime=100)) as on:
        near, far = await on.peer("near"), await on.rogue("far")
        stream = await far.open(near)
        await ask_for(stream, Want(old))
        await trio.sleep(200)
        await ask_for(stream, Want(over), Want(later), Want(CID, have=True))
        await trio.sleep(1)
        await ask_for(stream, Want(over, cancel=True))
        await trio.sleep(1)
        for data in (b"old", b"over", b"later", DATA):
            near.exchange.on_block_stored(near.blocks.add(data))
        assert list((await far.receive()).presences) == [Presence(CID, have=True)]
        assert [bytes(block.data) for block in (await far.receive()).blocks] == [b"later"]


async def test_a_full_list_replaces_the_old_one(autojump_clock: MockClock) -> None:
    """Wants that are not in a full list are forgotten."""
    async with scene() as on:
        near, far = await on.peer("near"), await on.rogue("far")
        stream = await far.open(near)
        await ask_for(stream, Want(ABSENT))
        await ask_for(stream, Want(CID), full=True)
        await trio.sleep(1)
        near.exchange.on_block_stored(near.blocks.add(b"nobody has this"))
        near.exchange.on_block_stored(near.blocks.add(DATA))
        assert [bytes(block.data) for block in (await far.receive()).blocks] == [DATA]


async def test_wants_are_bounded(autojump_clock: MockClock) -> None:
    """If a peer wants everything, its newest wants are kept."""
    limits = ExchangeLimits(wants=10)
    cids = [Cid.of(bytes([number])) for number in range(30)]
    async with scene(limits=limits) as on:
        near, far = await on.peer("near"), await on.rogue("far")
        stream = await far.open(near)
        for cid in cids:
            await ask_for(stream, Want(cid))
            await trio.sleep(1)
        for number in range(30):
            near.exchange.on_block_stored(near.blocks.add(bytes([number])))
        message = await far.receive()
        assert {bytes(block.data) for block in message.blocks} == {bytes([each]) for each in range(20, 30)}


async def test_a_peer_that_does_not_read_holds_little(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a peer that reads nothing, only two messages' blocks are read; then the peer is given up."""
    limits = ExchangeLimits(batch=100_000, send=30)

    async def hold(_: ByteStream) -> None:
        await trio.sleep(LIMIT)

    async with scene(MemoryNetwork(capacity=1000), limits) as on:
        near, far = await on.peer("near"), await on.rogue("far")
        reads: list[Cid] = []
        cids = [near.blocks.add(noise(50_000, seed)) for seed in range(40)]
        get = near.blocks.get

        def noted(cid: Cid) -> bytes:
            reads.append(cid)
            return get(cid)

        monkeypatch.setattr(near.blocks, "get", noted)
        stream = await far.open(near)
        far.transport.serve(bitswap.PROTOCOL, hold)
        await ask_for(stream, *map(Want, cids))
        await trio.sleep(10)
        assert len(reads) == 4
        assert list(near.exchange.peers) == [far.id]
        await trio.sleep(200)
        await stream.aclose()
        await trio.sleep(200)
        assert list(near.exchange.peers) == []
        assert len(reads) == 4


async def test_a_slow_reader_does_not_stop_others(autojump_clock: MockClock) -> None:
    """While one peer is frozen, another one gets its blocks."""
    async with scene(MemoryNetwork(capacity=1000)) as on:
        near, frozen, lively = await on.peer("near"), await on.rogue("frozen"), await on.peer("lively")
        cids = [near.blocks.add(noise(50_000, seed)) for seed in range(10)]
        await ask_for(await frozen.open(near), *map(Want, cids))
        on.network.freeze(frozen.id)
        async with lively.exchange.ask(near.id) as provider:
            provider.want(cids)
            assert len(await take(provider, 10)) == 10


@pytest.mark.parametrize(
    "data",
    [b"\xff" * 10, protobuf.encode_varint(100) + bytes(100), protobuf.encode_varint(1 << 23)],
    ids=["length", "nonsense", "too-long"],
)
async def test_nonsense_costs_one_stream(autojump_clock: MockClock, data: bytes) -> None:
    """A peer that breaks the protocol loses that stream; its other ones are served."""
    async with scene() as on:
        near, far = await on.peer("near"), await on.rogue("far")
        near.blocks.add(DATA)
        bad, good = await far.open(near), await far.open(near)
        await bad.send_all(data)
        assert await bad.receive_some() == b""
        await ask_for(good, Want(CID))
        assert len((await far.receive()).blocks) == 1


async def test_streams_are_bounded(autojump_clock: MockClock) -> None:
    """A peer that opens more streams than allowed finds the surplus closed, and only that."""
    async with scene(limits=ExchangeLimits(streams=3)) as on:
        near, far = await on.peer("near"), await on.rogue("far")
        near.blocks.add(DATA)
        streams = [await far.open(near) for _ in range(4)]
        assert await streams[3].receive_some() == b""
        await ask_for(streams[0], Want(CID))
        assert len((await far.receive()).blocks) == 1


async def test_unfinished_messages_are_bounded(autojump_clock: MockClock) -> None:
    """A peer cannot make us keep the beginnings of many messages."""
    async with scene(limits=ExchangeLimits(partial=2_500_000)) as on:
        near, far = await on.peer("near"), await on.rogue("far")
        streams = [await far.open(near) for _ in range(3)]
        for stream in streams:
            await stream.send_all(protobuf.encode_varint(1_000_001) + bytes(1_000_000))
            await trio.sleep(10)
        assert await streams[2].receive_some() == b""
        with trio.move_on_after(1) as waited:
            await streams[0].receive_some()
        assert waited.cancelled_caught


# --- asking those who misbehave ---------------------------------------------------------------------------


async def test_a_peer_that_says_nothing_is_given_up(autojump_clock: MockClock) -> None:
    """A silent peer is given up after `stall` seconds, and not before."""
    async with scene() as on:
        near, far = await on.peer("near"), await on.rogue("far")
        async with near.exchange.ask(far.id, stall=7) as provider:
            provider.want([CID])
            start = trio.current_time()
            with pytest.raises(ProviderFailed, match="no block for 7 s"):
                await provider.receive()
            assert trio.current_time() - start == pytest.approx(7)


async def test_a_slow_peer_is_not_given_up(autojump_clock: MockClock) -> None:
    """As long as bytes come, a large block may take longer than `stall`."""
    async with scene(MemoryNetwork(bandwidth=40_000, capacity=20_000)) as on:
        near, far = await on.peer("near"), await on.peer("far")
        cid = far.blocks.add(noise(1_000_000))
        async with near.exchange.ask(far.id) as provider:
            provider.want([cid])
            assert len(await take(provider, 1)) == 1
        assert trio.current_time() > 2 * near.exchange.limits.stall


async def test_a_peer_that_never_ends_is_given_up(autojump_clock: MockClock) -> None:
    """A peer whose bytes never become a block is given up."""
    async with scene() as on:
        near, far = await on.peer("near"), await on.rogue("far")
        stream = await far.open(near)

        async def trickle() -> None:
            await stream.send_all(protobuf.encode_varint(4_000_000))
            while True:
                await stream.send_all(b"\x0a")
                await trio.sleep(1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(trickle)
            async with near.exchange.ask(far.id) as provider:
                provider.want([CID])
                with pytest.raises(ProviderFailed, match="no block"):
                    await provider.receive()
            nursery.cancel_scope.cancel()
        assert trio.current_time() < 10 * near.exchange.limits.stall


@pytest.mark.parametrize("how", ["kill", "close", "reset", "stop"])
async def test_the_end_of_a_peer_is_noticed_at_once(autojump_clock: MockClock, how: str) -> None:
    """A task that waits for a peer gets an error at once when the peer hangs up."""
    async with scene() as on:
        near, far = await on.peer("near"), await on.rogue("far")
        async with near.exchange.ask(far.id) as provider:
            provider.want([CID])
            await far.wanted(1)
            start = trio.current_time()
            if how == "kill":
                on.network.kill(far.id)
            elif how == "close":
                await far.streams[0].aclose()
            elif how == "reset":
                on.network.break_connections(near.id, far.id)
            else:
                await far.transport.disconnect(near.id)
            with pytest.raises(ProviderFailed, match="hung up"):
                await provider.receive()
            assert trio.current_time() - start < 1


async def test_half_a_message_is_noticed_at_once(autojump_clock: MockClock) -> None:
    """A stream that ends in the middle of a block means that the block will not come."""
    async with scene() as on:
        near, far = await on.peer("near"), await on.rogue("far")
        async with near.exchange.ask(far.id) as provider:
            provider.want([CID])
            await far.wanted(1)
            stream = await far.open(near)
            await stream.send_all(with_blocks(DATA)[:-1])
            await stream.aclose()
            start = trio.current_time()
            with pytest.raises(ProviderFailed, match="in the middle"):
                await provider.receive()
            assert trio.current_time() - start < 1


async def test_a_stranger_cannot_be_asked(autojump_clock: MockClock) -> None:
    """Asking a peer that is not connected, or does not speak bitswap, fails at once."""
    async with scene() as on:
        near, mute = await on.peer("near"), await on.transport("mute")
        for peer in (PeerId("stranger"), mute.local):
            async with near.exchange.ask(peer) as provider:
                provider.want([CID])
                with pytest.raises(ProviderFailed, match="cannot be asked"):
                    await provider.receive()
        assert near.exchange.peers == ()
        assert trio.current_time() < 1


async def test_wrong_blocks_are_never_taken(autojump_clock: MockClock) -> None:
    """Bytes with another hash than a wanted one are given to nobody, whatever their prefix says."""
    async with scene() as on:
        near, far = await on.peer("near"), await on.rogue("far")
        async with near.exchange.ask(far.id) as provider:
            provider.want([CID])
            stream = await far.open(near)
            await stream.send_all(
                bitswap.encode(
                    BitswapMessage(blocks=[Block(CID.prefix, DATA + b"?"), Block(CID.prefix, b"")])
                )
            )
            with pytest.raises(ProviderFailed, match="no block"):
                await provider.receive()


@pytest.mark.parametrize("asking", [True, False])
async def test_a_flood_is_stopped(autojump_clock: MockClock, asking: bool) -> None:
    """A peer that sends many blocks that nobody asked for loses its stream, whether we ask it or not."""
    async with scene() as on:
        near, far = await on.peer("near"), await on.rogue("far")
        sent = 0

        async def flood(stream: ByteStream) -> None:
            nonlocal sent
            while True:
                await stream.send_all(with_blocks(noise(1_000_000, sent)))
                sent += 1

        async with near.exchange.ask(far.id) as provider:
            if asking:
                provider.want([CID])
                await far.wanted(1)
            stream = await far.open(near)
            with pytest.raises(ConnectionLost):
                await flood(stream)
            assert sent < 10
            if asking:
                with pytest.raises(ProviderFailed, match="nobody asked for"):
                    await provider.receive()


async def test_what_is_late_is_forgiven(autojump_clock: MockClock) -> None:
    """Blocks that come after their want was cancelled do not count as unasked."""
    limits = ExchangeLimits(unasked=100_000)
    blocks = [noise(90_000, seed) for seed in range(4)]
    async with scene(limits=limits) as on:
        near, far = await on.peer("near"), await on.rogue("far")
        stream = await far.open(near)
        async with near.exchange.ask(far.id) as provider:
            provider.want([Cid.of(data) for data in blocks])
            await far.wanted(4)
        over = [want.cid for want in (await far.receive()).wants if want.cancel]
        assert over == [Cid.of(data) for data in blocks]
        async with near.exchange.ask(far.id) as provider:
            provider.want([CID])
            await stream.send_all(with_blocks(*blocks[:3]) + with_refusals([CID]))
            assert await take(provider, 1) == [BlockAbsent(CID)]


async def test_what_comes_after_a_failure_is_forgiven(autojump_clock: MockClock) -> None:
    """A peer that was given up gets cancellations; blocks it sent before do not count as unasked."""
    limits = ExchangeLimits(unasked=100_000)
    blocks = [noise(90_000, seed) for seed in range(4)]
    async with scene(limits=limits) as on:
        near, far = await on.peer("near"), await on.rogue("far")
        good, bad = await far.open(near), await far.open(near)
        async with near.exchange.ask(far.id) as one, near.exchange.ask(far.id) as other:
            one.want([Cid.of(data) for data in blocks])
            other.want([Cid.of(data) for data in blocks[:2]])
            await far.wanted(4)
            await bad.send_all(b"\xff" * 4)
            for each in (one, other):
                with pytest.raises(ProviderFailed, match="too long"):
                    await each.receive()
            over = [want.cid for want in (await far.receive()).wants if want.cancel]
            assert over == [Cid.of(data) for data in blocks]
        async with near.exchange.ask(far.id) as provider:
            provider.want([CID])
            await good.send_all(with_blocks(*blocks) + with_blocks(DATA))
            (got,) = await take(provider, 1)
            assert got.cid == CID


async def test_what_is_not_taken_stops_the_sender(autojump_clock: MockClock) -> None:
    """While no task receives the blocks that have come, only a bounded number is read from a peer."""
    limits = ExchangeLimits(backlog=200_000, batch=50_000)
    async with scene(MemoryNetwork(capacity=100_000), limits) as on:
        near, far = await on.peer("near"), await on.peer("far")
        cids = [far.blocks.add(noise(50_000, seed)) for seed in range(100)]
        async with near.exchange.ask(far.id) as provider:
            provider.want(cids)
            await trio.sleep(5)
            first = await provider.receive()
            assert len(first) <= 6
            assert len(first) + len(await take(provider, 100 - len(first))) == 100


async def test_answers_on_our_own_stream_are_taken(autojump_clock: MockClock) -> None:
    """Some peers answer on the stream on which they were asked."""
    async with scene() as on:
        near, far = await on.peer("near"), await on.transport("far")

        async def answer(stream: ByteStream) -> None:
            decoder = Decoder()
            while not decoder.feed(await stream.receive_some()):
                pass
            await stream.send_all(with_blocks(DATA))
            await trio.sleep(LIMIT)

        far.serve(bitswap.PROTOCOL, answer)
        async with near.exchange.ask(far.local) as provider:
            provider.want([CID])
            (got,) = await take(provider, 1)
            assert isinstance(got, BlockReceived)
            assert bytes(got.data) == DATA
