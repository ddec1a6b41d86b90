"""Chores are done now and then."""

from __future__ import annotations

import pytest
import trio
import trio.testing

from mpi_actors.depot.chores import Chore, Chores
from mpi_actors.errors import BadStore, ContentError, ContentMissing


async def test_each_at_its_own_pace(nursery: trio.Nursery, autojump_clock: trio.testing.MockClock) -> None:
    """All chores are done at once, then each when it is due; `wake` does all of them now."""
    done: list[tuple[str, float]] = []

    def chore(name: str, every: float) -> Chore:
        async def work() -> None:
            done.append((name, trio.current_time()))

        return Chore(name, every, work)

    chores = Chores([chore("often", 5.0), chore("seldom", 12.0)])
    nursery.start_soon(chores.run)
    await trio.sleep(12.5)
    assert done == [("often", 0), ("seldom", 0), ("often", 5), ("often", 10), ("seldom", 12)]
    done.clear()
    chores.wake()
    await trio.sleep(6)
    assert done == [("often", 12.5), ("seldom", 12.5), ("often", 17.5)]


async def test_trouble(
    nursery: trio.Nursery, autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Trouble is logged once, until it changes or has passed, and does not stop other chores."""
    errors: list[ContentError | None] = [
        ContentMissing("x"), ContentMissing("x"), ContentMissing("y"), None, ContentMissing("y")
    ]  # fmt: skip
    count = 0

    async def fail() -> None:
        if errors and (error := errors.pop(0)) is not None:
            raise error

    async def work() -> None:
        nonlocal count
        count += 1

    nursery.start_soon(Chores([Chore("do this", 1.0, fail), Chore("do that", 1.0, work)]).run)
    await trio.sleep(6.5)
    assert [record.getMessage().rpartition(" ")[2] for record in caplog.records] == ["x", "y", "y"]
    assert "cannot do this, will try again: x" in caplog.text
    assert count == 7


async def test_what_does_not_pass(autojump_clock: trio.testing.MockClock) -> None:
    """Other errors end the chores: the caller decides."""

    async def fail() -> None:
        raise BadStore("it is a file")

    with pytest.raises(BadStore, match="it is a file"):
        await Chores([Chore("open", 1.0, fail)]).run()
