"""Other people's MPI programs, unchanged from the package index, over a real daemon."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

PROGRAM = str(Path(__file__).with_name("mpi_emcee.py"))
DEADLINE = 600


def output(*command: str) -> str:
    done = subprocess.run(
        [sys.executable, *command], capture_output=True, text=True, check=False, timeout=DEADLINE
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("peers", ["1", "2"])
def test_emcee_on_the_mpi_pool_of_schwimmbad(peers: str) -> None:
    """emcee samples the same chain, to the last bit, whether ranks of a pool do the work or nobody helps."""
    alone = output(PROGRAM, "serial")
    assert output("-m", "mpi_actors", "run", "-n", "4", "--peers", peers, PROGRAM) == alone
