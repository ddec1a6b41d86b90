"""Standard input that each incarnation reads from its beginning."""

from __future__ import annotations

from pathlib import Path

import trio
import trio.testing

from mpi_actors.programs.spool import AHEAD, Spool


async def everything(spool: Spool) -> bytes:
    return b"".join([part async for part in spool.read()])


async def test_each_reader_gets_all_of_it(tmp_path: Path) -> None:
    """Also a reader that comes later, and one that comes before the file exists."""
    path = tmp_path / "input"
    spool = Spool(path)
    got: list[bytes] = []
    async with trio.open_nursery() as nursery:

        async def reader() -> None:
            got.append(await everything(spool))

        nursery.start_soon(reader)
        await trio.testing.wait_all_tasks_blocked()
        path.write_bytes(b"one two")
        spool.on_file_grow(3, False)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(reader)
        spool.on_file_grow(7, False)
        spool.on_file_grow(7, True)
    assert got == [b"one two"] * 2
    assert await everything(spool) == b"one two"


async def test_no_input_needs_no_file(tmp_path: Path) -> None:
    """The end alone is an empty input."""
    spool = Spool(tmp_path / "nothing")
    spool.on_file_grow(0, True)
    assert await everything(spool) == b""


async def test_a_writer_stays_only_a_little_ahead(tmp_path: Path) -> None:
    """It waits until a reader reads; each step of the file frees the tasks that wait for an earlier one."""
    path = tmp_path / "input"
    path.write_bytes(b"x" * (3 * AHEAD))
    spool = Spool(path)
    spool.on_file_grow(AHEAD, False)
    await spool.wait_wanted()  # there is room
    spool.on_file_grow(2 * AHEAD, False)
    freed: list[str] = []
    async with trio.open_nursery() as nursery:

        async def wait(name: str) -> None:
            await spool.wait_wanted()
            freed.append(name)

        nursery.start_soon(wait, "first")
        await trio.testing.wait_all_tasks_blocked()
        assert freed == []
        spool.on_file_grow(3 * AHEAD, False)
        await trio.testing.wait_all_tasks_blocked()
        assert freed == ["first"]
        nursery.start_soon(wait, "second")
        await trio.testing.wait_all_tasks_blocked()
        assert freed == ["first"]
        taken = 0
        async for part in spool.read():
            taken += len(part)
            if taken > 2 * AHEAD:
                await trio.testing.wait_all_tasks_blocked()
                assert freed == ["first", "second"]
                spool.on_file_grow(3 * AHEAD, True)
    assert taken == 3 * AHEAD


async def test_a_file_that_was_cut_short_ends(tmp_path: Path) -> None:
    """Whatever size the writer told."""
    path = tmp_path / "input"
    path.write_bytes(b"one")
    spool = Spool(path)
    spool.on_file_grow(7, False)
    with trio.fail_after(600):
        assert await everything(spool) == b"one"
