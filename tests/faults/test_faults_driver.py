"""A driver carries out a plan on its target, at the plan's times."""

from __future__ import annotations

import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from mpi_actors.faults import (
    After,
    AtEvent,
    CutOff,
    DropLane,
    FaultDriver,
    FaultPlan,
    FreezePeer,
    Hasten,
    Heal,
    KillPeer,
    KillProcess,
    Partition,
    SlowLink,
    Thaw,
    apply,
)


class Recorder:
    """A target that records what is done to it, and when."""

    def __init__(self) -> None:
        self.done: list[tuple[object, ...]] = []

    def _note(self, *what: object) -> None:
        self.done.append((round(trio.current_time() - self.began, 6), *what))

    began = 0.0

    async def kill_process(self, rank: int) -> None:
        self._note("kill_process", rank)

    async def kill_peer(self, i: int) -> None:
        self._note("kill_peer", i)

    async def freeze_peer(self, i: int) -> None:
        self._note("freeze_peer", i)

    async def thaw_peer(self, i: int) -> None:
        self._note("thaw_peer", i)

    async def cut(self, i: int, j: int) -> None:
        self._note("cut", i, j)

    async def heal(self, i: int, j: int) -> None:
        self._note("heal", i, j)

    async def slow(self, i: int, j: int, delay: float) -> None:
        self._note("slow", i, j, delay)

    async def drop_lane(self, rank: int, other: int) -> None:
        self._note("drop_lane", rank, other)


async def test_apply_calls_the_target(autojump_clock: MockClock) -> None:
    """Each fault, and each end of one, has its method; a partition is a cut of each pair."""
    target = Recorder()
    target.began = trio.current_time()
    now = After(0)
    for step in (
        KillProcess(3, now),
        KillPeer(1, now),
        FreezePeer(2, 1.0, now),
        CutOff(1, 0, 1.0, now),
        Partition(((0,), (1, 2)), 1.0, now),
        SlowLink(2, 1, 0.1, 1.0, now),
        DropLane(3, 0, now),
        Thaw(2),
        Heal(0, 1),
        Hasten(1, 2),
    ):
        await apply(step, target)
    assert [call[1:] for call in target.done] == [
        ("kill_process", 3),
        ("kill_peer", 1),
        ("freeze_peer", 2),
        ("cut", 1, 0),
        ("cut", 0, 1),
        ("cut", 0, 2),
        ("slow", 2, 1, 0.1),
        ("drop_lane", 3, 0),
        ("thaw_peer", 2),
        ("heal", 0, 1),
        ("slow", 1, 2, 0.0),
    ]


async def test_a_driver_keeps_the_plans_times(autojump_clock: MockClock) -> None:
    """Timed faults come at their times, others at their events; the driver ends after the last end."""
    target = Recorder()
    target.began = trio.current_time()
    plan = FaultPlan((FreezePeer(1, 2.0, After(1)), CutOff(0, 1, 5.0, AtEvent("message", 2))))
    async with trio.open_nursery() as nursery:
        driver = FaultDriver(plan, target)
        nursery.start_soon(driver.run)
        for _ in range(3):
            await trio.sleep(1)
            await wait_all_tasks_blocked()
            driver.note_event("message")
    assert target.done == [
        (1.0, "freeze_peer", 1),
        (2.0, "cut", 0, 1),
        (3.0, "thaw_peer", 1),
        (7.0, "heal", 0, 1),
    ]


async def test_a_driver_counts_what_others_have_counted(autojump_clock: MockClock) -> None:
    """A total says how many events there were; a fault between two totals comes once."""
    target = Recorder()
    target.began = trio.current_time()
    plan = FaultPlan((KillProcess(1, AtEvent("message", 5)), KillProcess(2, AtEvent("message", 7))))
    driver = FaultDriver(plan, target)
    assert driver.waits_for() == {"message"}
    async with trio.open_nursery() as nursery:
        nursery.start_soon(driver.run)
        for total in (3, 6, 6, 4, 9):
            await trio.sleep(1)
            driver.note_count("message", total)
    assert target.done == [(2.0, "kill_process", 1), (5.0, "kill_process", 2)]
    assert driver.waits_for() == set()
