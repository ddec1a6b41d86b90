"""mpi4py programs at a console: by name from a store, looked at, and ended."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from e2e_harness import EXAMPLES
from example_models import stencil

pytestmark = pytest.mark.e2e

DEADLOCK = """
from mpi4py import MPI
comm = MPI.COMM_WORLD
def swap(other):
    comm.recv(source=other, tag=7)
def meet():
    comm.Barrier()
print(f"rank {comm.rank} runs", flush=True)
swap(1 - comm.rank) if comm.rank < 2 else meet()
"""


@pytest.fixture
def dead(tmp_path: Path) -> Path:
    """A store with a program whose ranks wait for each other."""
    place = tmp_path / "store" / "dead"
    place.mkdir(parents=True)
    (place / "init.py").write_text("")
    (place / "mpi-actors.toml").write_text('protocol = "mpi"\n')
    (place / "run.py").write_text(DEADLOCK)
    return place.parent


def console(store: Path, path: Path) -> list[str]:
    return [
        sys.executable, "-m", "mpi_actors",
        "-ipfs-store", str(store), "-ipfs-api", "embedded", "-path", str(path), "--no-mdns",
    ]  # fmt: skip


def test_a_published_program_runs_by_its_name(tmp_path: Path) -> None:
    """Its output comes with the ranks; the console ends with the job."""
    path = tmp_path / "peer"
    done = subprocess.run(
        [*console(EXAMPLES, path), "-maxsize", "100kB", "-q"],
        input="start stencil 2 16 20\nexit\n", capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.splitlines()) == (0, stencil(16, 20)), done.stderr


def answers(process: subprocess.Popen[str], question: str) -> Iterator[list[str]]:
    """What is said to a question, again and again; `help exit` marks where it ends."""
    assert process.stdin is not None
    assert process.stdout is not None
    while True:
        process.stdin.write(f"{question}\nhelp exit\n")
        process.stdin.flush()
        lines: list[str] = []
        while not (lines and lines[-1].startswith("exit: ")):
            lines.append(process.stdout.readline().rstrip())
            assert process.poll() is None, lines
        yield lines[:-1]


def test_why_shows_a_deadlock(tmp_path: Path, dead: Path) -> None:
    """For each rank whom it waits for, with which tag, for how long, and the calls that it is in."""
    place = tmp_path / "peer"
    place.mkdir(mode=0o700)
    with subprocess.Popen(
        console(dead, place), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write("start dead 3\n")
            process.stdin.flush()
            said = ""
            while said.count(" runs\n") < 3:
                said += process.stdout.readline()
                assert process.poll() is None, said
            [job] = re.findall(r"job ([0-9a-f]{16}) started", said)
            for lines in answers(process, f"why {job[:6]}"):
                text = "\n".join(lines)
                if text.count("in swap") == 2 and "in meet" in text:
                    break
            heads = [line for line in lines if not line.startswith(" ")]
            assert [re.sub(r"….{8}|\d+\.\d", "…", line) for line in heads] == [
                "rank 0: incarnation 0 on …, waits for a message from rank 1, tag 7, for … s",
                "rank 1: incarnation 0 on …, waits for a message from rank 0, tag 7, for … s",
                "rank 2: incarnation 0 on …, waits for a collective operation, for … s",
            ]
            process.stdin.write(f"kill {job}\nexit\n")
            process.stdin.close()
            assert process.wait(600) == 3  # a job has failed
        finally:
            process.kill()
