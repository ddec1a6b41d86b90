"""Real processes that speak MPI, over one daemon and two: killed with -9 and started again."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio
from pool_scenes import listen

from mpi_actors.coordination.result import LogLine
from mpi_actors.coordination.seats import Phase
from mpi_actors.errors import UnknownInterpreter
from mpi_actors.events import Event, RankLost, RankStarted
from mpi_actors.jobs.job import Job
from mpi_actors.pool.memory import open_memory_pool
from mpi_actors.process import Warden
from mpi_actors.programs.processes import ProcessStarter
from mpi_actors.wire.script import ScriptProgram

HAND_RANK = str(Path(__file__).parent.parent / "support" / "hand_rank.py")
DEADLINE = 600.0
"""Seconds after which a test counts as hung, on however slow a machine."""

STENCIL = """
import os, time
from mpi4py import MPI
comm = MPI.COMM_WORLD
size, rank = comm.size, comm.rank
cells = bytearray(range(rank, rank + 40)) * 1000
edge = bytearray(len(cells))
for step in range(150):
    requests = [comm.Isend(cells, (rank + 1) % size, tag=step), comm.Irecv(edge, (rank - 1) % size, tag=step)]
    MPI.Request.Waitall(requests)
    cells[:100] = edge[-100:]
    cells = cells[7:] + cells[:7]
    total = comm.allreduce(cells[0] + rank)
    if step % 10 == 0:
        print(step, total, flush=True)
        while os.path.exists(f"stop-{rank}-{step}"):  # or it could be over before it is killed
            time.sleep(0.01)
print("end", sum(cells) % 1000)
"""


class NoDepot:
    """A depot without interpreters: there are only scripts."""

    def interpreters(self) -> tuple[str, ...]:
        return ()

    def could_install(self) -> tuple[str, ...]:
        return ()

    async def ensure(self, name: str) -> None:
        raise UnknownInterpreter(name)

    def using(self, name: str) -> None:
        raise UnknownInterpreter(name)


@attrs.define
class Running:
    """A job, and its events so far."""

    job: Job
    events: list[Event]

    def pid(self, rank: int) -> int:
        started = [e for e in self.events if isinstance(e, RankStarted) and e.rank == rank]
        return started[-1].pid

    @property
    def lost(self) -> list[int]:
        return [event.rank for event in self.events if isinstance(event, RankLost)]

    def lines(self, rank: int) -> list[str]:
        return [line.text for line in self.job.log if line.rank == rank and line.stream == "log"]

    async def line(self, rank: int, beginning: str) -> LogLine:
        """Wait for a line of a rank."""
        while True:
            for line in self.job.log:
                if line.rank == rank and line.text.startswith(beginning):
                    return line
            await trio.sleep(0.01)

    async def until_lost(self, rank: int) -> None:
        """Wait until a rank is lost that was not lost before."""
        while rank not in self.lost:  # noqa: ASYNC110 - nobody tells a test
            await trio.sleep(0.01)


@asynccontextmanager
async def running(
    directory: Path, script: ScriptProgram, ranks: int, peers: int, *args: str
) -> AsyncIterator[Running]:
    """Yield a job of that script, on daemons of this process with the memory network between them."""

    def starter(index: int) -> ProcessStarter:
        scratch = directory / f"scratch-{index}"
        return ProcessStarter(warden, NoDepot(), scratch, scripts={"script": script})  # type: ignore[arg-type]

    warden = Warden()
    async with trio.open_nursery() as nursery:
        await nursery.start(warden.run)
        async with open_memory_pool({}, peers=peers, starter=starter) as pool:  # type: ignore[arg-type]
            events = listen(pool.peer(0).daemon)
            job = await pool.start("script", ranks, *args, restart="lost")
            with trio.fail_after(DEADLINE):
                yield Running(job, events)
        nursery.cancel_scope.cancel()


def by_hand(directory: Path) -> ScriptProgram:
    """Return the script of the hand-made rank, which does without the rank library."""
    python = directory / "python"
    python.write_text(f'#!/bin/sh\nshift 2\nexec {sys.executable} "$@"\n')
    python.chmod(0o700)
    env = {"PATH": os.environ["PATH"]}
    return ScriptProgram(name="script", argv=(HAND_RANK,), cwd="/", env=env, python=str(python))


def stencil(directory: Path) -> ScriptProgram:
    """Return an mpi4py program that prints the same whenever it runs."""
    path = directory / "stencil.py"
    path.write_text(STENCIL)
    env = {"PATH": os.environ["PATH"]}
    return ScriptProgram(name="script", argv=(str(path),), cwd=str(directory), env=env)


@pytest.mark.parametrize("peers", [1, 2, 3])
async def test_a_ring_of_hand_made_ranks(tmp_path: Path, peers: int) -> None:
    """Lanes carry more than a socket holds, between processes of one daemon and of several."""
    async with running(tmp_path, by_hand(tmp_path), 3, peers, "ring", "5") as scene:
        result = await scene.job.wait()
        assert result.ok, result.reason
        assert result.output == ("300000",) * 5


async def test_a_process_killed_after_its_end_is_replaced(tmp_path: Path) -> None:
    """The lines that its next incarnation prints again are not shown again."""
    async with running(tmp_path, by_hand(tmp_path), 2, 2, "grave") as scene:
        while scene.job.decisions.seats[1].phase is not Phase.ENDED:  # noqa: ASYNC110 - nobody tells a test
            await trio.sleep(0.01)
        os.kill(scene.pid(1), signal.SIGKILL)
        await scene.until_lost(1)
        result = await scene.job.wait()
        assert result.ok, result.reason
        assert (scene.lines(0), scene.lines(1)) == (["done"], ["done"])


@pytest.mark.parametrize("peers", [1, 2])
async def test_an_mpi4py_program_survives_kill_9(tmp_path: Path, peers: int) -> None:
    """Two of its three ranks are killed, one of them twice, and it prints the same as without losses."""
    script = stencil(tmp_path)
    async with running(tmp_path, script, 3, 1) as scene:
        result = await scene.job.wait()
        assert result.ok, result.reason
        undisturbed = [scene.lines(rank) for rank in range(3)]
    kills = ((1, 20), (0, 60), (1, 100))
    stops = [tmp_path / f"stop-{rank}-{step}" for rank, step in kills]
    for stop in stops:
        stop.touch()
    async with running(tmp_path, script, 3, peers) as scene:
        for (rank, step), stop in zip(kills, stops, strict=True):
            await scene.line(rank, f"{step} ")
            os.kill(scene.pid(rank), signal.SIGKILL)
            lost = len(scene.lost)
            while len(scene.lost) == lost:  # noqa: ASYNC110 - nobody tells a test
                await trio.sleep(0.01)
            stop.unlink()
        result = await scene.job.wait()
        assert result.ok, result.reason
        assert scene.lost == [1, 0, 1]
        assert [scene.lines(rank) for rank in range(3)] == undisturbed
