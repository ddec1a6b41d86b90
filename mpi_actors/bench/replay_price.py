"""What replay costs: the same program with and without `--no-replay`, in turns, and ratios of the two.

Each round starts each of them once, in a job of its own. The result is the median of the rounds.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import attrs

from ..errors import MpiActorsError

_PROGRAM = Path(__file__).with_name("price_program.py")
_PATIENCE = 300.0
"""Seconds that a job may take: a hundred times what it usually does."""
_JOBS = {"pair": (2, 1), "any": (3, 1), "work": (3, 2)}
"""Ranks and daemons of each program."""


@attrs.frozen
class PriceResult:
    """Medians, in microseconds, with replay and without it."""

    rounds: int
    with_replay: dict[str, float]
    without: dict[str, float]

    @property
    def ratios(self) -> dict[str, float]:
        """How many times as long it takes with replay."""
        return {name: self.with_replay[name] / self.without[name] for name in self.with_replay}

    @property
    def any_source_us(self) -> float:
        """Microseconds by which replay makes a receive from ANY_SOURCE dearer, beyond a named one."""
        # each figure is half of a round trip, in which one of two receives is from ANY_SOURCE
        dearer = [2 * (each["any"] - each["named"]) for each in (self.with_replay, self.without)]
        return dearer[0] - dearer[1]


def measure(rounds: int = 5, scale: float = 1.0) -> PriceResult:
    """Run each program `rounds` times with replay and without, in turns.

    Args:
        rounds: the number of rounds.
        scale: repetitions within a run, as a part of the full number.

    Raises:
        MpiActorsError: a job failed.
    """
    found: dict[bool, list[dict[str, float]]] = {True: [], False: []}
    for number in range(rounds):
        for replay in (True, False) if number % 2 else (False, True):
            found[replay].append({k: v for what in _JOBS for k, v in _run(what, replay, scale).items()})
    medians = {
        replay: {name: statistics.median(run[name] for run in runs) for name in runs[0]}
        for replay, runs in found.items()
    }
    return PriceResult(rounds, medians[True], medians[False])


def _run(what: str, replay: bool, scale: float) -> dict[str, float]:
    flags: Sequence[str] = () if replay else ("--no-replay",)
    size, peers = _JOBS[what]
    command = [sys.executable, "-m", "mpi_actors", "run", "-n", str(size), "--peers", str(peers), *flags]
    try:
        done = subprocess.run(
            [*command, str(_PROGRAM), what, str(scale)],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=_PATIENCE, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired as error:
        raise MpiActorsError(f"{what} did not end within {_PATIENCE:g} s") from error
    if done.returncode:
        raise MpiActorsError(f"{what} ended with code {done.returncode}: {done.stderr[-2000:]}")
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


_NAMES = {
    "1": "one way, 1 B, one host",
    str(1 << 20): "one way, 1 MiB, one host",
    str(1 << 24): "one way, 16 MiB, one host",
    "named": "the same with a third rank, which waits",
    "any": "the same, every other receive from ANY_SOURCE",
    "task": "master and workers over two daemons, per task",
}


def report(result: PriceResult) -> list[str]:
    """Return lines for people."""
    lines = [f"medians of {result.rounds} rounds, with replay next to --no-replay"]
    for name, ratio in result.ratios.items():
        with_replay, without = result.with_replay[name], result.without[name]
        lines.append(f"{_NAMES[name]}: {with_replay:.1f} µs, {without:.1f} µs; ratio {ratio:.2f}")
    lines.append(
        f"a receive from ANY_SOURCE takes {result.any_source_us:+.2f} µs with replay, beyond a named one"
    )
    return lines
