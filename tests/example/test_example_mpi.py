"""The examples that use mpi4py, as plain scripts on ranks without a daemon."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import pytest
from driver import run_init
from example_models import collatz, collectives, stencil

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "example"
WORLDS = ROOT / "tests" / "support" / "mpi_worlds.py"
RANKS = pytest.mark.parametrize("n", [1, 2, 3])


def run(name: str, n: int, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(WORLDS), "-n", str(n), str(EXAMPLE / name / "run.py"), *args],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


def lines(name: str, n: int, *args: str) -> list[str]:
    """What it prints, if it ends well and has nothing to complain of."""
    done = run(name, n, *args)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", ["master_worker", "mpi_collectives", "mpi_pi", "stencil"])
async def test_init_accepts_this_peer(name: str) -> None:
    """There is nothing that a peer could lack."""
    assert await run_init(EXAMPLE / name) == (0, "")


@RANKS
def test_mpi_pi_is_as_close_as_the_steps_allow(n: int) -> None:
    """As many digits are right as the midpoint rule gives with that many steps (error 1 / (12 steps²))."""
    [line] = lines("mpi_pi", n, "1000")
    value = float(line.split()[2].rstrip(","))
    assert abs(value - math.pi) == pytest.approx(1 / 12e6, rel=1e-3)
    assert line.endswith("error 8.3e-08")


@RANKS
def test_the_master_gets_every_answer_once(n: int) -> None:
    """The longest sequence is what a search of all numbers finds; progress ends with the last task."""
    numbers = range(1, 41 * 30 + 1)
    best = max(numbers, key=lambda start: (collatz(start), -start))
    assert lines("master_worker", n, "41", "30") == [
        "20 of 41",
        "40 of 41",
        f"the longest sequence begins with {best} and has {collatz(best)} numbers",
    ]


@RANKS
def test_the_stencil_does_not_depend_on_the_ranks(n: int) -> None:
    """Bit by bit what one process computes, however the rows are dealt."""
    assert lines("stencil", n, "17", "41") == stencil(17, 41)


def test_the_stencil_needs_a_row_for_each_rank() -> None:
    """It says so."""
    assert lines("stencil", 3, "3", "1") == stencil(3, 1)
    done = run("stencil", 2, "1")
    assert done.returncode != 0
    assert "2 ranks need a plate of at least 2 rows, not 1" in done.stderr


@RANKS
def test_the_collectives_mix_what_they_should(n: int) -> None:
    """Each round depends on every operation, and comes out as a model of it says."""
    assert lines("mpi_collectives", n, "50", "4") == collectives(n, 50, 4)
