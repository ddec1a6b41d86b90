"""What py-libp2p does too often: the library alone, and with the work-arounds.

When a test named `..._is_still_needed` fails, a new release of the library has put that right: take the
work-around out of `mpi_actors/net/libp2p/costs.py`, with its tests.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.net.libp2p import costs
from mpi_actors.net.libp2p.costs import READ_AHEAD, BufferedStream, EasyReadWriteLock, Gate, update_window

PROBE = Path(__file__).with_name("costs_probe.py")
LIMIT = 600.0


def probe(whose: str) -> dict[str, float]:
    """Return the cost of each small message, by kind of cost."""
    command = [sys.executable, str(PROBE), whose]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=LIMIT)
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.fixture(scope="module")
def library() -> dict[str, float]:
    """The costs without the work-arounds."""
    return probe("library")


@pytest.fixture(scope="module")
def ours() -> dict[str, float]:
    """The costs with the work-arounds."""
    return probe("ours")


def test_rare_window_updates_is_still_needed(library: dict[str, float], ours: dict[str, float]) -> None:
    """The library answers each small message with a window update."""
    assert library["updates"] > 0.9
    assert ours["updates"] < 0.1


def test_reading_ahead_is_still_needed(library: dict[str, float], ours: dict[str, float]) -> None:
    """The library reads the length of each noise message with a call of its own."""
    assert library["reads"] > 3
    assert ours["reads"] < 1.5


def test_gates_are_still_needed(library: dict[str, float], ours: dict[str, float]) -> None:
    """The library passes through the scheduler for each lock, even a free one."""
    assert library["passes"] > 8
    assert ours["passes"] < 4


# --- reading ahead ----------------------------------------------------------------------------------------


class Scripted:
    """Stands for a `trio.SocketStream`: gives pieces, and b"" at the end."""

    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = list(pieces)
        self.asked: list[int | None] = []

    async def receive_some(self, most: int | None = None) -> bytes:
        """Return the next piece, or as much of it as is asked for."""
        await trio.lowlevel.checkpoint()
        self.asked.append(most)
        if not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        if most is not None and len(piece) > most:
            self.pieces.insert(0, piece[most:])
            piece = piece[:most]
        return piece


@given(
    pieces=st.lists(st.binary(min_size=1, max_size=50), max_size=10),
    wanted=st.lists(st.one_of(st.integers(1, 60), st.just(READ_AHEAD + 1), st.none()), min_size=1),
)
def test_what_is_read_ahead_is_the_same_stream(pieces: list[bytes], wanted: list[int | None]) -> None:
    """Whatever sizes are asked for, all bytes come in order, and then the end."""

    async def main() -> None:
        stream = BufferedStream(Scripted(pieces))  # type: ignore[arg-type]
        got, at = b"", 0
        while True:
            most = wanted[at % len(wanted)]
            at += 1
            data = await stream.read(most)
            assert most is None or len(data) <= most
            if not data:
                break
            got += data
        assert got == b"".join(pieces)
        assert await stream.read(1) == b""

    trio.run(main)


async def test_others_have_their_turn_between_reads() -> None:
    """A long row of small messages in the buffer does not keep other tasks waiting."""
    stream = BufferedStream(Scripted([bytes(1000)]))  # type: ignore[arg-type]
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count)
        await trio.lowlevel.checkpoint()
        before = turns
        for _ in range(1000):
            await stream.read(1)
        nursery.cancel_scope.cancel()
    assert turns - before >= 1000 // 64


async def test_a_cancelled_read_loses_nothing() -> None:
    """A read may be cancelled while it waits, and while it lets other tasks run."""
    stream = BufferedStream(Scripted([bytes(range(200))]))  # type: ignore[arg-type]
    got = b""
    for _ in range(400):
        with trio.CancelScope() as scope:
            scope.cancel()
            got += await stream.read(1)
    with trio.CancelScope():
        while data := await stream.read(1):
            got += data
    assert got == bytes(range(200))


# --- gates ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [lambda: Gate(trio.Lock()), lambda: Gate(trio.Semaphore(1)), trio.Lock])
async def test_a_gate_excludes_and_is_fair(
    make: Callable[[], Any], autojump_clock: trio.testing.MockClock
) -> None:
    """A gate does what `trio.Lock` does."""
    gate, inside, order = make(), 0, []

    async def worker(number: int) -> None:
        nonlocal inside
        await trio.sleep(number)
        async with gate:
            inside += 1
            assert inside == 1
            order.append(number)
            await trio.sleep(10)
            inside -= 1

    async with trio.open_nursery() as nursery:
        for number in range(5):
            nursery.start_soon(worker, number)
    assert order == list(range(5))


async def test_a_cancelled_waiter_leaves_the_gate_usable(autojump_clock: trio.testing.MockClock) -> None:
    """A task that gives up waiting does not hold the gate."""
    gate = Gate(trio.Lock())
    gave_up = 0

    async def impatient() -> None:
        nonlocal gave_up
        with trio.move_on_after(1) as scope:
            await gate.acquire()
        gave_up += scope.cancelled_caught

    async with trio.open_nursery() as nursery, gate:
        nursery.start_soon(impatient)
        await trio.sleep(2)
    assert gave_up == 1
    with trio.fail_after(1):
        async with gate:
            pass


async def test_a_gate_says_when_its_holder_takes_it_again() -> None:
    """Like a lock, a gate refuses a task that holds it already, which would wait for ever."""
    gate = Gate(trio.Lock())
    async with gate:
        with pytest.raises(RuntimeError):
            await gate.acquire()


async def test_readers_share_and_writers_do_not(autojump_clock: trio.testing.MockClock) -> None:
    """The lock of a stream still admits many readers or one writer."""
    lock, readers, most, writing = EasyReadWriteLock(), 0, 0, False

    async def read() -> None:
        nonlocal readers, most
        async with lock.read_lock():
            assert not writing
            readers += 1
            most = max(most, readers)
            await trio.sleep(1)
            readers -= 1

    async def write() -> None:
        nonlocal writing
        async with lock.write_lock():
            assert (readers, writing) == (0, False)
            writing = True
            await trio.sleep(1)
            writing = False

    async with trio.open_nursery() as nursery:
        for job in (read, read, write, read, write, read):
            nursery.start_soon(job)
    assert most > 1


# --- windows ----------------------------------------------------------------------------------------------


class Window:
    """The part of a `YamuxStream` that counts its window."""

    stream_id = 1

    def __init__(self, size: int) -> None:
        self.target_recv_window = self.recv_window = size
        self._pending_recv_release = 0
        self.told = 0
        self.conn = self
        self.stream_buffers: dict[int, bytes] = {}

    def _grow_threshold(self) -> int:
        return self.target_recv_window // 2


@given(sizes=st.lists(st.integers(1, 300), max_size=100))
def test_a_sender_always_has_half_a_window(sizes: list[int]) -> None:
    """Whatever is read when, the sender may soon send half a window again."""
    window = Window(1000)

    async def told(self: Window, *, bytes_read: int = 0) -> None:
        # what the library does when the room is half of the window: all of it is given back
        self.told += 1
        self.recv_window = self.target_recv_window
        self._pending_recv_release = 0

    async def main() -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(costs, "_library_update", told)
            for size in sizes:
                window.recv_window -= size
                await update_window(window, bytes_read=size)  # type: ignore[arg-type]
                assert window.recv_window > 500
        assert window.told <= sum(sizes) // 500

    trio.run(main)
