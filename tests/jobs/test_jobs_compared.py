"""What a rank writes after a loss is compared with what it wrote before, in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from pool_scenes import listen
from trio.testing import MockClock

from mpi_actors.config import ReplayOptions
from mpi_actors.coordination.result import EXIT_JOB_FAILED, JobResult
from mpi_actors.events import Event, Log, Notice
from mpi_actors.pool.memory import open_memory_pool
from mpi_actors.programs.functions import ProgramFunction, RankContext

ALLOWED = ReplayOptions(output_may_differ=True)


def lives(*lines: list[str]) -> ProgramFunction:
    """A rank that writes these lines in its first, second, … life, and is lost after each but the last."""

    async def program(rank: RankContext) -> None:
        if rank.rank == 0:
            for _ in lines[1:]:
                await trio.sleep(5)
                await rank.reset(1)
            return
        for line in lines[rank.order.incarnation]:
            await rank.log(line)
        if rank.order.incarnation < len(lines) - 1:
            await trio.sleep_forever()

    return program


@asynccontextmanager
async def played(
    program: ProgramFunction, replay: ReplayOptions | None = None
) -> AsyncIterator[tuple[JobResult, list[Event], list[str]]]:
    """Yield how a job ends that runs this program, its events, and the lines of rank 1."""
    async with open_memory_pool({"program": program}, peers=3) as pool:
        events = listen(pool.peer(0).daemon)
        job = await pool.start("program", 2, replay=replay)
        with trio.fail_after(100):
            result = await job.wait()
        lines = [event.text for event in events if isinstance(event, Log) and event.rank == 1]
        yield result, events, lines


def both(reason: str) -> list[str]:
    """Return the lines of a reason that show what was written before, and what now."""
    return [line.split(":", 1)[1].strip() for line in reason.splitlines() if line.startswith("    ")]


@pytest.mark.parametrize(
    ("second", "number", "shown"),
    [
        (["a", "B", "c"], "line 2 ", ["'b'", "'B'"]),
        (["x"], "line 1 ", ["'a'", "'x'"]),
        (["a", "b"], "ended with line 2 of its output; it had written 3", ["'c'", "(nothing)"]),
        ([], "ended with line 0 of its output; it had written 3", ["'a'", "(nothing)"]),
    ],
)
async def test_other_or_fewer_lines_end_the_job(
    autojump_clock: MockClock, second: list[str], number: str, shown: list[str]
) -> None:
    """The reason names the rank, its life and the line, and shows both. No other line is shown."""
    async with played(lives(["a", "b", "c"], second)) as (result, events, lines):
        assert (result.ok, result.exit_code) == (False, EXIT_JOB_FAILED)
        assert result.reason.startswith("rank 1: ReplayDivergence: rank 1 was started again (incarnation 1)")
        assert number in result.reason
        assert both(result.reason) == shown
        assert "--output-may-differ" in result.reason
        assert lines == ["a", "b", "c"]
        assert not [event for event in events if isinstance(event, Notice)]


async def test_a_difference_may_be_allowed(autojump_clock: MockClock) -> None:
    """There is one warning, of the first line; each line is that of the life which wrote it first."""
    program = lives(["a", "b"], ["A", "B", "C"], ["1", "2", "3", "4"])
    async with played(program, ALLOWED) as (result, events, lines):
        assert result.ok, result.reason
        [warning] = [event.text for event in events if isinstance(event, Notice)]
        assert warning.startswith("warning: rank 1 was started again (incarnation 1) and line 1 ")
        assert both(warning) == ["'a'", "'A'"]
        assert "--output-may-differ" not in warning
        assert lines == ["a", "b", "C", "4"]
    async with played(lives(["a", "b"], ["a"]), ALLOWED) as (result, events, lines):
        assert result.ok, result.reason
        [warning] = [event.text for event in events if isinstance(event, Notice)]
        assert both(warning) == ["'b'", "(nothing)"]


async def test_more_lines_are_no_difference(autojump_clock: MockClock) -> None:
    """The rank was lost in the middle; each line is shown once."""
    async with played(lives(["a"], ["a", "b"], ["a", "b", "c"], ["a", "b", "c", "d"])) as (result, _, lines):
        assert result.ok, result.reason
        assert lines == ["a", "b", "c", "d"]


async def test_another_rank_is_asked_for(autojump_clock: MockClock) -> None:
    """A report that asks for a new incarnation of another rank counts, and is shown, as what it is."""

    async def resets(rank: RankContext) -> None:
        if rank.rank != 1:
            await trio.sleep(5)
            return
        await rank.log("a")
        await rank.reset(2 if rank.order.incarnation else 0)
        await rank.log("b" if rank.order.incarnation else "c")
        await trio.sleep(1)
        if not rank.order.incarnation:
            await rank.reset(1)
            await trio.sleep_forever()

    async with open_memory_pool({"program": resets}, peers=3) as pool:
        job = await pool.start("program", 3)
        with trio.fail_after(100):
            result = await job.wait()
        assert both(result.reason) == ["'Reset,0'", "'Reset,2'"]
        job = await pool.start("program", 3, replay=ALLOWED)
        with trio.fail_after(100):
            assert (await job.wait()).ok


async def test_a_line_that_is_no_longer_kept(autojump_clock: MockClock) -> None:
    """The end of the log is kept; a line before it is only known by its digest, and that is said."""
    many = [str(number) for number in range(10_500)]
    async with played(lives(many, ["x", *many[1:]])) as (result, _, lines):
        assert both(result.reason) == ["(a line that is no longer kept)", "'x'"]
        assert lines == many
    async with played(lives(many, [*many[:-1], "x"])) as (result, _, lines):
        assert both(result.reason) == ["'10499'", "'x'"]


async def test_lines_that_nobody_has_read_are_compared(autojump_clock: MockClock) -> None:
    """They wait at the coordinator while the bus is held; a difference is found all the same."""

    async def waits(rank: RankContext) -> None:
        await rank.log("a")
        await rank.log("x" if rank.order.incarnation else "b")
        await trio.sleep(10)

    async with open_memory_pool({"program": waits}, peers=2) as pool:
        let_go = pool.peer(0).daemon.bus.hold()
        job = await pool.start("program", 2)
        await trio.sleep(5)
        await pool.kill_process(1)
        await trio.sleep(1)
        assert not job.log
        let_go()
        with trio.fail_after(10):
            result = await job.wait()
        assert both(result.reason) == ["'b'", "'x'"]


@given(
    st.lists(st.sampled_from("abc"), max_size=6),
    st.lists(st.lists(st.sampled_from("abc"), max_size=6), min_size=1, max_size=3),
)
@settings(max_examples=40, deadline=None)
def test_no_difference_is_silent(first: list[str], others: list[list[str]]) -> None:
    """A job whose rank has any lives ends well if each continues the one before; else by name.

    A life that was lost may be shorter: only what it wrote counts.
    """
    shown, differs = list(first), False
    for number, life in enumerate(others):
        last = number == len(others) - 1
        common = min(len(shown), len(life))
        differs = differs or shown[:common] != life[:common] or (last and len(life) < len(shown))
        shown += life[len(shown) :]

    async def main() -> None:
        async with played(lives(first, *others)) as (result, _, lines):
            assert result.ok is not differs, result.reason
            assert ("ReplayDivergence" in result.reason) is differs
            assert differs or lines == shown

    trio.run(main, clock=MockClock(autojump_threshold=0))
