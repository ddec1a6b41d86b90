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
