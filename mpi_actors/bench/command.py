"""The command `bench`: measurements by name, in text or in JSON."""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
import trio

from ..errors import UsageError

_EXAMPLES = """\
examples:
  mpi-actors bench
      run all benchmarks; this takes some minutes
  mpi-actors bench relay
      measure messages between two daemons, next to a bare libp2p stream
  mpi-actors bench fetch
      fetch a file from a peer, next to py-libp2p's own bitswap client
  mpi-actors bench recovery --runs 20
      kill -9 a daemon 20 times, and measure when its ranks run again
  mpi-actors bench mpi
      run mpi4py programs, next to Open MPI, a pipe and a socket
  mpi-actors bench mpi-faults
      kill -9 ranks and daemons of mpi4py programs, 20 times each
  mpi-actors bench replay
      run mpi4py programs with and without replay, in turns
  mpi-actors bench --json >figures.json
      write all figures to a file
"""

Figures = dict[str, Any]
"""The figures of one benchmark, for `--json`."""
Tell = Callable[..., None]
"""Takes lines for people as soon as they are known."""


def bench(argv: Sequence[str]) -> int:
    """Run the benchmarks that the command line names; return the exit code.

    Raises:
        UsageError: the store lacks the interpreters that the benchmarks run.
    """
    parser = argparse.ArgumentParser(
        prog="mpi-actors bench",
        description="Measure speeds and costs on this machine. Trust the ratios more than the figures.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "what", nargs="*", metavar="WHAT", help=f"a benchmark: {', '.join(_ALL)} (default: all)"
    )
    parser.add_argument("--runs", type=int, help="the number of runs of each benchmark (default: its own)")
    parser.add_argument(
        "--store",
        type=Path,
        default=Path("example"),
        help="the directory of the example interpreters (default: example)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of text")
    options = parser.parse_args(argv)
    unknown = [what for what in options.what if what not in _ALL]
    if unknown:
        parser.error(f"no benchmark is named {unknown[0]!r}; there are {', '.join(_ALL)}")
    if options.runs is not None and options.runs < 1:
        parser.error("--runs must be at least 1")
    if not (options.store / "echo" / "run.py").is_file():
        raise UsageError(
            f"{options.store} has no interpreter echo: name the directory of the examples with --store"
        )
    figures = {}
    for what in options.what or _ALL:
        if not options.json:
            print(what, flush=True)
        figures[what] = _ALL[what](options.store, options.runs, _ignore if options.json else _show)
    if options.json:
        print(json.dumps(figures))
    return 0


def _show(*lines: str) -> None:
    for line in lines:
        print(f"  {line}".rstrip(), flush=True)


def _ignore(*_: str) -> None:
    pass


def _relay(_: Path, runs: int | None, tell: Tell) -> Figures:
    from . import bare_stream, relay

    bare = trio.run(bare_stream.measure, 40, runs or 5)
    ours = trio.run(relay.measure, bare_stream.MESSAGE, 40, runs or 5)
    ratio = ours.mb_per_s / bare.mb_per_s
    tell(
        f"messages of 1 MiB, rank to rank: {ours.mb_per_s:.0f} MB/s",
        f"a bare libp2p stream, same settings: {bare.mb_per_s:.0f} MB/s; ratio {ratio:.2f}",
        f"1 byte there and back: {ours.round_trip_us:.0f} µs",
    )
    return {"bare": attrs.asdict(bare), "relay": attrs.asdict(ours), "ratio": ratio}


def _fetch(_: Path, runs: int | None, tell: Tell) -> Figures:
    from . import fetch

    figures = {}
    for mib, usual in ((32, 3), (256, 1)):
        result = trio.run(fetch.measure, mib, runs or usual)
        figures[str(mib)] = {**attrs.asdict(result), "ratio": result.ratio}
        sides = {"ours, from disk to disk": result.ours, "libp2p.bitswap, in memory": result.stock}
        for name, side in sides.items():
            tell(
                f"{mib} MiB, {name}: {side.mb_per_s:.0f} MB/s; at most {side.fetcher_mb:.0f} MB more memory "
                f"to fetch, {side.server_mb:.0f} MB to serve"
            )
        tell(f"{mib} MiB: ratio {result.ratio:.1f}")
    return figures


def _recovery(store: Path, runs: int | None, tell: Tell) -> Figures:
    from . import recovery

    losses: dict[recovery.Loss, tuple[str, int]] = {
        "kill": ("daemon, kill -9", 20),
        "freeze": ("daemon, SIGSTOP", 5),
        "process": ("rank process, kill -9", 5),
    }
    figures: Figures = {}
    for loss, (name, usual) in losses.items():
        result = trio.run(recovery.measure, store, runs or usual, loss)
        figures[loss] = attrs.asdict(result)
        tell(
            f"{name}: {result.right} of {result.runs} answers right; replaced after "
            f"{result.median_s * 1000:.0f} ms (median), {result.worst_s * 1000:.0f} ms (worst)"
        )
    return figures


def _soak(store: Path, runs: int | None, tell: Tell) -> Figures:
    from . import soak

    result = trio.run(soak.measure, store, runs or 200)
    tell(f"{result.jobs} jobs of echo on two daemons, {result.median_s * 1000:.0f} ms each (median)")
    for number, (before, after) in enumerate(zip(result.before, result.after, strict=True)):
        tell(
            f"daemon {number}: {before.rss_mb:.1f} -> {after.rss_mb:.1f} MB, "
            f"{before.descriptors} -> {after.descriptors} descriptors, {before.tasks} -> {after.tasks} tasks"
        )
    return attrs.asdict(result)


def _idle(store: Path, runs: int | None, tell: Tell) -> Figures:
    from . import idle

    result = trio.run(idle.measure, store, float(runs or 10))
    tell(f"start to prompt {result.start_s:.2f} s, {result.rss_mb:.0f} MB, {result.cpu_percent:.2f} % CPU")
    return attrs.asdict(result)


def _mpi(_: Path, runs: int | None, tell: Tell) -> Figures:
    from . import mpi_speed

    result = mpi_speed.measure(runs or 3)
    tell(*mpi_speed.report(result))
    return attrs.asdict(result)


def _mpi_faults(store: Path, runs: int | None, tell: Tell) -> Figures:
    from . import mpi_faults

    seed = random.randrange(1000)
    kinds: tuple[mpi_faults.Loss, ...] = ("process", "daemon")
    results = []
    for program in mpi_faults.PROGRAMS:
        for loss in kinds:
            results.append(trio.run(mpi_faults.measure, store, program, runs or 20, loss, seed))
            tell(*mpi_faults.report(results[-1]))
    return {"runs": [attrs.asdict(result) for result in results]}


def _replay(_: Path, runs: int | None, tell: Tell) -> Figures:
    from . import replay_price

    result = replay_price.measure(runs or 5)
    tell(*replay_price.report(result))
    return {**attrs.asdict(result), "ratios": result.ratios, "any_source_us": result.any_source_us}


_ALL: dict[str, Callable[[Path, int | None, Tell], Figures]] = {
    "idle": _idle,
    "relay": _relay,
    "fetch": _fetch,
    "recovery": _recovery,
    "soak": _soak,
    "mpi": _mpi,
    "mpi-faults": _mpi_faults,
    "replay": _replay,
}
