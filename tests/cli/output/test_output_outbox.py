"""Texts that wait to be shown."""

from __future__ import annotations

import trio
from trio.testing import wait_all_tasks_blocked

from mpi_actors.cli.output.outbox import FREE_AT, HOLD_AT, Outbox, OutputPiece
from mpi_actors.events import EventBus


class Screen:
    """Shows pieces as soon as it may."""

    def __init__(self) -> None:
        self.shown: list[OutputPiece] = []
        self.may = trio.Event()

    async def write(self, pieces: list[OutputPiece]) -> None:
        """See `outbox.Write`."""
        await self.may.wait()
        self.shown += pieces


async def test_texts_come_in_order_and_drained_waits_for_them(nursery: trio.Nursery) -> None:
    """The order is that of all texts, on standard output and standard error."""
    outbox, screen = Outbox(EventBus()), Screen()
    nursery.start_soon(outbox.pump, screen.write)
    await outbox.drained()
    outbox.put("a")
    outbox.put("b", error=True)
    await wait_all_tasks_blocked()
    outbox.put("c")
    nursery.start_soon(outbox.drained)
    await wait_all_tasks_blocked()
    assert screen.shown == []
    screen.may.set()
    await outbox.drained()
    assert screen.shown == [OutputPiece("a\n", False), OutputPiece("b\n", True), OutputPiece("c\n", False)]
    nursery.cancel_scope.cancel()


def bus_is_free(bus: EventBus) -> bool:
    """Return whether nobody holds the bus. A type checker would think that it still is as it was."""
    return not bus.held


async def test_too_much_holds_the_bus_until_it_is_shown(nursery: trio.Nursery) -> None:
    """Meanwhile the outbox keeps all texts."""
    bus = EventBus()
    outbox, screen = Outbox(bus), Screen()
    nursery.start_soon(outbox.pump, screen.write)
    line = "x" * (FREE_AT // 2)
    while not bus.held:
        outbox.put(line)
    count = HOLD_AT // len(line)
    outbox.put("kept", error=True)
    screen.may.set()
    await outbox.drained()
    await wait_all_tasks_blocked()
    await outbox.drained()
    assert bus_is_free(bus)
    texts = [piece.text for piece in screen.shown if piece.text != line + "\n"]
    assert texts == ["kept\n"]
    assert len(screen.shown) == count + 1
    nursery.cancel_scope.cancel()


async def test_closing_shows_what_is_left_even_when_cancelled(autojump_clock: trio.abc.Clock) -> None:
    """Closing takes no longer than it may, and frees the bus."""
    bus = EventBus()
    outbox, screen = Outbox(bus), Screen()
    screen.may.set()
    with trio.CancelScope() as scope:
        scope.cancel()
        outbox.put("last words")
        await outbox.close(screen.write, 1.0)
    assert screen.shown == [OutputPiece("last words\n", False)]
    stuck = Screen()
    outbox.put("x" * HOLD_AT)
    assert bus.held
    start = trio.current_time()
    await outbox.close(stuck.write, 1.0)
    assert trio.current_time() - start == 1.0
    assert not bus.held
