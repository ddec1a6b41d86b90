"""Trees from peers in virtual time: everything comes, or an error says why not, whatever the peers do."""

from __future__ import annotations

import pytest
import trio
from exchange_scene import (
    MemoryBlocks,
    Party,
    Rogue,
    Scene,
    SlowDisk,
    noise,
    scene,
    with_blocks,
    with_refusals,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from mpi_actors.content.bitswap.fetch import fetch_block, fetch_tree
from mpi_actors.content.formats.cid import Cid
from mpi_actors.content.formats.limits import TreeLimits
from mpi_actors.content.formats.walk import Walk
from mpi_actors.content.store.backend import TransferProgress
from mpi_actors.errors import BadBlock, ContentMissing, ContentRefused, DiskFull, NoProvider
from mpi_actors.ids import PeerId
from mpi_actors.net.memory.network import MemoryNetwork

FILES = {"large": noise(300_000), "small": b"hi", "empty": b"", "again": b"hi"}
CHUNK = 4000


def is_complete(blocks: MemoryBlocks, root: Cid) -> bool:
    """Whether a store has all blocks of a tree."""
    walk = Walk(root)
    try:
        while not walk.done:
            for cid in walk.wanted(10):
                walk.add_block(cid, blocks.get(cid))
    except ContentMissing:
        return False
    return True


async def get(here: Party, root: Cid, *providers: PeerId, limits: TreeLimits | None = None) -> None:
    """Fetch a tree from these providers."""
    await fetch_tree(
        root, blocks=here.blocks, exchange=here.exchange, providers=lambda: providers, limits=limits
    )


async def lie(rogue: Rogue, to: Party, blocks: MemoryBlocks, how: str) -> None:
    """Answer wrongly for ever."""
    stream = await rogue.open(to)
    while True:
        cid, *_ = await rogue.wanted(1)
        data = blocks.get(cid)
        match how:
            case "corrupt":
                await stream.send_all(with_blocks(data[:-1] + bytes([data[-1] ^ 1]) if data else b"?"))
            case "wrong":
                await stream.send_all(with_blocks(b"something else"))
            case "refuse":
                await stream.send_all(with_refusals([cid]))
            case "flood":
                await stream.send_all(with_blocks(*(noise(1_000_000, seed) for seed in range(3))))
            case "half":
                await stream.send_all(with_blocks(data)[:-1])
                await stream.aclose()
                return
            case "silent":
                pass


# --- what comes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 1])
async def test_a_tree_is_fetched(autojump_clock: MockClock, version: int) -> None:
    """All blocks come, each once, and then no peer is asked any more."""
    async with scene() as on:
        near, far = await on.peer("near"), await on.peer("far")
        root = far.blocks.add_tree(FILES, version=version, chunk=CHUNK)
        reports: list[TransferProgress] = []
        await fetch_tree(
            root,
            blocks=near.blocks,
            exchange=near.exchange,
            providers=lambda: [far.id],
            on_progress=reports.append,
        )
        assert near.blocks == far.blocks
        assert len(near.blocks.puts) == len(far.blocks)
        assert reports[-1].done == reports[-1].total
        assert sorted(reports, key=lambda each: each.done) == reports
        on.stop("far")
        await get(near, root)


@pytest.mark.parametrize("seed", range(5))
async def test_a_slow_disk_is_waited_for(autojump_clock: MockClock, seed: int) -> None:
    """One provider is asked once for everything, even if blocks come while others are written."""
    async with scene(offload=SlowDisk(0.5, seed)) as on:
        near, far = await on.peers("near", "far")
        root = far.blocks.add_tree(FILES, chunk=CHUNK)
        asked: list[PeerId] = []

        def providers() -> list[PeerId]:
            asked.append(far.id)
            return [far.id]

        await fetch_tree(root, blocks=near.blocks, exchange=near.exchange, providers=providers)
        assert near.blocks == far.blocks
        assert len(near.blocks.puts) == len(far.blocks)
        assert len(asked) == 1


async def test_what_is_here_is_not_fetched(autojump_clock: MockClock) -> None:
    """A fetch continues where an earlier one ended."""
    async with scene() as on:
        near, far = await on.peer("near"), await on.peer("far")
        root = far.blocks.add_tree(FILES, chunk=CHUNK)
        kept = sorted(far.blocks)[::2]
        near.blocks.update((digest, far.blocks[digest]) for digest in kept)
        await get(near, root, far.id)
        assert near.blocks == far.blocks
        assert len(near.blocks.puts) == len(far.blocks) - len(kept)


async def test_one_block_is_fetched(autojump_clock: MockClock) -> None:
    """A single block comes without what is below it, and is kept."""
    async with scene() as on:
        near, far = await on.peer("near"), await on.peer("far")
        root = far.blocks.add_tree(FILES, chunk=CHUNK)
        for _ in range(2):
            found = await fetch_block(
                root, blocks=near.blocks, exchange=near.exchange, providers=lambda: [far.id]
            )
            assert found == far.blocks.get(root)
        assert list(near.blocks) == [root.digest]
        assert len(near.blocks.puts) == 1


async def test_the_empty_block_needs_nobody(autojump_clock: MockClock) -> None:
    """The empty block is known: IPFS daemons say that they do not have it."""
    async with scene() as on:
        near = await on.peer("near")
        root = near.blocks.add_tree({"empty": b""}, version=1)
        del near.blocks[Cid.of(b"").digest]
        await get(near, root)
        assert is_complete(near.blocks, root)


async def test_two_fetches_of_one_tree(autojump_clock: MockClock) -> None:
    """Two fetches of one tree from one peer at the same time both get all of it."""
    async with scene(MemoryNetwork(bandwidth=1e6)) as on:
        near, far = await on.peer("near"), await on.peer("far")
        root = far.blocks.add_tree(FILES, chunk=CHUNK)
        async with trio.open_nursery() as nursery:
            for _ in range(2):
                nursery.start_soon(get, near, root, far.id)
        assert near.blocks == far.blocks


async def test_whoever_fetches_serves_already(autojump_clock: MockClock) -> None:
    """In a chain of peers, each of which asks only the one before, all get the tree at the same time."""
    async with scene(MemoryNetwork(bandwidth=1e6)) as on:
        peers = [await on.peer(f"peer{number}") for number in range(3)]
        root = peers[0].blocks.add_tree(FILES, chunk=CHUNK)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(get, peers[1], root, peers[0].id)
            await trio.sleep(0.05)
            nursery.start_soon(fetch_patiently, peers[2], root, peers[1].id)
        assert peers[2].blocks == peers[0].blocks


async def fetch_patiently(here: Party, root: Cid, peer: PeerId) -> None:
    """Fetch from a peer that may not have everything yet."""
    while True:
        try:
            return await get(here, root, peer)
        except ContentMissing:
            await trio.sleep(0.1)


# --- who fails --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["corrupt", "wrong", "refuse", "flood", "half", "silent"])
async def test_a_liar_is_passed_over(autojump_clock: MockClock, how: str) -> None:
    """Whatever the first peer does, the second one is asked, and nothing wrong is kept."""
    async with scene() as on:
        near, far, liar = await on.peer("near"), await on.peer("far"), await on.rogue("liar")
        root = far.blocks.add_tree(FILES, chunk=CHUNK)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lie, liar, near, far.blocks, how)
            await get(near, root, liar.id, far.id)
            nursery.cancel_scope.cancel()
        assert near.blocks == far.blocks


@pytest.mark.parametrize("how", ["corrupt", "wrong", "refuse", "flood", "half", "silent"])
async def test_liars_alone_end_it(autojump_clock: MockClock, how: str) -> None:
    """A fetch from liars ends with an error that names them."""
    async with scene() as on:
        near, liar = await on.peer("near"), await on.rogue("liar")
        blocks = MemoryBlocks()
        root = blocks.add_tree(FILES, chunk=CHUNK)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lie, liar, near, blocks, how)
            with pytest.raises(ContentMissing, match="liar"):
                await get(near, root, liar.id)
            nursery.cancel_scope.cancel()
        assert near.blocks == {}


@pytest.mark.parametrize("how", ["kill", "freeze", "cut", "break"])
async def test_another_peer_goes_on(autojump_clock: MockClock, how: str) -> None:
    """When a provider is lost in the middle, the next one is asked for the rest, and only for that."""
    async with scene(MemoryNetwork(bandwidth=100_000, capacity=20_000)) as on:
        near, first, second = await on.peers("near", "first", "second")
        root = first.blocks.add_tree(FILES, chunk=CHUNK)
        second.blocks.update(first.blocks)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(get, near, root, first.id, second.id)
            await trio.sleep(1.5)
            assert 0 < len(near.blocks) < len(first.blocks)
            lose(on, how, near, first)
        assert near.blocks == second.blocks
        assert len(near.blocks.puts) == len(near.blocks)


def lose(on: Scene, how: str, near: Party, far: Party) -> None:
    """Do something to a peer or its connection."""
    match how:
        case "kill":
            on.network.kill(far.id)
        case "freeze":
            on.network.freeze(far.id)
        case "cut":
            on.network.cut(near.id, far.id)
        case "break":
            on.network.break_connections(near.id, far.id)


async def test_parts_are_put_together(autojump_clock: MockClock) -> None:
    """When each of two peers has a half, both are asked, again and again if necessary."""
    async with scene() as on:
        near, left, right = await on.peers("near", "left", "right")
        whole = MemoryBlocks()
        root = whole.add_tree({"large": noise(100_000)}, chunk=1000)
        for number, digest in enumerate(sorted(whole)):
            (left, right)[number % 2].blocks[digest] = whole[digest]
        await get(near, root, left.id, right.id)
        assert near.blocks == whole


async def test_a_fetch_that_was_interrupted_goes_on(autojump_clock: MockClock) -> None:
    """Cancelled at any time, a fetch keeps what came, and the next one asks for the rest."""
    async with scene(MemoryNetwork(bandwidth=100_000, capacity=20_000)) as on:
        near, far = await on.peer("near"), await on.peer("far")
        root = far.blocks.add_tree(FILES, chunk=CHUNK)
        rounds = 0
        while not is_complete(near.blocks, root):
            rounds += 1
            with trio.move_on_after(0.5):
                await get(near, root, far.id)
            await trio.sleep(5)  # what was on its way comes, and nobody wants it any more
        assert 2 < rounds < 20
        assert len(near.blocks.puts) == len(near.blocks)


async def test_a_peer_that_comes_later_is_asked(autojump_clock: MockClock) -> None:
    """A provider that is named while others are being asked is asked next."""
    async with scene() as on:
        near, mute = await on.peer("near"), await on.rogue("mute")
        found = [mute.id]
        blocks = MemoryBlocks()
        root = blocks.add_tree(FILES, chunk=CHUNK)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                lambda: fetch_tree(root, blocks=near.blocks, exchange=near.exchange, providers=lambda: found)
            )
            await trio.sleep(1)
            late = await on.peer("late")
            late.blocks.update(blocks)
            found.append(late.id)
        assert near.blocks == blocks


async def test_nobody_to_ask(autojump_clock: MockClock) -> None:
    """Without providers, or with none that has the tree, an error says so at once."""
    async with scene() as on:
        near, poor = await on.peer("near"), await on.peer("poor")
        root = Cid.of(b"nobody has this")
        with pytest.raises(NoProvider, match="no peer to ask"):
            await get(near, root)
        with pytest.raises(ContentMissing, match=r"stranger cannot be asked.*poor does not have 1 of"):
            await get(near, root, PeerId("stranger"), poor.id)
        assert trio.current_time() < 1


async def test_a_tree_with_holes_is_missing(autojump_clock: MockClock) -> None:
    """Blocks that came are kept; the fetch ends although its only provider lacks most of a file."""
    async with scene() as on:
        near, far = await on.peer("near"), await on.peer("far")
        root = far.blocks.add_tree({"large": noise(600_000)}, chunk=1000)
        for digest in sorted(far.blocks)[10:]:
            if len(far.blocks[digest]) < 1100:
                del far.blocks[digest]
        far.blocks.update({root.digest: far.blocks.get(root)} if far.blocks.has(root) else {})
        with pytest.raises(ContentMissing, match="far does not have"):
            await get(near, root, far.id)


# --- limits -----------------------------------------------------------------------------------------------


async def test_a_tree_over_a_limit_is_refused_early(autojump_clock: MockClock) -> None:
    """The blocks of a file that is too large are not fetched."""
    async with scene() as on:
        near, far = await on.peer("near"), await on.peer("far")
        root = far.blocks.add_tree({"large": noise(300_000)}, chunk=CHUNK)
        with pytest.raises(ContentRefused):
            await get(near, root, far.id, limits=TreeLimits(size=200_000))
        assert sum(map(len, near.blocks.values())) < 50_000


async def test_nonsense_is_refused(autojump_clock: MockClock) -> None:
    """A block that has the right hash and makes no sense is its maker's fault, not the provider's."""
    async with scene() as on:
        near, far, other = await on.peers("near", "far", "other")
        root = far.blocks.add(b"\x07nonsense")
        with pytest.raises(ContentRefused, match=str(root)) as caught:
            await get(near, root, far.id, other.id)
        assert isinstance(caught.value.__cause__, BadBlock)


async def test_a_full_disk_ends_it(autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of the store of blocks ends the fetch."""

    def put(self: MemoryBlocks, cid: Cid, data: bytes, *, checked: bool = False) -> bool:
        raise DiskFull("on purpose")

    async with scene() as on:
        near, far = await on.peer("near"), await on.peer("far")
        root = far.blocks.add_tree(FILES)
        monkeypatch.setattr(MemoryBlocks, "put", put)
        with pytest.raises(DiskFull):
            await get(near, root, far.id)


async def test_little_is_on_its_way(autojump_clock: MockClock) -> None:
    """However large a file is, only a bounded number of blocks is on its way."""
    async with scene() as on:
        near, far = await on.peer("near"), await on.rogue("far")
        blocks = MemoryBlocks()
        root = blocks.add_tree({"large": noise(30_000_000)}, chunk=100_000)
        held = 0

        async def answer() -> None:
            nonlocal held
            stream = await far.open(near)
            for level in range(4):
                asked = await far.wanted(1)
                while level > 1:
                    with trio.move_on_after(1) as waited:
                        asked += await far.wanted(1)
                    if waited.cancelled_caught:
                        break
                held = max(held, len(asked))
                await stream.send_all(with_blocks(*(blocks.get(cid) for cid in asked)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(answer)
            with pytest.raises(ContentMissing):
                await get(near, root, far.id)
        assert 10 <= held <= 64


# --- chance -----------------------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 1 << 16),
    faults=st.lists(
        st.tuples(
            st.sampled_from(["cut", "heal", "freeze", "thaw", "break", "connect"]),
            st.integers(1, 2),
            st.floats(0, 3),
        ),
        max_size=8,
    ),
    version=st.integers(0, 1),
    slow=st.sampled_from([0, 0.01, 0.5]),
)
@settings(max_examples=25, deadline=None)
def test_it_ends_whatever_happens(
    seed: int, faults: list[tuple[str, int, float]], version: int, slow: float
) -> None:
    """A fetch ends with the tree or one of our errors; afterwards, the next one gets the rest."""

    async def run() -> None:
        network = MemoryNetwork(bandwidth=200_000, capacity=15_000, short_reads=0.3, seed=seed)
        async with scene(network, offload=SlowDisk(slow, seed) if slow else None) as on:
            peers = [await on.peer(f"peer{number}") for number in range(3)]
            near = peers[0]
            root = peers[1].blocks.add_tree(FILES, version=version, chunk=CHUNK)
            peers[2].blocks.update(peers[1].blocks)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(disturb, network, peers)
                try:
                    await get(near, root, peers[1].id, peers[2].id)
                    assert is_complete(near.blocks, root)
                except ContentMissing:
                    assert not is_complete(near.blocks, root)
            network.heal_all()
            for peer in peers[1:]:
                network.thaw(peer.id)
                await near.transport.connect(peer.transport.addresses[0])
            await get(near, root, peers[1].id, peers[2].id)
            assert near.blocks == peers[1].blocks
            came = [cid for cid in near.blocks.puts if near.blocks[cid.digest]]
            assert len(came) == len(set(came))

    async def disturb(network: MemoryNetwork, peers: list[Party]) -> None:
        for what, number, pause in faults:
            await trio.sleep(pause)
            near, far = peers[0], peers[number]
            match what:
                case "cut":
                    network.cut(near.id, far.id)
                case "heal":
                    network.heal(near.id, far.id)
                case "freeze":
                    network.freeze(far.id)
                case "thaw":
                    network.thaw(far.id)
                case "break":
                    network.break_connections(near.id, far.id)

    trio.run(run, clock=MockClock(autojump_threshold=0))
