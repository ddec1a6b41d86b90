"""What waits for a slow reader is bounded: log lines wait at their ranks, standard error is dropped."""

from __future__ import annotations

from math import inf

from hypothesis import given
from hypothesis import strategies as st
from narrowing import held

from mpi_actors.events import BoundedOutbox, EventBus


def make(bus: EventBus, dropped: list[int]) -> BoundedOutbox[str]:
    """An outbox that holds the bus from 10 to 3."""
    return BoundedOutbox(bus, hold_at=10, free_at=3, on_dropped=dropped.append)


def test_the_bus_is_held_until_little_waits() -> None:
    """What the reader has in hand still counts; the droppable items of that time are counted and gone."""
    bus, dropped = EventBus(), list[int]()
    outbox = make(bus, dropped)
    outbox.put("early", 4, droppable=True)
    outbox.put("a", 5)
    assert not held(bus)
    outbox.put("b", 1)
    assert held(bus)
    outbox.put("late", 1, droppable=True)
    outbox.put("c", 1)
    assert outbox.take(9) == ["early", "a"]
    assert held(bus)
    outbox.written()
    assert not held(bus)
    assert dropped == [1]
    assert (outbox.take(inf), len(outbox)) == (["b", "c"], 0)


def test_clearing_frees_the_bus() -> None:
    """Also while the reader has items in hand."""
    bus = EventBus()
    outbox = make(bus, [])
    outbox.put("a", 20)
    outbox.put("b", 20)
    outbox.take(1)
    outbox.clear()
    assert not held(bus)
    assert outbox.take(inf) == []
    outbox.written()
    outbox.put("c", 9)
    assert not held(bus)


@given(st.lists(st.tuples(st.integers(0, 12), st.booleans()) | st.integers(0, 30), max_size=40))
def test_each_item_arrives_or_was_droppable(steps: list[tuple[int, bool] | int]) -> None:
    """In order; the bus is held whenever 10 or more wait, and free when all has been read."""
    bus, dropped = EventBus(), list[int]()
    outbox = make(bus, dropped)
    sent: list[str] = []
    got: list[str] = []
    for number, step in enumerate(steps):
        if isinstance(step, int):
            got += outbox.take(step)
            outbox.written()
        else:
            size, droppable = step
            if not (droppable and bus.held):
                sent.append(str(number))
            outbox.put(str(number), size, droppable=droppable)
            assert not bus.held or len(outbox)
    got += outbox.take(inf)
    outbox.written()
    assert got == sent
    assert not held(bus)
    assert sum(dropped) == sum(not isinstance(step, int) for step in steps) - len(sent)
