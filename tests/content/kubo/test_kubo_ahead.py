"""Blocks are fetched before a reader asks for them: the right ones, in time, and not too many."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing

from mpi_actors.content.formats.cid import Cid
from mpi_actors.content.formats.importer import Built, FileBuilder, build_directory
from mpi_actors.content.formats.limits import TreeLimits
from mpi_actors.content.formats.walk import Walk
from mpi_actors.content.kubo import ahead
from mpi_actors.content.kubo.ahead import MAX_FETCHES, ReadAhead
from mpi_actors.errors import BackendUnavailable, ContentError, ContentMissing, ContentRefused


class Blocks:
    """A tree of many blocks, each of which takes a second."""

    def __init__(self, files: int = 5, size: int = 40_000) -> None:
        self.blocks: dict[Cid, bytes] = {}
        self.order: list[Cid] = []
        self.on_way = 0
        self.most_on_way = 0
        entries: dict[str, Built] = {}
        for number in range(files):
            builder = FileBuilder(self._put, chunk=1000)
            builder.add(random.Random(number).randbytes(size))
            entries[f"file{number}"] = builder.finish()
        self.root = build_directory(entries, self._put).cid
        walk = Walk(self.root)
        while wanted := walk.wanted(1):
            self.order += wanted
            walk.add_block(wanted[0], self.blocks[wanted[0]])

    def _put(self, cid: Cid, block: bytes) -> None:
        self.blocks[cid] = block

    async def get(self, cid: Cid) -> bytes:
        """Return one block."""
        self.on_way += 1
        self.most_on_way = max(self.most_on_way, self.on_way)
        try:
            await trio.sleep(1)
        finally:
            self.on_way -= 1
        return self.blocks[cid]


async def reading(
    tree: Blocks, get: Callable[[Cid], Awaitable[bytes]], order: list[Cid], limits: TreeLimits | None = None
) -> float:
    """Take blocks one after the other; return how many seconds that took."""
    start = trio.current_time()
    window = ReadAhead(Walk(tree.root, limits), get)
    failure: ContentError | None = None
    async with trio.open_nursery() as nursery:
        nursery.start_soon(window.run)
        try:
            for cid in order:
                assert await window.take(cid) == tree.blocks[cid]
        except ContentError as error:
            failure = error
            nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return trio.current_time() - start


async def test_many_at_a_time(autojump_clock: trio.testing.MockClock) -> None:
    """A reader that follows the walk is as many times faster as blocks are fetched at a time."""
    tree = Blocks()
    took = await reading(tree, tree.get, tree.order)
    assert MAX_FETCHES <= tree.most_on_way <= MAX_FETCHES + 1  # one that the reader itself asks for
    assert took < 2 * len(tree.order) / MAX_FETCHES + 10


async def test_any_order(autojump_clock: trio.testing.MockClock) -> None:
    """A reader may ask for blocks in any order, and twice."""
    tree = Blocks()
    order = tree.order + tree.order[:10]
    random.Random(1).shuffle(order)
    await reading(tree, tree.get, order)


async def test_what_has_come_is_bounded(
    autojump_clock: trio.testing.MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow reader does not fill the memory; a reader that takes another order still gets all."""
    monkeypatch.setattr(ahead, "MAX_HELD", 20_000)
    tree = Blocks()
    came = 0

    def count() -> None:
        nonlocal came
        came += 1

    window = ReadAhead(Walk(tree.root), tree.get, count)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(window.run)
        await trio.sleep(1000)
        assert 20 <= came <= 20 + 2 * MAX_FETCHES
        for cid in reversed(tree.order):
            assert await window.take(cid) == tree.blocks[cid]
        for cid in tree.order:
            assert await window.take(cid) == tree.blocks[cid]
    assert tree.on_way == 0


async def test_a_block_may_wait_for_others(autojump_clock: trio.testing.MockClock) -> None:
    """A block that does not come in time is not missing as long as other blocks come."""
    tree = Blocks()
    slow, tries = tree.order[6], 0

    async def get(cid: Cid) -> bytes:
        nonlocal tries
        if cid == slow:
            tries += 1
            if tries < 4:
                await trio.sleep(2.5)
                raise ContentMissing("not in time")
        return await tree.get(cid)

    await reading(tree, get, tree.order)
    assert tries == 4


@pytest.mark.parametrize("error", [ContentMissing("gone"), BackendUnavailable("gone")])
@pytest.mark.parametrize("number", [0, 1, 30, -1])
async def test_failures_reach_the_reader(
    autojump_clock: trio.testing.MockClock, error: ContentError, number: int
) -> None:
    """A reader gets the error of a block, and no block is fetched any more."""
    tree = Blocks()
    lost = tree.order[number]

    async def get(cid: Cid) -> bytes:
        block = await tree.get(cid)
        if cid == lost:
            raise error
        return block

    with pytest.raises(type(error), match="gone"):
        await reading(tree, get, tree.order)
    assert tree.on_way == 0


async def test_limits_reach_the_reader(autojump_clock: trio.testing.MockClock) -> None:
    """A tree that goes over a limit is refused before all of it has come."""
    tree = Blocks()
    with pytest.raises(ContentRefused):
        await reading(tree, tree.get, tree.order, TreeLimits(size=50_000))
    assert trio.current_time() < 10


async def test_nonsense_reaches_the_reader(autojump_clock: trio.testing.MockClock) -> None:
    """A block that makes no sense is refused."""
    root = Cid.of(b"\xff\xff")
    window = ReadAhead(Walk(root), lambda cid: _nonsense())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(window.run)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(ContentRefused):
            await window.take(root)


async def _nonsense() -> bytes:
    await trio.sleep(1)
    return b"\xff\xff"
