"""What ranks write, and what comes out of `run`: byte for byte, all of it, as fast as somebody reads."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio
from e2e_harness import DEADLINE, environment, leaves_nothing, until

pytestmark = pytest.mark.e2e

OUT = b"caf\xe9\r\n\0\x80 a\x85b\x0cc\xe2\x80\xa8 \rtail without an end"
ERR = b"err\xff\rX\n\0 half"
BYTES = f"import os, sys\nos.write(1, {OUT!r})\nos.write(2, {ERR!r})\n"
LINES = 200_000
MANY = f"import sys\nfor number in range({LINES}):\n    print('warning', number, file=sys.stderr)\n"
ENDLESS = """
import os, sys, time
from mpi4py import MPI
comm = MPI.COMM_WORLD
print(os.getpid(), flush=True)
if comm.rank == 1:
    while True:
        os.write(2, b"x" * 1000 + b"\\n")
else:
    time.sleep(1000)
"""


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where pools put their directories, apart from what tests make."""
    place = tmp_path / "temporary"
    place.mkdir()
    return place


def write(tmp_path: Path, program: str) -> str:
    place = tmp_path / "script.py"
    place.write_text(program)
    return str(place)


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "mpi_actors", "run", *words]


def run(temporary: Path, *words: str, together: bool = False) -> subprocess.CompletedProcess[bytes]:
    """`mpi-actors run WORDS` to its end, with both streams apart or together; nothing is left of it."""
    with leaves_nothing(temporary):
        return subprocess.run(
            command(*words), env=environment(temporary), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if together else subprocess.PIPE, check=False, timeout=DEADLINE,
        )  # fmt: skip


def test_both_streams_come_out_byte_for_byte(tmp_path: Path, temporary: Path) -> None:
    """Also bytes that are no text, carriage returns, zeros, and a last line without an end."""
    done = run(temporary, write(tmp_path, BYTES))
    assert (done.returncode, done.stdout, done.stderr) == (0, OUT, ERR)


def test_half_lines_of_two_ranks_are_not_glued(tmp_path: Path, temporary: Path) -> None:
    """A line end comes between them, and none after the last; with a mark of the rank in front of each."""
    half = write(tmp_path, "from mpi4py import MPI\nprint(MPI.COMM_WORLD.rank, end='')\n")
    done = run(temporary, "-n", "3", half)
    assert sorted(done.stdout.split(b"\n")) == [b"0", b"1", b"2"], done.stderr
    done = run(temporary, "-n", "3", "--prefix", half)
    assert sorted(done.stdout.split(b"\n")) == [b"[0] 0", b"[1] 1", b"[2] 2"], done.stderr


def test_half_a_line_and_our_own_words_are_not_glued(tmp_path: Path, temporary: Path) -> None:
    """Also where both streams are one."""
    done = run(temporary, write(tmp_path, "import sys\nprint('half', end='')\nsys.exit(7)\n"), together=True)
    assert done.returncode == 7
    first, second, rest = done.stdout.split(b"\n")
    assert (first, rest) == (b"half", b"")
    assert second.startswith(b"mpi-actors: job failed: ")


@pytest.mark.parametrize("peers", ["1", "2"])
def test_all_lines_of_standard_error_come(tmp_path: Path, temporary: Path, peers: str) -> None:
    """However many a program writes, as fast as it can."""
    done = run(temporary, "--peers", peers, write(tmp_path, MANY))
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr == b"".join(b"warning %d\n" % number for number in range(LINES))


async def test_a_rank_without_end_waits_for_its_reader(tmp_path: Path, temporary: Path) -> None:
    """While nobody reads, it fills no memory; and Ctrl-C ends everything at once."""
    with leaves_nothing(temporary):
        process = await trio.lowlevel.open_process(
            command("-n", "2", write(tmp_path, ENDLESS)), env=environment(temporary),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        with trio.fail_after(DEADLINE):
            shown = b""
            while shown.count(b"\n") < 2:
                shown += await process.stdout.receive_some()
            ranks = list(map(int, shown.split()))
            # both are asleep: one in its sleep, and one in its write
            await until(lambda: all(state(pid) == "S" and is_still(pid) for pid in ranks))
            process.send_signal(signal.SIGINT)
            assert await process.wait() == 128 + signal.SIGINT
            await until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in ranks))
        await process.stdout.aclose()
        await process.stderr.aclose()


def state(pid: int) -> str:
    """The state of a process, such as S for sleeping."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0]


_times: dict[int, tuple[str, int]] = {}
STILL = 50
"""Looks, each some milliseconds after the one before, at which a process has to be where it was."""


def is_still(pid: int) -> bool:
    """Return whether a process has written and computed nothing during many looks at it."""
    now = Path(f"/proc/{pid}/io").read_text()
    before, looks = _times.get(pid, ("", 0))
    _times[pid] = (now, looks + 1 if now == before else 0)
    return _times[pid][1] >= STILL


# --- compared after a loss ----------------------------------------------------------------------------------

LOST = """
import os, signal, sys, time
from mpi4py import MPI
comm = MPI.COMM_WORLD
first = os.environ["MPI_ACTORS_INCARNATION"] == "0"

def lose_me():
    comm.send("shown", 0)
    comm.recv(source=0)
    if first:
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGKILL)

def other():
    comm.recv(source=1)
    comm.send(None, 1)
"""
FEWER = """
if comm.rank == 1:
    count = 5 if first else 2
    for number in range(count):
        print("item", number, flush=True)
    lose_me()
    print("done, total", count)
else:
    other()
comm.barrier()
"""
ORDER = """
class Task:
    def __init__(self, number):
        self.number = number
        self.padding = [0] * number

if comm.rank == 1:
    order = [task.number for task in {Task(number) for number in range(50)}]
    print("first", order, flush=True)
    lose_me()
    print("last", order)
    comm.send(order, 0)
else:
    other()
    print("rank 0 got", comm.recv(source=1))
"""
ENTROPY = """
import random
if comm.rank == 1:
    x = random.SystemRandom().random()
    print(x, flush=True)
    lose_me()
    print(x)
else:
    other()
comm.barrier()
"""


def test_fewer_lines_than_before_are_a_difference(tmp_path: Path, temporary: Path) -> None:
    """Both lives end well, each with lines of its own; the second one has fewer."""
    script = write(tmp_path, LOST + FEWER)
    before = b"".join(b"item %d\n" % number for number in range(5))
    done = run(temporary, "-n", "2", script)
    assert (done.returncode, done.stdout) == (3, before), done.stderr
    assert b"ReplayDivergence" in done.stderr
    assert b"    before: 'item 2'\n    now:    'done, total 2'\n" in done.stderr
    done = run(temporary, "-n", "2", "--output-may-differ", script)
    assert (done.returncode, done.stdout) == (0, before), done.stderr
    assert done.stderr.count(b"warning: ") == 1
    assert b"    before: 'item 2'\n    now:    'done, total 2'\n" in done.stderr


def test_the_order_of_a_set_is_a_difference(tmp_path: Path, temporary: Path) -> None:
    """Addresses of objects decide it. By chance it may be the same: then all lines are of that order."""
    done = run(temporary, "-n", "2", write(tmp_path, LOST + ORDER))
    if done.returncode == 0:
        assert len({line.partition(b"[")[2] for line in done.stdout.splitlines()}) == 1
    else:
        assert done.returncode == 3, done.stderr
        assert b"ReplayDivergence" in done.stderr
        assert b"    before: 'first [" in done.stderr


@pytest.mark.parametrize("peers", ["1", "2"])
def test_entropy_gives_no_line_of_another_life(tmp_path: Path, temporary: Path, peers: str) -> None:
    """Both lines name the same number; where entropy is real, the job fails by name."""
    script = write(tmp_path, LOST + ENTROPY)
    done = run(temporary, "-n", "2", "--peers", peers, script)
    first, second = done.stdout.split()
    assert (done.returncode, first) == (0, second), done.stderr
    done = run(temporary, "-n", "2", "--peers", peers, "--real-entropy", script)
    assert (done.returncode, done.stdout.count(b"\n")) == (3, 1), done.stderr
    assert b"ReplayDivergence" in done.stderr
