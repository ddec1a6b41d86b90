"""One mpi4py program on ours and on Open MPI, next to plain pipes and sockets: how long does each take?

Each round starts each contestant once, in a process or job of its own. The result is the median of the
rounds' medians; ratios say more than figures.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from ..errors import MpiActorsError
from . import mpi_peer

LOCAL = "ours, one host"
RELAY = "ours, two hosts (relay)"
SHARED = "Open MPI, shared memory"
TCP = "Open MPI, TCP"
"""The contestants that use MPI, by their names in tables."""

_PROGRAM = Path(__file__).with_name("mpi_program.py")
_YARDSTICKS = {
    "multiprocessing.Pipe": "pipe",
    "socket pair, spinning": "spinning",
    "socket pair, sleeping": "sleeping",
}
_RATIOS = ((LOCAL, SHARED), (LOCAL, "multiprocessing.Pipe"), (LOCAL, "socket pair, spinning"), (RELAY, TCP))
_PATIENCE = 300.0
"""Seconds that a contestant may take in one round: ten times what the slowest takes."""

Figures = dict[str, dict[str, dict[int, float]]]
"""Microseconds by contestant, call and size in bytes."""


@attrs.frozen
class SpeedResult:
    """The figures of all contestants."""

    rounds: int
    pair: Figures
    """One way between two ranks: `Send/Recv` of buffers, `send/recv` of a pickled dict with an array."""
    group: Figures
    """Four ranks: from the call until the last rank has left it."""
    absent: str
    """Why Open MPI is not among the contestants; "" if it is."""
    peer: str
    """The name and version of Open MPI; "" if it is absent."""


def measure(rounds: int = 3, scale: float = 1.0, *, open_mpi: bool = True) -> SpeedResult:
    """Measure all contestants `rounds` times, in turns.

    Args:
        rounds: the number of rounds.
        scale: repetitions within a round, as a part of the full number.
        open_mpi: whether Open MPI takes part, if it can be installed.

    Raises:
        MpiActorsError: a contestant failed.
    """
    absent, peer = "", ""
    pairs = {LOCAL: _ours(2, 1, "pair", scale), RELAY: _ours(2, 2, "pair", scale)}
    groups = {LOCAL: _ours(4, 1, "group", scale), RELAY: _ours(4, 2, "group", scale)}
    try:
        if not open_mpi:
            raise mpi_peer.Unavailable("not asked for")
        other = mpi_peer.open_mpi()
    except mpi_peer.Unavailable as error:
        absent = str(error)
    else:
        peer = other.version
        for name, flags in ((SHARED, ()), (TCP, ("--mca", "btl", "tcp,self"))):
            pairs[name] = _theirs(other, flags, 2, "pair", scale)
            groups[name] = _theirs(other, flags, 4, "group", scale)
    for name, word in _YARDSTICKS.items():
        pairs[name] = [sys.executable, "-m", "mpi_actors.bench.mpi_yardsticks", word, str(scale)]
    return SpeedResult(rounds, _in_turns(pairs, rounds), _in_turns(groups, rounds), absent, peer)


def _ours(size: int, peers: int, what: str, scale: float) -> list[str]:
    launcher = [sys.executable, "-m", "mpi_actors", "run", "-n", str(size), "--peers", str(peers)]
    return [*launcher, str(_PROGRAM), what, str(scale)]


def _theirs(peer: mpi_peer.OpenMpi, flags: Sequence[str], size: int, what: str, scale: float) -> list[str]:
    return [*peer.launcher, *flags, "-n", str(size), str(peer.python), str(_PROGRAM), what, str(scale)]


def _in_turns(commands: Mapping[str, Sequence[str]], rounds: int) -> Figures:
    found: dict[str, list[dict[str, dict[int, float]]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            found[name].append(_run(name, command))
    return {
        name: {
            call: {size: statistics.median(run[call][size] for run in runs) for size in runs[0][call]}
            for call in runs[0]
        }
        for name, runs in found.items()
    }


def _run(name: str, command: Sequence[str]) -> dict[str, dict[int, float]]:
    with tempfile.TemporaryFile("w+") as errors:
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True,
                timeout=_PATIENCE, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise MpiActorsError(f"{name} did not end within {_PATIENCE:g} s") from error
        if done.returncode:
            errors.seek(0)
            raise MpiActorsError(f"{name} ended with code {done.returncode}: {errors.read()[-2000:]}")
    figures = json.loads(done.stdout)
    return {call: {int(size): value for size, value in row.items()} for call, row in figures.items()}


# --- for people ---------------------------------------------------------------------------------------------


def report(result: SpeedResult) -> list[str]:
    """Return tables for people: figures in microseconds, then ratios."""
    peer = result.peer or f"Open MPI is absent: {result.absent}"
    lines = [f"medians of {result.rounds} rounds, in µs; {peer}"]
    lines += _table("one way, Send/Recv of buffers", result.pair, "Send/Recv")
    lines += _table("one way, send/recv of a pickled dict", result.pair, "send/recv")
    for call in ("Barrier", "Bcast", "Allreduce"):
        lines += _table(f"4 ranks, {call}", result.group, call)
    return lines


def _table(title: str, figures: Figures, call: str) -> list[str]:
    rows = {name: calls[call] for name, calls in figures.items() if call in calls}
    sizes = list(next(iter(rows.values())))
    head = "".join(f"{_bytes(size):>11}" for size in sizes)
    lines = ["", f"{title:<42}{head}"]
    for name, row in rows.items():
        lines.append(f"  {name:<40}" + "".join(f"{row[size]:>11.1f}" for size in sizes))
    for one, other in _RATIOS:
        if one in rows and other in rows:
            ratios = "".join(f"{rows[one][size] / rows[other][size]:>10.2f}x" for size in sizes)
            lines.append(f"  {f'{one} / {other}':<40.40}" + ratios)
    return lines


def _bytes(size: int) -> str:
    if size < 1 << 10:
        return f"{size} B" if size else ""
    return f"{size >> 10} KiB" if size < 1 << 20 else f"{size >> 20} MiB"
