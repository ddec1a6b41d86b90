"""mpi4py programs on real daemons: by name from a store, and with processes and peers that are killed."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio
from e2e_harness import EXAMPLES, leaves_nothing
from example_models import collectives, stencil

import mpi_actors
from mpi_actors.errors import UsageError
from mpi_actors.events import Log, RankLost, RankStarted
from mpi_actors.pool.local.job import LocalJob
from mpi_actors.pool.local.pool import open_local_pool
from mpi_actors.pool.local.script import module, script

pytestmark = pytest.mark.e2e

HEAD = "import os, sys\nfrom mpi4py import MPI\ncomm = MPI.COMM_WORLD\n"


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pools put their directories, apart from what tests make."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def interpreter(place: Path, program: str) -> Path:
    """An interpreter that uses mpi4py."""
    place.mkdir()
    (place / "init.py").write_text("")
    (place / "mpi-actors.toml").write_text('protocol = "mpi"\n')
    (place / "run.py").write_text(HEAD + program)
    return place


async def line(job: LocalJob, text: str) -> None:
    """Wait until a rank logs a line that begins so."""
    async for seen in job.events():
        if isinstance(seen.event, Log) and seen.event.text.startswith(text):
            return
    raise AssertionError(f"the job ended first: {job.result}")


async def starts(job: LocalJob) -> list[tuple[int, int]]:
    """The ranks and incarnations that were started in the whole life of a job."""
    events = [seen.event async for seen in job.events()]
    return [(event.rank, event.incarnation) for event in events if isinstance(event, RankStarted)]


async def test_a_lost_rank_changes_nothing(temporary: Path) -> None:
    """kill -9 of a rank's process, then of a daemon with its ranks: the answer of the stencil stays."""
    with trio.fail_after(600), leaves_nothing(temporary):
        async with open_local_pool(EXAMPLES, peers=3) as pool:
            job = await pool.start("stencil", 4, "32", "120")
            await line(job, "step 20:")
            await pool.kill_process(2)
            await line(job, "step 60:")
            await pool.kill(1)
            result = await job.wait()
            assert result.ok, result.reason
            assert list(result.output) == stencil(32, 120)
            assert (2, 1) in await starts(job)
            job = await pool.start("mpi_collectives", 4, "100", "40")
            await line(job, "round 5:")
            await pool.kill_process(3)
            await pool.kill_process(0)
            result = await job.wait()
            assert result.ok, result.reason
            assert list(result.output) == collectives(4, 100, 40)
            assert {(3, 1), (0, 1)} <= set(await starts(job))


async def test_a_script_runs_on_a_pool_that_runs(temporary: Path, tmp_path: Path) -> None:
    """Two of the same name side by side; on peers that came later, too; what is none is said."""
    places = [tmp_path / "a" / "script.py", tmp_path / "b" / "script.py"]
    for number, place in enumerate(places):
        place.parent.mkdir()
        place.write_text(HEAD + f"print(comm.allgather((comm.rank, {number}, *sys.argv[1:])))\n")
    with trio.fail_after(600), leaves_nothing(temporary):
        async with open_local_pool(peers=1) as pool:
            jobs = [await pool.start_script(place, 2, "x") for place in places]
            await pool.add()
            jobs.append(await pool.start_script(places[0], 2, at=1))
            jobs.append(await pool.start("script.py", 1, "again", at=1))
            jobs.append(await pool.start_script(script(places[1], cwd=tmp_path, env={}), 1))
            jobs.append(await pool.start_script(module("platform", env={}), 1, "terse"))
            results = [await job.wait() for job in jobs]
            assert [result.reason for result in results if not result.ok] == []
            assert [result.output[0] for result in results[:5]] == [
                "[(0, 0, 'x'), (1, 0, 'x')]",
                "[(0, 1, 'x'), (1, 1, 'x')]",
                "[(0, 0), (1, 0)]",
                "[(0, 0, 'again')]",
                "[(0, 1)]",
            ]
            assert results[5].output
            with pytest.raises(UsageError, match="no such file"):
                await pool.start_script(tmp_path / "nowhere.py", 1)


READER = """
total = 0
for number, line in enumerate(sys.stdin):
    total += int(comm.sendrecv(int(line), 1, source=1) if comm.rank == 0 else 0)
    print(f"line {number}", flush=True)
if comm.rank == 0:
    comm.send(None, 1)
    print(f"answer: {total}")
else:
    while (number := comm.recv(source=0)) is not None:
        comm.send(2 * number, 0)
"""
LINES = 200


async def numbers(gate: trio.Event) -> AsyncIterator[bytes]:
    """Yield `LINES` lines, the second half of them after the gate has opened."""
    lines = [f"{number}\n".encode() for number in range(LINES)]
    yield b"".join(lines[: LINES // 2])
    await gate.wait()
    for line in lines[LINES // 2 :]:
        yield line


@pytest.mark.parametrize("victim", [0, 1])
async def test_a_lost_reader_reads_again(temporary: Path, tmp_path: Path, victim: int) -> None:
    """Rank 0, started again, gets its standard input from the beginning; so does the rest go on."""
    place = tmp_path / "reader.py"
    place.write_text(HEAD + READER)
    gate = trio.Event()
    with trio.fail_after(600), leaves_nothing(temporary):
        async with open_local_pool(peers=2) as pool:
            job = await pool.start_script(place, 2, stdin=numbers(gate))
            await line(job, f"line {LINES // 2 - 1}")
            await pool.kill_process(victim)
            gate.set()
            result = await job.wait()
            assert result.ok, result.reason
            assert result.output[-1] == f"answer: {LINES * (LINES - 1)}"
            assert (victim, 1) in await starts(job)


async def test_a_published_program_that_fails_fails_its_job(temporary: Path, tmp_path: Path) -> None:
    """At once and with its code, unless it is to be started again; then within limits."""
    interpreter(tmp_path / "fails", "sys.exit(comm.recv(source=0) if comm.rank else comm.send(6, 1))\n")
    with trio.fail_after(600), leaves_nothing(temporary):
        async with open_local_pool(tmp_path / "fails", peers=2) as pool:
            job = await pool.start("fails", 2)
            result = await job.wait()
            assert (result.ok, result.exit_code) == (False, 6), result.reason
            assert sorted(await starts(job)) == [(0, 0), (1, 0)]
            job = await pool.start("fails", 2, restart="failed")
            result = await job.wait()
            assert "given up" in result.reason
            assert (1, 10) in await starts(job)


CHOOSING = """
import random, signal, time
again = int(os.environ["MPI_ACTORS_INCARNATION"])
when = random.Random(int(sys.argv[1]) + comm.rank).randint(1, 12)
done = 0
def moment():
    global done
    done += 1
    if done == when and not again:
        os.kill(os.getpid(), signal.SIGKILL)
status, total = MPI.Status(), 0
if comm.rank == 0:
    for _ in range(12 * (comm.size - 1)):
        probes = 0
        while not comm.iprobe(status=status):
            probes += 1
        number = comm.recv(source=status.source, tag=status.tag)
        total += number
        print(status.source, number, probes, time.time(), MPI.Wtime(), flush=True)
        moment()
        comm.send(number * number, status.source)
else:
    for number in range(12):
        request = comm.irecv(source=0)
        comm.send(number, 0)
        moment()
        tests = 0
        while not request.test()[0]:
            tests += 1
        total += tests
        extra = [comm.irecv(tag=number) for _ in range(2)]
        comm.send(comm.rank, comm.rank, tag=number)
        total += MPI.Request.waitany(extra)[0]
        for request in extra:
            if request != MPI.REQUEST_NULL:
                request.cancel()
                request.wait()
comm.barrier()
print(comm.rank, total, comm.reduce(MPI.Wtime()))
"""


@pytest.mark.parametrize("seed", range(3))
async def test_choices_are_repeated(temporary: Path, tmp_path: Path, seed: int) -> None:
    """A master that probes and workers that test and cancel are killed at any moment: nothing contradicts."""
    place = tmp_path / "choosing.py"
    place.write_text(HEAD + CHOOSING)
    with trio.fail_after(600), leaves_nothing(temporary):
        async with open_local_pool(peers=2) as pool:
            job = await pool.start_script(place, 3, str(100 * seed))
            result = await job.wait()
            assert result.ok, result.reason
            assert len(result.output) == 12 * 2 + 1
            assert len(await starts(job)) == 6


MASTER = """
import time
master = comm.size - 1
status = MPI.Status()
if comm.rank == master:
    tasks = iter(range(200))
    busy = total = order = 0
    for worker in range(master):
        comm.send(next(tasks), worker)
        busy += 1
    while busy:
        total += comm.recv(source=MPI.ANY_SOURCE, status=status)
        order = (7 * order + status.source) % 9973
        busy -= 1
        task = next(tasks, None)
        busy += task is not None
        comm.send(task, status.source)
        print("taken from", status.source, order, flush=True)
    print("total", total, flush=True)
else:
    while (task := comm.recv(source=master)) is not None:
        time.sleep(0.003)
        comm.send(task * task, master)
"""


@pytest.mark.parametrize("victims", [(1, 2), (2, 1)])
async def test_choices_of_lost_peers_are_repeated(
    temporary: Path, tmp_path: Path, victims: tuple[int, int]
) -> None:
    """A master that takes what comes loses its peer, and then the next one: every line is as it was."""
    place = tmp_path / "master.py"
    place.write_text(HEAD + MASTER)
    with trio.fail_after(600), leaves_nothing(temporary):
        async with open_local_pool(peers=3) as pool:
            job = await pool.start_script(place, 4)
            await line(job, "taken from")
            await pool.kill(victims[0])
            async for seen in job.events():
                if isinstance(seen.event, RankLost):
                    break
            await pool.kill(victims[1])
            result = await job.wait()
            assert result.ok, result.reason
            lines = [seen.event.text async for seen in job.events() if isinstance(seen.event, Log)]
            assert f"total {sum(task * task for task in range(200))}" in lines
            assert len(lines) == 201
            assert any(incarnation for _, incarnation in await starts(job))


THREADED = """
import threading, time
if comm.rank == 0:
    thread = threading.Thread(target=comm.send, args=(None, 1))
    thread.start()
    thread.join()
    comm.recv(source=1)
    print("chosen", flush=True)
    comm.recv(source=1)
else:
    comm.recv(source=0)
    comm.send(None, 0)
    comm.recv(source=0)
"""


async def test_a_choice_that_is_not_recorded_is_named(temporary: Path, tmp_path: Path) -> None:
    """A rank that is lost after calls from several threads fails the job: no guess is made."""
    place = tmp_path / "threads.py"
    place.write_text(HEAD + THREADED)
    with trio.fail_after(600), leaves_nothing(temporary):
        async with open_local_pool(peers=2) as pool:
            job = await pool.start_script(place, 2)
            await line(job, "chosen")
            await pool.kill_process(0)
            result = await job.wait()
            assert not result.ok
            assert result.reason.startswith("NotReplayable: calls from several threads: rank 0 was lost")


async def test_a_published_program_has_nothing_of_its_peers(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A clean environment and a private copy, in which its own modules are found; no standard input."""
    monkeypatch.setenv("SECRET", "x")
    program = (
        "import part\n"
        "print(part.NAME, 'SECRET' in os.environ, sys.argv, sys.stdin.read(), sep='|')\n"
        "open('made', 'x').close()\n"
        "print(sorted(os.listdir('.')))\n"
    )
    place = interpreter(tmp_path / "clean", program)
    (place / "part.py").write_text("NAME = 'part'\n")
    with trio.fail_after(600), leaves_nothing(temporary):
        async with open_local_pool(place, peers=1) as pool:
            result = await (await pool.start("clean", 1, "a")).wait()
            assert result.ok, result.reason
            assert result.output[0] == "part|False|['run.py', 'a']|"
            assert "made" in result.output[1]
    assert not (place / "made").exists()


async def test_a_pool_offers_what_it_was_opened_with(temporary: Path, tmp_path: Path) -> None:
    """Scripts can be given beforehand, and started by their names."""
    place = tmp_path / "one.py"
    place.write_text(HEAD + "print(comm.allreduce(1))\n")
    with trio.fail_after(600), leaves_nothing(temporary):
        async with mpi_actors.open_pool(peers=1, scripts=[place, place]) as pool:
            for name, size in (("one.py", 1), ("one.py#2", 2)):
                result = (await (await pool.start(name, size)).wait()).check()
                assert result.output[0] == str(size)
