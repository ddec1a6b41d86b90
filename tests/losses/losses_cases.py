"""What is run, and with which losses."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import attrs

from mpi_actors.faults import After, DropLane, Fault, FaultPlan, FreezePeer, KillPeer, KillProcess

PROGRAMS = Path(__file__).with_name("programs")
ROOT = Path(__file__).parents[2]
PEERS = 3
"""Daemons: one coordinates, one is lost, one is left."""


@attrs.frozen
class Program:
    """One program of a suite."""

    name: str
    path: Path
    size: int
    args: tuple[str, ...] = ()
    equal: bool = True
    """Whether it writes the same each time, but for some lines."""


@attrs.frozen
class Loss:
    """One run of a program, with what is lost when, as parts of the time that it takes undisturbed."""

    program: Program
    kind: str
    """A row's name for what is lost."""
    phase: str
    """`early`, `middle`, `late`, or `any`."""
    seed: int

    def plan(self, begins: float, ends: float) -> FaultPlan:
        """Return the faults, between two times in seconds since the start of the job."""
        rng = random.Random(f"{self.seed}/{self.program.name}/{self.kind}/{self.phase}")
        low, high = PHASES[self.phase]
        at = After(round(begins + (ends - begins) * rng.uniform(low, high), 3))
        return FaultPlan(tuple(_faults(self.kind, at, self.program.size, rng)), self.seed)


PHASES = {"early": (0.02, 0.3), "middle": (0.35, 0.6), "late": (0.7, 0.95), "any": (0.0, 1.0)}
"""When a loss comes, as a part of the time from the start of the last rank to the end."""
KINDS = ("kill process", "kill daemon", "freeze daemon", "two at once", "drop lane")
"""What is lost in the matrix."""
FROZEN = 4.0
"""Seconds for which a daemon is stopped: twice as long as it takes until others miss it."""


def _faults(kind: str, at: After, size: int, rng: random.Random) -> Iterator[Fault]:
    if kind == "kill process":
        yield KillProcess(rng.randrange(size), at)
    elif kind == "kill daemon":
        yield KillPeer(rng.randrange(1, PEERS), at)
    elif kind == "freeze daemon":
        yield FreezePeer(rng.randrange(1, PEERS), FROZEN, at)
    elif kind == "drop lane":
        one, other = rng.sample(range(size), 2)
        yield DropLane(one, other, at)
    else:
        yield KillProcess(rng.randrange(size), at)
        if rng.random() < 0.5:
            yield KillPeer(rng.randrange(1, PEERS), at)
        else:
            yield KillProcess(rng.randrange(size), at)


def ordinary() -> list[Program]:
    """Return the programs of the suite of programs that are not deterministic, or look so."""
    return [Program(path.stem, path, 3, equal=False) for path in sorted(PROGRAMS.glob("lost_*.py"))]


def matrix() -> list[Program]:
    """Return the programs of the matrix: what people run."""
    return [
        Program("master/worker", ROOT / "example" / "master_worker" / "run.py", 4, ("500", "1500")),
        Program("emcee", ROOT / "tests" / "e2e" / "mpi_emcee.py", 4),
        Program("mpi4py.futures", PROGRAMS / "matrix_futures.py", 4),
        Program("stencil", ROOT / "example" / "stencil" / "run.py", 4, ("64", "150")),
        Program("collectives", ROOT / "example" / "mpi_collectives" / "run.py", 4, ("1000", "60")),
        Program("Waitany pipeline", PROGRAMS / "matrix_waitany.py", 4),
        Program("Wtime reduced", PROGRAMS / "matrix_wtime.py", 4),
        Program("default_rng()", PROGRAMS / "matrix_rng.py", 4),
    ]


def losses_of_ordinary(programs: list[Program], moments: int, seed: int) -> Iterator[Loss]:
    """Yield each program with a killed process at some moments."""
    for program in programs:
        for number in range(moments):
            yield Loss(program, "kill process", "any", seed + number)


def losses_of_matrix(programs: list[Program], repeat: int, seed: int) -> Iterator[Loss]:
    """Yield each program with each kind of loss in each phase."""
    for program in programs:
        for kind in KINDS:
            for phase in ("early", "middle", "late"):
                for number in range(repeat):
                    yield Loss(program, kind, phase, seed + number)
