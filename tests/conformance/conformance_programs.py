"""The futures suite and the demos of the distribution: what each needs, and how we see that it worked."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from math import pi
from pathlib import Path
from typing import NamedTuple

import conformance_ids
import conformance_osu
import conformance_records
import conformance_suite
from conformance_progress import Progress
from conformance_records import Ended
from conformance_report import Part
from conformance_suite import Trial
from conformance_worlds import World

_HERE = Path(__file__).parent
_SCRIPT = _HERE / "conformance_script.py"
_OSU_PAIRS = ("bibw", "bw", "latency")
_OSU_GROUPS = ("allgather", "alltoall", "alltoallv", "barrier", "bcast", "gather", "multi_lat", "scatter")


def futures(world: World, distribution: Path, patience: float) -> Part:
    """The suite of `mpi4py.futures`, on rank 0, with a shared pool of one more rank."""
    expected = conformance_ids.futures()
    progress = Progress("futures", len(expected))
    script = distribution / "demo" / "futures" / "test_futures.py"

    def command(folder: Path, skip: Path, _: list[str]) -> list[str]:
        return world.command(2, "-m", "mpi4py.futures", _SCRIPT, folder, skip, script)

    trial = conformance_suite.run(
        command, 1, ["test_futures"], patience=patience, progress=progress, MPI4PY_TEST_SPAWN="0"
    )
    progress.close()
    return Part(f"futures n=2, {world.name}", expected, trial)


class Demo(NamedTuple):
    """A program of the distribution."""

    name: str
    """Its folder and file below `demo`, as an id."""
    size: int
    program: tuple[str | Path, ...]
    works: Callable[[str], bool]
    """Whether that is what it prints when all is well."""
    input: str = ""


def demo_programs(distribution: Path) -> Iterator[Demo]:
    """Those that stand for themselves."""
    place = distribution / "demo"
    for name, size in [*((name, 2) for name in _OSU_PAIRS), *((name, 4) for name in _OSU_GROUPS)]:
        program = (_HERE / "conformance_osu.py", place, f"osu_{name}")
        yield Demo(f"osu.osu_{name}", size, program, _osu_table(name))
    yield Demo("compute-pi.cpi-cco", 4, (place / "compute-pi" / "cpi-cco.py",), _pi_is_near, "100\n0\n")
    yield Demo("mandelbrot.mandelbrot", 4, (place / "mandelbrot" / "mandelbrot.py",), _has_times(4))
    yield Demo("sequential.test_seq", 5, (place / "sequential" / "test_seq.py",), _in_order(5))
    yield Demo("threads.sendrecv", 1, (place / "threads" / "sendrecv.py",), _silent)
    yield Demo("nxtval.nxtval-threads", 5, (place / "nxtval" / "nxtval-threads.py",), _silent)


def demos(world: World, distribution: Path, patience: float) -> Part:
    """All demos: the programs, and those that are themselves tests."""
    programs = list(demo_programs(distribution))
    expected = {demo.name for demo in programs} | conformance_ids.demos()
    progress = Progress("demos", len(expected))
    begun = time.monotonic()
    outcomes: dict[str, Ended] = {}
    accidents: list[str] = []
    for demo in programs:
        progress(len(outcomes), demo.name)
        outcomes[demo.name] = _run_demo(world, demo, patience)
    for trial in (_reductions(world, distribution, patience), _test_run(world, distribution, patience)):
        accidents += trial.accidents
        outcomes |= conformance_records.merged(trial.ranks)
    progress.close()
    trial = Trial([outcomes], accidents, time.monotonic() - begun)
    return Part(f"demos, {world.name}", frozenset(expected), trial)


def _run_demo(world: World, demo: Demo, patience: float) -> Ended:
    command = world.command(demo.size, *demo.program)
    try:
        done = subprocess.run(
            command,
            input=demo.input, capture_output=True, text=True, check=False, timeout=patience,
            env={**os.environ, "MPLBACKEND": "Agg", "PYTHONDONTWRITEBYTECODE": "1"},
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Ended("hung", f"no end within {patience:g} s")
    if done.returncode:
        return Ended("failed", f"code {done.returncode}\n{done.stderr}")
    if not demo.works(done.stdout):
        return Ended("failed", f"it printed something else:\n{done.stdout}{done.stderr}")
    return Ended("passed", "")


def _reductions(world: World, distribution: Path, patience: float) -> Trial:
    script = distribution / "demo" / "reductions" / "test_reductions.py"

    def command(folder: Path, skip: Path, _: list[str]) -> list[str]:
        return world.command(5, _SCRIPT, folder, skip, script)

    return conformance_suite.run(command, 5, ["test_reductions"], patience=patience, progress=lambda *_: None)


def _test_run(world: World, distribution: Path, patience: float) -> Trial:
    """The tests of `-m mpi4py.run`: they start jobs by themselves."""
    script = distribution / "demo" / "test-run" / "test_run.py"

    def command(folder: Path, skip: Path, _: list[str]) -> list[str]:
        return [world.python, str(_SCRIPT), str(folder), str(skip), str(script)]

    return conformance_suite.run(
        command, 1, ["test_run"], patience=patience, progress=lambda *_: None, MPIEXEC=world.mpiexec
    )


# --- what the programs print --------------------------------------------------------------------------------


def _silent(output: str) -> bool:
    """These only check themselves."""
    return not output


def _osu_table(name: str) -> Callable[[str], bool]:
    """A positive figure for each size of message; a barrier has none."""
    sizes = {1 << power for power in range(conformance_osu.LARGEST.bit_length())}

    def works(output: str) -> bool:
        rows = [line.split() for line in output.splitlines() if line.strip() and not line.startswith("#")]
        if name == "barrier":
            return len(rows) == 1 and float(rows[0][-1]) > 0
        return {int(row[0]) for row in rows} - {0} == sizes and all(float(row[1]) >= 0 for row in rows)

    return works


def _pi_is_near(output: str) -> bool:
    found = re.search(r"pi is approximately ([0-9.]+)", output)
    return found is not None and abs(float(found[1]) - pi) < 1e-4


def _has_times(tasks: int) -> Callable[[str], bool]:
    return lambda output: len(re.findall(r"wall clock time: .* seconds \(task \d\)", output)) == tasks


def _in_order(size: int) -> Callable[[str], bool]:
    def works(output: str) -> bool:
        found = re.findall(r"I am process (\d+) of (\d+) on", output)
        return found == [(str(rank), str(size)) for rank in range(size)]

    return works
