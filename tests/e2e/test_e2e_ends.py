"""Ranks that end early, silently or oddly, on real daemons: the right answer, or an error by name."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
import trio
from e2e_harness import leaves_nothing

from mpi_actors.coordination.result import JobResult
from mpi_actors.pool.local.pool import open_local_pool

pytestmark = pytest.mark.e2e

HEAD = """import os, sys, time
INCARNATION = int(os.environ["MPI_ACTORS_INCARNATION"])
def lose_me():
    if INCARNATION == 0:
        os.kill(os.getpid(), 9)
"""
MPI = "from mpi4py import MPI\ncomm = MPI.COMM_WORLD\n"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pools put their directories, apart from what tests make."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


async def result_of(temporary: Path, program: str, size: int, peers: int = 1) -> JobResult:
    """Run a program to its end, in a pool of its own."""
    place = temporary.parent / "program.py"
    place.write_text(HEAD + program)
    with trio.fail_after(300), leaves_nothing(temporary):
        async with open_local_pool(peers=peers) as pool:
            return await (await pool.start_script(place, size)).wait()


EARLY_END = f"""
if INCARNATION == 0:
    {MPI.strip().replace(chr(10), chr(10) + "    ")}
    if comm.rank == 1:
        comm.send("pay 100", 2)
        comm.recv(source=2)
        lose_me()
    if comm.rank == 2:
        print("acts on", comm.recv(source=1))
        comm.send(None, 1)
"""


@pytest.mark.parametrize("peers", [1, 2])
async def test_a_second_life_that_ends_at_once_is_compared(temporary: Path, peers: int) -> None:
    """It makes no call of MPI, and what its first life sent was acted upon."""
    result = await result_of(temporary, EARLY_END, 3, peers)
    assert "ReplayDivergence: rank 1 was started again and ended 1 messages to rank 2 short" in result.reason


QUIET = (
    MPI
    + """
import atexit, gc, signal, threading
def leave():
    os._exit(0)
    print("after the end")
class Leaves:
    def __init__(self):
        self.me = self
    def __del__(self):
        leave()
if comm.rank == 1:
    comm.send("once", 2)
    HOW
    while True:
        time.sleep(0.01)
        comm.iprobe(0, 5)
elif comm.rank == 2:
    word = comm.recv(source=1)
    comm.send(None, 1, tag=8)
    comm.send(None, 3)
    comm.recv(source=3)
    lose_me()
    comm.send(word, 0)
elif comm.rank == 3:
    comm.recv(source=2)
    time.sleep(0.5)  # rank 1 has left by then
    comm.send(None, 2)
else:
    print("rank 0 was told:", comm.recv(source=2))
"""
)
TALKS = """
    def talk():
        time.sleep(0.05)
        while True:
            print("talks", file=sys.stderr, flush=True)
            comm.send("more", 2)
"""
HOWS = {
    "main": "os._exit(0)",
    "256": "os._exit(256)",
    "thread": "threading.Thread(target=leave).start()",
    "finalizer": "Leaves(); gc.collect()",
    "finalizer in a call": "Leaves(); gc.set_threshold(1); [comm.isend([], 2, tag=9) for _ in range(500)]",
    "handler": (
        "signal.signal(signal.SIGALRM, lambda *_: leave()); signal.setitimer(0, 0.02); comm.recv(source=0)"
    ),
    "at the end": "atexit.register(leave); sys.exit(3)",
    "with a timer": "signal.alarm(1); os._exit(0)",
    "with a handler": (
        "signal.signal(signal.SIGALRM, lambda *_: 1 / 0); signal.setitimer(0, 0.1, 0.1); os._exit(0)"
    ),
    "after a child": "if os.fork() == 0: os._exit(0)\n    os.wait(); os._exit(0)",
}


@pytest.mark.parametrize("how", HOWS.values(), ids=HOWS.keys())
async def test_who_leaves_by_exit_sends_its_messages_again(temporary: Path, how: str) -> None:
    """A rank that needs them is lost afterwards. The program that has left says nothing more."""
    result = await result_of(temporary, QUIET.replace("HOW", how), 4)
    assert (result.ok, result.output) == (True, ("rank 0 was told: once",)), result.reason


async def test_threads_of_a_program_that_has_ended_say_nothing_more(temporary: Path) -> None:
    """A thread that still runs at the end does not outlive the program, though the process stays."""
    how = TALKS.strip() + "\n    threading.Thread(target=talk, daemon=True).start(); os._exit(0)"
    result = await result_of(temporary, QUIET.replace("HOW", how), 4)
    assert (result.ok, result.output) == (True, ("rank 0 was told: once",)), result.reason


SILENT = {
    "C": "comm.recv(source=2, tag=8); import ctypes; ctypes.CDLL(None)._exit(0)",
    "exec": 'comm.recv(source=2, tag=8); os.execv("/bin/true", ["true"])',
}


@pytest.mark.parametrize("how", SILENT.values(), ids=SILENT.keys())
async def test_who_leaves_without_a_word_is_named_when_it_is_needed(temporary: Path, how: str) -> None:
    """At once, since nobody can send its messages again."""
    result = await result_of(temporary, QUIET.replace("HOW", how), 4)
    assert result.reason.startswith("LogLost: rank 2 was lost and needs the messages of rank 1 again")


async def test_who_leaves_without_a_word_harms_nobody_who_is_not_lost(temporary: Path) -> None:
    """Each rank becomes another program."""
    result = await result_of(temporary, MPI + 'comm.barrier()\nos.execv("/bin/echo", ["echo", "hi"])\n', 2)
    assert (result.ok, result.output) == (True, ("hi",)), result.reason


async def test_nobody_waits_for_ever_for_who_left_without_a_word(temporary: Path) -> None:
    """What it had sent was still in its process: it is gone, and the job ends."""
    leaves = "import ctypes; ctypes.CDLL(None)._exit(0)\n"
    program = MPI + f"if comm.rank:\n    comm.send(1, 0)\n    {leaves}print(comm.recv(source=1))\n"
    result = await result_of(temporary, program, 2)
    assert result.ok or result.reason.startswith(
        "LogLost: rank 1 has left with exit code 0 and without a word"
    )


async def test_a_rank_that_executes_itself_again_is_none_any_more(temporary: Path) -> None:
    """It does not take itself for a job of one rank."""
    again = 'if len(sys.argv) == 1:\n    os.execv(sys.executable, [sys.executable, *sys.argv, "again"])\n'
    result = await result_of(temporary, again + MPI + "print(comm.size)\n", 2)
    assert (result.ok, result.output) == (False, ())
    assert "LogLost: this process was rank" in result.reason


@pytest.mark.parametrize(
    ("how", "text"),
    [
        ("os.abort()", "crashed with SIGABRT"),
        ("os._exit(7)", "exit code 7"),
        ("raise KeyboardInterrupt", "exit code 130"),
        ("os.kill(os.getpid(), signal.SIGINT); time.sleep(9)", "exit code 130"),
        (
            "signal.signal(signal.SIGALRM, lambda *_: sys.exit(5)); signal.setitimer(0, 0.02); "
            "comm.recv(source=0)",
            "exit code 5",
        ),
    ],
    ids=["abort", "code", "interrupt", "SIGINT", "exit in a handler"],
)
async def test_a_bad_end_ends_the_job(temporary: Path, how: str, text: str) -> None:
    """With the rank's exit code."""
    result = await result_of(temporary, QUIET.replace("HOW", how), 4)
    assert not result.ok
    assert result.reason.startswith("rank 1 failed on")
    assert text in result.reason


async def test_the_end_of_a_thread_is_not_that_of_the_program(temporary: Path) -> None:
    """`sys.exit` in a thread ends a thread; one that waits for a message ends with the program."""
    program = (
        MPI
        + """
import threading
thread = threading.Thread(target=lambda: sys.exit(3)); thread.start(); thread.join()
threading.Thread(target=lambda: comm.recv(source=1 - comm.rank, tag=99), daemon=True).start()
time.sleep(0.1)
print("right")
"""
    )
    result = await result_of(temporary, program, 2)
    assert (result.ok, result.output) == (True, ("right",)), result.reason
