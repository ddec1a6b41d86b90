"""Whether a rank repeats what it did before."""

from __future__ import annotations

import subprocess
import sys

import mpi_actors


def test_a_process_that_is_no_rank_repeats_nothing() -> None:
    """And asking makes no endpoint."""
    program = (
        "import mpi_actors, sys; print(mpi_actors.replaying(), 'trio' in sys.modules); "
        "from mpi_actors.mpi import engine; print(engine.started())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False False\nFalse\n"


def test_a_first_incarnation_repeats_nothing() -> None:
    """A program that runs by itself is one."""
    program = (
        "from mpi_actors.mpi import engine; engine.engine(); import mpi_actors; print(mpi_actors.replaying())"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert "replaying" in dir(mpi_actors)
