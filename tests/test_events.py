"""What waits for a slow reader is bounded, as ranks wait with what they write; nothing is dropped."""

from __future__ import annotations

import json
from math import inf

from hypothesis import given
from hypothesis import strategies as st
from narrowing import held

from mpi_actors.events import BoundedOutbox, EventBus, Log, to_json
from mpi_actors.ids import JobId


def make(bus: EventBus) -> BoundedOutbox[str]:
    """An outbox that holds the bus from 10 to 3."""
    return BoundedOutbox(bus, hold_at=10, free_at=3)


def test_the_bus_is_held_until_little_waits() -> None:
    """What the reader has in hand still counts."""
    bus = EventBus()
    outbox = make(bus)
    outbox.put("early", 4)
    outbox.put("a", 5)
    assert not held(bus)
    outbox.put("b", 1)
    assert held(bus)
    outbox.put("c", 1)
    assert outbox.take(9) == ["early", "a"]
    assert held(bus)
    outbox.written()
    assert not held(bus)
    assert (outbox.take(inf), len(outbox)) == (["b", "c"], 0)


def test_clearing_frees_the_bus() -> None:
    """Also while the reader has items in hand."""
    bus = EventBus()
    outbox = make(bus)
    outbox.put("a", 20)
    outbox.put("b", 20)
    outbox.take(1)
    outbox.clear()
    assert not held(bus)
    assert outbox.take(inf) == []
    outbox.written()
    outbox.put("c", 9)
    assert not held(bus)


@given(st.lists(st.tuples(st.integers(0, 12)) | st.integers(0, 30), max_size=40))
def test_each_item_arrives(steps: list[tuple[int] | int]) -> None:
    """In order; the bus is held whenever 10 or more wait, and free when all has been read."""
    bus = EventBus()
    outbox = make(bus)
    sent: list[str] = []
    got: list[str] = []
    for number, step in enumerate(steps):
        if isinstance(step, int):
            got += outbox.take(step)
            outbox.written()
        else:
            sent.append(str(number))
            outbox.put(str(number), step[0])
            assert not bus.held or len(outbox)
    got += outbox.take(inf)
    outbox.written()
    assert got == sent
    assert not held(bus)


def test_bytes_that_are_no_text_are_escaped_in_json() -> None:
    """Whoever reads the line with any JSON reader finds them again, and the line is UTF-8."""
    text = b"caf\xe9 \xc3\xa9 \0 \r \xff".decode(errors="surrogateescape")
    line = to_json(Log(job=JobId("a" * 16), rank=0, text=text, ended=False), 1.0)
    assert r"caf\udce9 é \u0000 \r \udcff" in line
    assert line.encode()
    fields = json.loads(line)
    assert fields["text"].encode(errors="surrogateescape") == b"caf\xe9 \xc3\xa9 \0 \r \xff"
    assert fields["ended"] is False
