"""The control protocol between a launcher and its daemons, and the outbox of events."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from narrowing import held
from trio.testing import MockClock

from mpi_actors.config import Settings, Timing
from mpi_actors.errors import BadMessage, MpiActorsError, UnknownJob
from mpi_actors.events import Event, EventBus, JobFinished, Log, PeerJoined, event_classes, to_json
from mpi_actors.ids import JobId, PeerId
from mpi_actors.pool.local.service import EventOutbox
from mpi_actors.wire import control as words
from mpi_actors.wire.script import ScriptProgram

JOB = JobId("0123456789abcdef")

REQUESTS: list[words.ControlRequest[Any]] = [
    words.Open(
        path="/tmp/\udcff", listen=("/ip4/127.0.0.1/tcp/0",), max_size=5,
        settings=Settings(timing=Timing(heartbeat=0.5)),
    ),
    words.Start(program="echo", size=2, args=("a b", "ü\n", ""), restart="lost"),
    words.Start(program="echo", size=1),
    words.Offer(
        script=ScriptProgram(
            name="a.py", argv=("./a.py", "x"), cwd="/tmp/\udcff", env={"A": "\udcff\n", "": ""},
            python="/usr/bin/python3",
        )
    ),
    words.Feed(program="a.py", path="/tmp/in", size=2**40, ended=True),
    words.Why(job=JOB, patience=2.5),
    words.Logs(job=JOB),
    words.Kill(job=JOB, reason="enough"),
    words.Connect(address="/ip4/127.0.0.1/tcp/1"),
    words.Obstruct(peer=PeerId("Qm1"), cut=True, delay=0.25),
    words.BreakLane(job=JOB, rank=1, other=3),
    words.GetStatus(),
    words.WaitPrepared(),
    words.Stop(),
]  # fmt: skip


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.name)
def test_a_request_arrives_as_it_was(request_: words.ControlRequest[Any]) -> None:
    """Each kind of request is one line, and is decoded to what was encoded."""
    line = words.encode_request(7, request_)
    assert line.count(b"\n") == 1
    assert words.decode_request(line) == (7, request_)


@pytest.mark.parametrize(
    "line",
    [
        b"", b"\xff", b"[]", b"{}", b"[" * 100_000,
        b'{"id": 1, "ask": "dance"}',
        b'{"id": "1", "ask": "stop"}',
        b'{"id": 1, "ask": "kill"}',
        b'{"id": 1, "ask": "kill", "job": 5}',
        b'{"id": 1, "ask": "kill", "job": "a", "reason": "b", "more": 1}',
        b'{"id": 1, "ask": "start", "program": "a", "size": 1, "restart": "never"}',
    ],
)  # fmt: skip
def test_nonsense_is_refused(line: bytes) -> None:
    """A line that is not a request, answer or event raises BadMessage."""
    for decode in (words.decode_request, words.decode_answer, words.decode_event):
        with pytest.raises(BadMessage):
            decode(line)


def test_an_answer_has_its_type() -> None:
    """Nested values are decoded to the classes that they had."""
    opened = words.Opened(peer=PeerId("x"), addresses=("a", "b"), pid=3)
    answer = words.decode_answer(words.encode_answer(4, opened))
    assert answer.id == 4
    assert words.take_value(answer, REQUESTS[0]) == opened
    log = words.LogTail(lines=(words.LogEntry(rank=0, text="t", stream="log"),), dropped=2)
    assert words.take_value(words.decode_answer(words.encode_answer(5, log)), words.Logs(job=JOB)) == log
    with pytest.raises(BadMessage):
        words.take_value(answer, words.Logs(job=JOB))


def test_an_error_is_raised_as_what_it_was() -> None:
    """Errors of mpi_actors keep their class; others become MpiActorsError, with their name in the text."""
    answer = words.decode_answer(words.encode_error(1, UnknownJob("no such job")))
    with pytest.raises(UnknownJob, match=r"^no such job$"):
        words.take_value(answer, words.Stop())
    answer = words.decode_answer(words.encode_error(1, ZeroDivisionError("oh")))
    with pytest.raises(MpiActorsError, match=r"^ZeroDivisionError: oh$") as caught:
        words.take_value(answer, words.Stop())
    assert type(caught.value) is MpiActorsError


VALUES = {"str": "text", "int": 3, "float": 1.5, "bool": True, "tuple[str, ...]": ("a", "b")}


@pytest.mark.parametrize("name", sorted(event_classes()))
def test_an_event_arrives_as_it_was(name: str) -> None:
    """Every kind of event can be decoded from its JSON."""
    cls = event_classes()[name]
    event = cls(**{field.name: _value(str(field.type)) for field in attrs.fields(cls)})
    assert words.decode_event(to_json(event, 12.5).encode()) == (12.5, event)


def _value(kind: str) -> object:
    return VALUES.get(kind) or (3 if kind in ("Rank", "Incarnation") else "name")


@given(st.text())
def test_any_text_can_be_logged(text: str) -> None:
    """A log line is one line of JSON, whatever its text."""
    text = text.encode(errors="replace").decode()
    event = Log(job=JOB, rank=0, text=text)
    line = to_json(event, 1.0).encode()
    assert b"\n" not in line
    assert words.decode_event(line) == (1.0, event)


def log(size: int, stream: str = "log") -> Event:
    return Log(job=JOB, rank=0, text="x" * size, stream=stream)


async def test_a_slow_reader_holds_the_bus() -> None:
    """With much unread, the bus is held, and nothing is dropped; a read frees the bus."""
    bus = EventBus()
    outbox = EventOutbox(bus)
    bus.listen(outbox.put)
    for _ in range(9):
        bus.emit(log(1024 * 1024))
    assert held(bus)
    bus.emit(log(10, "stderr"))
    finished = JobFinished(job=JOB, ok=True, exit_code=0, reason="", seconds=0.0)
    bus.emit(finished)
    seen: list[Event] = []
    while len(seen) < 11:
        seen += [words.decode_event(line)[1] for line in (await outbox.take()).splitlines()]
    assert not bus.held
    assert seen[9:] == [log(10, "stderr"), finished]


async def test_events_wait_for_nobody_when_there_is_room(autojump_clock: MockClock) -> None:
    """The outbox gives events in order, many at once, and `take` waits when there is none."""
    bus = EventBus()
    outbox = EventOutbox(bus)
    bus.listen(outbox.put)
    joined = PeerJoined(peer=PeerId("a"), address="b")
    async with trio.open_nursery() as nursery:

        async def late() -> None:
            await trio.sleep(1)
            bus.emit(joined)
            bus.emit(log(3))

        nursery.start_soon(late)
        data = await outbox.take()
    assert [words.decode_event(line)[1] for line in data.splitlines()] == [joined, log(3)]
