"""Ordinary programs whose ranks are lost and run again: what is repeated, and what is said about the rest."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from e2e_harness import DEADLINE

pytestmark = pytest.mark.e2e

HEAD = """
import os, signal, sys
from mpi4py import MPI
comm = MPI.COMM_WORLD
INCARNATION = int(os.environ["MPI_ACTORS_INCARNATION"])

def lose_me(until=1):
    '''kill -9 of this rank, in its first incarnations, once its partner has what it has sent.'''
    comm.recv(source=0)
    if INCARNATION < until:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def run(
    place: Path, program: str, *args: str, size: int = 2, options: tuple[str, ...] = ()
) -> tuple[str, str, int]:
    """Run a program, and return what it wrote, what was said on standard error, and the exit code."""
    (place / "program.py").write_text(HEAD + program)
    command = ["run", "-n", str(size), *options, str(place / "program.py"), *args]
    done = subprocess.run(
        [sys.executable, "-m", "mpi_actors", *command],
        env={**os.environ, "TMPDIR": str(place)}, cwd=place,
        capture_output=True, text=True, check=False, timeout=DEADLINE,
    )  # fmt: skip
    return done.stdout, done.stderr, done.returncode


DRAWS = """
import random, secrets, tempfile, uuid
drawn = [os.urandom(8), random.SystemRandom().random(), secrets.token_hex(), uuid.uuid4(), uuid.uuid1().node]
drawn += [random.random(), random.Random().random(), list({secrets.token_hex(2) for _ in range(50)})]
drawn.append(next(tempfile._get_candidate_names()))
try:
    import numpy
except ImportError:
    pass
else:
    drawn += [numpy.random.default_rng().random(), numpy.random.rand(), numpy.random.RandomState().rand()]
if comm.rank == 1:
    with open(f"drawn{INCARNATION}", "w") as file:
        print(drawn, file=file)
    comm.send(drawn, 0)
    lose_me(2)
    comm.send(random.random(), 0)
else:
    theirs = comm.recv(source=1)
    comm.send(None, 1)
    comm.recv(source=1)
    print("different" if all(a != b for a, b in zip(drawn, theirs)) else "the same")
"""


def test_random_numbers_repeat(tmp_path: Path) -> None:
    """A rank that is lost twice draws the same each time; the other rank, and another job, draw others."""
    drawn = []
    for _ in range(2):
        out, err, code = run(tmp_path, DRAWS)
        assert (out, code) == ("different\n", 0), err
        texts = [(tmp_path / f"drawn{incarnation}").read_text() for incarnation in range(3)]
        assert texts[0] == texts[1] == texts[2]
        drawn.append(texts[0])
    assert drawn[0] != drawn[1]


def test_real_entropy_ends_a_job_that_needs_it_repeated(tmp_path: Path) -> None:
    """By name, and not with another answer."""
    _, err, code = run(tmp_path, DRAWS, options=("--real-entropy",))
    assert code == 3
    assert "ReplayDivergence" in err


BRANCH = """
import random
if comm.rank == 1:
    x = random.SystemRandom().random()
    print(f"chose x={x:.3f}", flush=True)
    comm.send("progress", 0)
    lose_me()
    print(f"result of x={x:.3f}")
else:
    comm.recv(source=1)
    comm.send(None, 1)
comm.barrier()
"""


def test_a_branch_on_a_random_number_is_taken_again(tmp_path: Path) -> None:
    """Lines before and after the loss belong together."""
    out, err, code = run(tmp_path, BRANCH)
    assert code == 0, err
    [chose, result] = out.splitlines()
    assert chose.partition("x=")[2] == result.partition("x=")[2]


APPENDS = """
for name in sys.argv[1:]:
    with open(name, "a" if name.startswith("log") else "w") as file:
        print("balance += 100", file=file)
if comm.rank == 1:
    comm.send(None, 0)
    lose_me()
else:
    comm.recv(source=1)
    comm.send(None, 1)
comm.barrier()
"""


def test_files_that_are_appended_to_again_are_named(tmp_path: Path) -> None:
    """Only those, and only for the rank that was lost."""
    for arguments, named in ((("log1", "new", "log2"), True), (("new",), False)):
        out, err, code = run(tmp_path, APPENDS, *arguments)
        assert (out, code) == ("", 0)
        notices = [line for line in err.splitlines() if "again to append" in line]
        assert notices == [
            f"mpi-actors: rank 1 was started again and opened {tmp_path / 'log1'}, {tmp_path / 'log2'} again "
            "to append or to change something there: what it had written before its loss may be there twice"
        ] * named  # fmt: skip
    assert (tmp_path / "log1").read_text().count("balance") == 3


GUARDS = """
import mpi_actors
before = "mpi_actors.pool" in sys.modules
if comm.rank == 1:
    for number in range(6):
        if not mpi_actors.replaying():
            with open(sys.argv[1], "a") as file:
                print(number, file=file)
        comm.send(number, 0)
        comm.recv(source=0)
        if number == 3 and INCARNATION == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    print(mpi_actors.replaying())
else:
    for number in range(6):
        assert comm.recv(source=1) == number
        comm.send(None, 1)
    print(mpi_actors.replaying(), "mpi_actors.pool" in sys.modules)
"""


@pytest.mark.parametrize("options", [(), ("--peers", "2")])
def test_a_program_can_guard_a_step(tmp_path: Path, options: tuple[str, ...]) -> None:
    """What it did before messages that others have is not done again; what comes after them is done."""
    out, err, code = run(tmp_path, GUARDS, "steps", options=options)
    assert (sorted(out.splitlines()), code) == (["False", "False False"], 0), err
    assert (tmp_path / "steps").read_text().split() == [*"012345"]


LOOKS = """
import asyncio, datetime, subprocess, time
start = MPI.Wtime()

async def sleeper():
    await asyncio.sleep(0.01)
    return time.monotonic()

def look():
    until, count = time.perf_counter() + 0.003, 0
    while time.perf_counter() < until:
        count += 1
    try:
        subprocess.run(["sleep", "600"], timeout=0.01)
    except subprocess.TimeoutExpired:
        pass
    return [
        MPI.Wtime() - start, asyncio.run(sleeper()), time.time(), time.process_time(), time.perf_counter(),
        count, datetime.datetime.now(), datetime.date.today(), time.ctime(), time.strftime("%X"),
        time.time_ns(),
    ]

if comm.rank == 1:
    for number in range(6):
        comm.send(look(), 0)
        comm.recv(source=0)
        if number in (1, 2, 4) and INCARNATION == (1, 2, 4).index(number):
            os.kill(os.getpid(), signal.SIGKILL)
    comm.reduce(MPI.Wtime() - start, MPI.MAX)
else:
    seen = []
    for _ in range(6):
        seen.append(comm.recv(source=1))
        comm.send(None, 1)
    back = [(a, b) for one, two in zip(seen, seen[1:]) for a, b in zip(one[:5], two[:5]) if a > b]
    print("back", back, "total", comm.reduce(MPI.Wtime() - start, MPI.MAX) > 0)
"""


@pytest.mark.parametrize("options", [(), ("--peers", "2")])
def test_looks_at_the_clock_repeat(tmp_path: Path, options: tuple[str, ...]) -> None:
    """Lost three times, a rank sees what it saw, and time goes on from there; it never goes back."""
    out, err, code = run(tmp_path, LOOKS, options=options)
    assert (out, code) == ("back [] total True\n", 0), err
    assert err.count("runs again") == 3
