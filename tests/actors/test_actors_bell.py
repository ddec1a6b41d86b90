"""A bell wakes all tasks that wait, and has no memory."""

from __future__ import annotations

import trio
import trio.testing
from trio.testing import MockClock

from mpi_actors.actors import Bell


async def test_a_ring_wakes_all_who_wait(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """Each waiting task goes on, after `ring` has returned."""
    bell, woken = Bell(), []

    async def wait(name: str) -> None:
        await bell.wait()
        woken.append(name)

    nursery.start_soon(wait, "a")
    nursery.start_soon(wait, "b")
    await trio.testing.wait_all_tasks_blocked()
    assert woken == []
    bell.ring()
    assert woken == [], "a waiter ran inside of ring()"
    await trio.testing.wait_all_tasks_blocked()
    assert sorted(woken) == ["a", "b"]


async def test_a_ring_before_the_wait_does_not_count(autojump_clock: MockClock) -> None:
    """A task that begins to wait after a ring waits for the next one."""
    bell = Bell()
    bell.ring()
    with trio.move_on_after(10) as waiting:
        await bell.wait()
    assert waiting.cancelled_caught


async def test_each_wait_takes_a_ring_of_its_own(nursery: trio.Nursery, autojump_clock: MockClock) -> None:
    """Rings while nobody waits are lost, so a task counts one ring per wait."""
    bell, rings = Bell(), []

    async def count() -> None:
        while True:
            await bell.wait()
            rings.append(trio.current_time())

    nursery.start_soon(count)
    start = trio.current_time()
    for _ in range(3):
        await trio.sleep(1)
        bell.ring()
        bell.ring()  # nobody waits yet: the waiter has not run since the ring before
    await trio.testing.wait_all_tasks_blocked()
    assert [round(time - start) for time in rings] == [1, 2, 3]
    nursery.cancel_scope.cancel()


async def test_a_cancelled_wait_leaves_the_bell_to_the_others(
    nursery: trio.Nursery, autojump_clock: MockClock
) -> None:
    """A task that gives up does not take a ring from others."""
    bell, woken = Bell(), trio.Event()

    async def wait() -> None:
        await bell.wait()
        woken.set()

    nursery.start_soon(wait)
    with trio.move_on_after(1):
        await bell.wait()
    assert not woken.is_set()
    bell.ring()
    await woken.wait()


def test_a_bell_nobody_waits_for_needs_no_event_loop() -> None:
    """A bell can be made and rung outside of `trio.run`."""
    Bell().ring()
