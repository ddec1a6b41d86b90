"""The input of rank 0 of a script goes from one source to the daemon that hosts the rank."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
import trio.testing

from mpi_actors.errors import DaemonEnded
from mpi_actors.pool.local.input import LocalInput
from mpi_actors.programs.spool import AHEAD, Spool
from mpi_actors.wire.control import Feed

PART = b"x" * (AHEAD // 2)
DEADLINE = 600.0
"""Seconds after which a test counts as hung, on however slow a machine."""


class Daemon:
    """Serves `Feed` as a daemon does."""

    def __init__(self, path: Path) -> None:
        self.spool = Spool(path)
        self.ended = False

    async def ask(self, request: Feed) -> None:
        await trio.lowlevel.checkpoint()
        if self.ended:
            raise DaemonEnded("it has ended")
        self.spool.on_file_grow(request.size, request.ended)
        await self.spool.wait_wanted()


class Source:
    """Gives a number of parts, and counts them."""

    def __init__(self, parts: int) -> None:
        self.left = parts
        self.given = 0

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        await trio.lowlevel.checkpoint()
        if not self.left:
            raise StopAsyncIteration
        self.left -= 1
        self.given += 1
        return PART


async def read(daemon: Daemon) -> int:
    """Return how many bytes a reader at that daemon gets, up to the end."""
    return sum([len(part) async for part in daemon.spool.read()])


async def read_size(path: Path) -> int:
    """Return the size of a file; 0 if there is none."""
    file = trio.Path(path)
    return (await file.stat()).st_size if await file.exists() else 0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "input"


async def test_any_daemon_has_all_of_it(path: Path, nursery: trio.Nursery) -> None:
    """A reader at any daemon, at any time, gets all of the input and its end."""
    daemons = [Daemon(path), Daemon(path)]
    nursery.start_soon(LocalInput("s", path, Source(7), lambda: daemons).run)
    with trio.fail_after(DEADLINE):
        assert await read(daemons[1]) == 7 * len(PART)
        assert await read(daemons[0]) == 7 * len(PART)


async def test_a_source_is_read_only_a_little_ahead(path: Path, nursery: trio.Nursery) -> None:
    """Without a reader, an endless source does not fill the disk."""
    daemons = [Daemon(path), Daemon(path)]
    source = Source(1_000_000)
    nursery.start_soon(LocalInput("s", path, source, lambda: daemons).run)
    with trio.fail_after(DEADLINE):
        while await read_size(path) < 3 * len(PART):  # noqa: ASYNC110 - a file tells nobody
            await trio.sleep(0.01)
    await trio.testing.wait_all_tasks_blocked(0.05)
    assert source.given == 3
    assert await read_size(path) == 3 * len(PART)
    nursery.cancel_scope.cancel()


async def test_a_daemon_that_comes_later_is_told(path: Path, nursery: trio.Nursery) -> None:
    """A new daemon hears of the input, also when others wait or have ended, or all of it is there."""
    first, second, third = daemons = [Daemon(path) for _ in range(3)]
    now = [first]
    input = LocalInput("s", path, Source(9), lambda: now)
    nursery.start_soon(input.run)
    await trio.testing.wait_all_tasks_blocked(0.05)
    first.ended = True
    now[:] = [first, second]
    input.on_daemon_up()
    with trio.fail_after(DEADLINE):
        assert await read(second) == 9 * len(PART)
        now[:] = daemons
        input.on_daemon_up()
        assert await read(third) == 9 * len(PART)
    nursery.cancel_scope.cancel()
