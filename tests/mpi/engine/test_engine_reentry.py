"""Calls that finalizers and signal handlers make in the middle of other calls: nothing is lost."""

from __future__ import annotations

import gc
import itertools
import random
import signal
import sys
import threading
import weakref
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from mpi_worlds import run_world

from mpi_actors.errors import ForkedProcess, ReentrantCall
from mpi_actors.mpi.boot.signals import DeferredSignals
from mpi_actors.mpi.engine import ANY_SOURCE, STANDARD, SYNCHRONOUS, Box, Schedule, Transfer, engine
from mpi_actors.mpi.engine.engine import Engine
from mpi_actors.mpi.engine.reentry import Reentry
from mpi_actors.mpi.engine.transfer import Receive

CONTEXT = 4
SIZES = [0, 1, 3_000, 40_000, 1_500_000]
"""Bytes of messages that leave at once, in a queue, and when they are pulled."""
_MOST = 400
"""Interruptions of one run: enough to come upon each part of the engine."""


class Interrupter:
    """Calls a function in the middle of the engine, before random ones of its instructions.

    Args:
        seed: of the instructions, some of which follow each other closely.
        function: what to call, at most `_MOST` times: else what it put off would be interrupted for ever.
    """

    def __init__(self, seed: int, function: Callable[[FrameType], object]) -> None:
        self._random = random.Random(seed)
        self._function = function
        self._left = _MOST
        self._next = 1

    def __enter__(self) -> None:
        sys.settrace(self._trace)

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _trace(self, frame: FrameType, event: str, argument: object) -> Any:
        if "/mpi/engine/" not in frame.f_code.co_filename or not self._left:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self._next -= 1
            if not self._next:
                self._next = self._random.choice([1, 2, 5, 20, 100, 300])
                self._left -= 1
                self._function(frame)
        return self._trace


def talk(endpoint: Engine) -> None:
    """Send and receive messages of all sizes, in both modes, and run a schedule."""
    other = 1 - endpoint.rank
    for number in range(3):
        for size in SIZES:
            for mode in (STANDARD, SYNCHRONOUS):
                payload = bytes([number]) * size
                sent = endpoint.isend(other, CONTEXT, 5, payload, mode)
                assert endpoint.recv(other, CONTEXT, 5, None).payload == payload
                endpoint.wait(sent)
        schedule, came = Schedule(1), Box()
        schedule.send(other, b"%d" % endpoint.rank)
        schedule.recv(other, came)
        endpoint.run(schedule, CONTEXT + 1, number, range(2))
        assert came.value == b"%d" % other


def notes_until_the_end(endpoint: Engine, tag: int) -> list[int]:
    """The numbers that the other rank has sent, before one that is negative."""
    numbers = []
    while (number := int(endpoint.recv(1 - endpoint.rank, CONTEXT, tag, None).payload or b"")) >= 0:
        numbers.append(number)
    return numbers


def interrupted(seed: int) -> tuple[int, list[int]]:
    """Talk, and send a note in the middle of it, again and again."""
    endpoint = engine()
    other = 1 - endpoint.rank
    sent = 0

    def note(frame: FrameType) -> None:
        nonlocal sent
        endpoint.send(other, CONTEXT, 7, b"%d" % sent)
        sent += 1

    with Interrupter(seed + 1000 * endpoint.rank, note):
        talk(endpoint)
    endpoint.send(other, CONTEXT, 7, b"-1")
    return sent, notes_until_the_end(endpoint, 7)


@pytest.mark.parametrize("seed", range(4))
def test_sends_at_any_instruction(seed: int) -> None:
    """Each note arrives, once and in order, and nothing else suffers."""
    (first, heard), (second, heard_too) = run_world(2, interrupted, seed)
    assert heard_too == list(range(first))
    assert heard == list(range(second))
    assert first == second == _MOST


def interrupted_by_signals(seed: int) -> tuple[int, list[int]]:
    """Talk, with a handler in the middle of it that receives what another handler sends."""
    endpoint = engine()
    other = 1 - endpoint.rank
    numbers = itertools.count()  # not a variable: a function that traces sets those of other calls back
    nested = 0

    def inner(signum: int, frame: object) -> None:
        nonlocal nested
        nested += 1

    def outer(signum: int, frame: object) -> None:
        endpoint.send(endpoint.rank, CONTEXT, 8, b"to myself")
        number = next(numbers)
        endpoint.send(other, CONTEXT, 7, b"%d" % number)
        if not endpoint.hold_back(signal.SIGUSR2, inner, None):
            inner(signal.SIGUSR2, None)
        assert endpoint.recv(endpoint.rank, CONTEXT, 8, None).payload == b"to myself"

    def ring(frame: FrameType) -> None:
        if not endpoint.hold_back(signal.SIGUSR1, outer, frame):
            outer(signal.SIGUSR1, frame)

    with Interrupter(seed + 1000 * endpoint.rank, ring):
        talk(endpoint)
    assert not endpoint.rung
    assert nested
    endpoint.send(other, CONTEXT, 7, b"-1")
    return next(numbers), notes_until_the_end(endpoint, 7)


@pytest.mark.parametrize("seed", range(4))
def test_signal_handlers_at_any_instruction(seed: int) -> None:
    """Handlers send, receive and are interrupted themselves: they run when nothing is half done."""
    (first, heard), (second, heard_too) = run_world(2, interrupted_by_signals, seed)
    # a handler that interrupts another one may send first
    assert sorted(heard_too) == list(range(first))
    assert sorted(heard) == list(range(second))
    assert first > 50


ANSWERS: dict[str, Callable[[Engine], object]] = {
    "recv": lambda endpoint: endpoint.recv(0, CONTEXT, 1, None),
    "synchronous send": lambda endpoint: endpoint.send(0, CONTEXT, 1, b"", SYNCHRONOUS),
    "probe": lambda endpoint: endpoint.probe(0, CONTEXT, 1),
    "iprobe": lambda endpoint: endpoint.iprobe(0, CONTEXT, 1),
    "mprobe": lambda endpoint: endpoint.mprobe(0, CONTEXT, 1),
    "improbe": lambda endpoint: endpoint.improbe(0, CONTEXT, 1),
    "wait": lambda endpoint: endpoint.wait(Transfer()),
    "wait_all": lambda endpoint: endpoint.wait_all([Transfer()]),
    "wait_any": lambda endpoint: endpoint.wait_any([Transfer()]),
    "wait_some": lambda endpoint: endpoint.wait_some([Transfer()]),
    "test": lambda endpoint: endpoint.test(Transfer()),
    "test_all": lambda endpoint: endpoint.test_all([Transfer()]),
    "test_any": lambda endpoint: endpoint.test_any([Transfer()]),
    "test_some": lambda endpoint: endpoint.test_some([Transfer()]),
    "run": lambda endpoint: endpoint.run(Schedule(), CONTEXT + 1, 0, [0]),
}


@pytest.mark.parametrize("call", ANSWERS)
def test_calls_that_need_an_answer_are_refused_inside(call: str) -> None:
    """A finalizer that makes one in the middle of another call gets an error, and nothing is left behind."""
    endpoint = Engine()
    try:
        with pytest.raises(ReentrantCall, match="in the middle of another call"):
            endpoint.inside(lambda: ANSWERS[call](endpoint))
        assert endpoint.matching.left() == 0
        assert not endpoint.due
    finally:
        endpoint.close()


def test_what_needs_no_answer_happens_afterwards() -> None:
    """Sends and what begins an operation wait until the call that they came into is over, in their order."""
    endpoint = Engine()
    made: list[Transfer] = []
    memory = bytearray(b"first")

    def finalizer() -> None:
        endpoint.send(0, CONTEXT, 1, memory)
        memory[:] = b"later"  # the send has copied it
        made.append(endpoint.isend(0, CONTEXT, 1, b"second"))
        made.append(endpoint.irecv(0, CONTEXT, 1, None))
        made.append(endpoint.irecv(0, CONTEXT, 1, None))
        made.append(endpoint.irecv(0, CONTEXT, 2, None))
        endpoint.cancel(made[-1])
        own = Transfer()
        made.append(own)
        endpoint.complete(own)
        schedule = Schedule()
        schedule.compute(lambda: memory.__setitem__(slice(None), b"count"))
        made.append(endpoint.start(schedule, CONTEXT + 1, 0, [0]))
        endpoint.forget(12)
        assert not any(transfer.done for transfer in made)

    try:
        endpoint.inside(finalizer)
        assert all(transfer.done for transfer in made)
        assert [transfer.payload for transfer in made[1:3]] == [b"first", b"second"]
        assert made[3].cancelled
        assert memory == b"count"
    finally:
        endpoint.close()


def collected() -> tuple[int, int, int]:
    """Objects in cycles send when they are collected; callbacks of weak references do."""
    endpoint = engine()
    other = 1 - endpoint.rank
    closed = 0

    def close(*_: object) -> None:
        nonlocal closed
        closed += 1
        endpoint.send(other, CONTEXT, 7, b"closed")

    class Handle:
        def __init__(self, weak: bool) -> None:
            self.me = self
            self.weak = weak

        def __del__(self) -> None:
            if not self.weak:
                close()

    if endpoint.rank:
        main = notes = 0
        while endpoint.recv(0, CONTEXT, 5, None).payload:
            main += 1
        closed = int(endpoint.recv(0, CONTEXT, 9, None).payload or b"")
        while endpoint.iprobe(0, CONTEXT, 7):
            endpoint.recv(0, CONTEXT, 7, None)
            notes += 1
        return main, closed, notes
    references = []
    gc.set_threshold(10, 2, 2)
    for number in range(3000):
        if number % 10 == 0:
            handle = Handle(number % 20 == 0)
            if handle.weak:
                references.append(weakref.ref(handle, close))
            del handle
        endpoint.send(1, CONTEXT, 5, b"x" * 20_000 if number % 3 else b"x")
    gc.collect()
    endpoint.send(1, CONTEXT, 5, b"")
    endpoint.send(1, CONTEXT, 9, b"%d" % closed)
    return 3000, 300, 300


def test_finalizers_send() -> None:
    """Nothing is lost."""
    assert run_world(2, collected) == [(3000, 300, 300)] * 2


# --- handlers that raise ----------------------------------------------------------------------------------


class Late(Exception):
    """What the handlers of these tests raise."""


def ring(*_: object) -> None:
    """A signal handler."""
    raise Late


def is_late(call: Callable[[], object]) -> bool:
    """Whether a handler raises out of a call that would wait for ever."""
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    try:
        call()
    except Late:
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return False


def schedule_of(rank: int, came: Box) -> Schedule:
    """Two rounds: each rank sends to the other one, and then sends back what came."""
    schedule, back = Schedule(1), Box()
    schedule.send(1 - rank, b"%d" % rank)
    schedule.recv(1 - rank, back)
    schedule.fence()
    schedule.send(1 - rank, back)
    schedule.recv(1 - rank, came)
    return schedule


def raising(size: int) -> list[str]:
    """Rank 0 is interrupted in each call that waits; then rank 1 does what the call waited for."""
    endpoint = engine()
    signals = DeferredSignals(endpoint)
    signals.install()
    signal.signal(signal.SIGALRM, ring)
    body = b"m" * size
    memory = bytearray(size)

    def turn() -> None:
        if endpoint.rank == 0:
            endpoint.send(1, CONTEXT, 99, b"")
        else:
            endpoint.recv(0, CONTEXT, 99, None)

    receives: list[Callable[[], object]] = [
        lambda: endpoint.recv(1, CONTEXT, 1, memoryview(memory)),
        lambda: endpoint.recv(1, CONTEXT, 1, None),
        lambda: endpoint.recv(ANY_SOURCE, CONTEXT, 1, None),
        lambda: endpoint.probe(1, CONTEXT, 1),
        lambda: endpoint.mprobe(1, CONTEXT, 1),
    ]
    for call in receives:
        assert endpoint.rank or is_late(call)
        turn()
        if endpoint.rank == 0:
            assert endpoint.recv(1, CONTEXT, 1, None).payload == body
        else:
            endpoint.send(0, CONTEXT, 1, body)
    waits: list[Callable[[list[Transfer]], object]] = [
        lambda transfers: endpoint.wait(transfers[0]),
        endpoint.wait_all,
        endpoint.wait_any,
        endpoint.wait_some,
    ]
    for wait in waits:
        if endpoint.rank == 0:
            pending = [endpoint.irecv(1, CONTEXT, 1, None) for _ in range(2)]
            assert is_late(lambda wait=wait, pending=pending: wait(pending))  # type: ignore[misc]
        turn()
        if endpoint.rank == 0:
            endpoint.wait_all(pending)
            assert [transfer.payload for transfer in pending] == [body] * 2
        else:
            for _ in range(2):
                endpoint.send(0, CONTEXT, 1, body)
    for mode in (SYNCHRONOUS, STANDARD):
        sent = bytearray(b"s" * max(size, 3_000_000 if mode == STANDARD else 0))
        if endpoint.rank == 0:
            assert is_late(lambda mode=mode, sent=sent: endpoint.send(1, CONTEXT, 2, sent, mode))  # type: ignore[misc]
            sent[:] = bytes(len(sent))  # it belongs to the program again
        turn()
        if endpoint.rank:
            assert endpoint.recv(0, CONTEXT, 2, None).payload == sent
    came = Box()
    if endpoint.rank == 0:
        assert is_late(lambda: endpoint.run(schedule_of(0, came), CONTEXT + 1, 0, range(2)))
        turn()
    else:
        turn()
        endpoint.run(schedule_of(1, came), CONTEXT + 1, 0, range(2))
    again = Box()
    endpoint.run(schedule_of(endpoint.rank, again), CONTEXT + 1, 1, range(2))
    assert again.value == b"%d" % endpoint.rank
    assert endpoint.rank == 0 or came.value == b"1"
    turn()
    signals.uninstall()
    assert endpoint.matching.left() == 0
    assert endpoint.hot == 0
    return ["good"]


@pytest.mark.parametrize("size", SIZES)
def test_handlers_that_raise(size: int) -> None:
    """The program goes on: what it did not wait for is there for its next call."""
    assert run_world(2, raising, size) == [["good"]] * 2


def half_read() -> bytes:
    """Rank 0 abandons a receive when a part of the message is in the program's memory."""
    endpoint = engine()
    size = 3_000_000
    if endpoint.rank:
        endpoint.recv(0, CONTEXT, 9, None)
        endpoint.send(0, CONTEXT, 1, bytes(range(250)) * (size // 250))
        return b""
    memory = bytearray(size)
    endpoint.send(1, CONTEXT, 9, b"")
    partner = endpoint.partners[1]

    def abandoned() -> None:
        receive = Receive(1, CONTEXT, 1, memoryview(memory))
        endpoint.post_receive(receive)
        stream = partner.stream
        assert stream is not None
        while stream.sink is None or stream.sink_at == 0:
            stream.read()
        assert stream.sink_at < size
        endpoint._abandon(receive)

    endpoint.inside(abandoned)
    memory[:] = bytes(size)
    got = endpoint.recv(1, CONTEXT, 1, None).payload
    assert memory == bytes(size), "the abandoned memory is still written to"
    assert got == bytes(range(250)) * (size // 250)
    return b""


def test_a_message_that_is_half_read_is_moved() -> None:
    """Its bytes leave the program's memory, and the next receive gets all of them."""
    assert run_world(2, half_read) == [b""] * 2


# --- the helper thread ------------------------------------------------------------------------------------


def some_left(endpoint: Engine) -> bool:
    """Return whether a message waits for its receive. The helper must not change that meanwhile."""
    with endpoint.lock:
        return endpoint.matching.left() > 0


def helped() -> list[str]:
    """Rank 0 computes while its helper works: no code of the program runs there."""
    endpoint = engine()
    threads: list[int] = []

    class Memory(bytearray):
        def __del__(self) -> None:
            threads.append(threading.get_ident())

    if endpoint.rank:
        endpoint.recv(0, CONTEXT, 9, None)
        for tag in range(4):
            endpoint.recv(0, CONTEXT, tag, None)
        endpoint.send(0, CONTEXT, 8, b"done")
        endpoint.recv(0, CONTEXT, 9, None)
        return []
    for tag in range(4):
        endpoint.isend(1, CONTEXT, tag, memoryview(Memory(2_000_000)))
    endpoint.send(1, CONTEXT, 9, b"")
    while not some_left(endpoint):
        sum(range(10_000))  # a program that computes
    assert threads == []
    endpoint.recv(1, CONTEXT, 8, None)
    assert set(threads) == {threading.get_ident()}
    assert len(threads) == 4
    endpoint.send(1, CONTEXT, 9, b"")
    return []


def test_the_helper_drops_nothing_of_the_program() -> None:
    """The last reference to a sent buffer goes in a thread of the program."""
    assert run_world(2, helped) == [[], []]


def test_only_the_main_thread_defers_signals() -> None:
    """Another thread that is in the middle of something holds no handler back."""
    reentry = Reentry()
    reentry.hot = threading.get_ident() + 1
    assert not reentry.hold_back(signal.SIGUSR1, ring, None)
    reentry.hot = threading.get_ident()
    assert reentry.hold_back(signal.SIGUSR1, ring, None)
    assert reentry.hold_back(signal.SIGUSR1, ring, None)
    assert len(reentry.rung) == 1, "the same signal counts once, as in the operating system"
    reentry.hot = 0
    with reentry.lock, pytest.raises(Late):
        reentry.catch_up()
    assert not reentry.rung
    assert reentry.hot == 0


def test_a_forked_process_cannot_speak_for_its_rank() -> None:
    """Each call that would change anything is refused; what a communicator leaves behind is not."""
    with_fork = Engine(0, 2)
    with_fork.disown()
    calls: list[Callable[[], object]] = [
        lambda: with_fork.send(1, CONTEXT, 1, b"from the child"),
        lambda: with_fork.isend(1, CONTEXT, 1, b"from the child"),
        lambda: with_fork.recv(1, CONTEXT, 1, None),
        lambda: with_fork.iprobe(1, CONTEXT, 1),
        lambda: with_fork.test(Transfer()),
    ]
    for call in calls:
        with pytest.raises(ForkedProcess, match="was forked by a rank and called MPI"):
            call()
    with_fork.forget(CONTEXT)
