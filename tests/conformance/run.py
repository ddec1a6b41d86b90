"""mpi4py's own test suite, its futures suite and its demos, on our library.

    python tests/conformance/run.py                       everything, over real daemons
    python tests/conformance/run.py --quick               what CI runs
    python tests/conformance/run.py --suite core -n 4 --file test_p2p_buf
    python tests/conformance/run.py --world harness       without daemons, faster
    python tests/conformance/run.py --world open-mpi      the yardstick itself

It counts what Open MPI passes (the *.ids files) and passes here too, on every rank. The exit code is 0 if
nothing fell below floor.json.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import conformance_ids
import conformance_programs
import conformance_report
import conformance_source
import conformance_suite
import conformance_worlds
from conformance_progress import Progress
from conformance_report import Part
from conformance_worlds import World

_RANK = Path(__file__).with_name("conformance_rank.py")
_WHOLE_SIZE = 2
"""Ranks of the one run of `--quick` that has all of CORE: the fewest that send messages to one another."""
_PART = (
    "test_cco_obj",
    "test_comm",
    "test_comm_topo",
    "test_p2p_buf",
    "test_p2p_obj",
    "test_request",
    "test_threads",
)
"""Files of CORE that `--quick` runs with other numbers of ranks: every kind of message, within a minute."""
_SIZES = (1, 2, 4)
SUITES = ("core", "futures", "demos")
QUICK_SUITES = SUITES[:2]
"""Without the demos: each starts a pool of its own, two minutes in all."""


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--suite", action="append", choices=SUITES, help="default: all")
    parser.add_argument("-n", type=int, action="append", choices=_SIZES, help="ranks for core (1, 2, 4)")
    parser.add_argument("--file", action="append", metavar="test_X", help="only these files of core")
    parser.add_argument("--world", choices=("daemons", "harness", "open-mpi"), default="daemons")
    parser.add_argument(
        "--peers", type=int, action="append", choices=(1, 2),
        help="daemons: 1 for one, 2 for two with four ranks (default: both)",
    )  # fmt: skip
    parser.add_argument("--patience", type=float, default=600, help="seconds of silence that are a hang")
    parser.add_argument(
        "--quick",
        action="store_true",
        help=f"all of core with {_WHOLE_SIZE} ranks, a part with other numbers; no demos",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object instead of text")
    parser.add_argument("--traces", type=Path, help="a file for the whole text of everything that failed")
    parser.add_argument("--slowest", type=int, default=0, metavar="K", help="tell which K took the longest")
    parser.add_argument("--raise-floor", action="store_true", help="write the numbers to floor.json")
    parser.add_argument("--ids", type=Path, help="write what passed to this list (with one part only)")
    return parser.parse_args()


def worlds(options: argparse.Namespace) -> Iterator[tuple[World, int]]:
    """Where CORE is run, with how many ranks."""
    sizes = options.n or _SIZES
    if options.world == "harness":
        yield from ((conformance_worlds.harness(), size) for size in sizes)
    elif options.world == "open-mpi":
        yield from ((conformance_worlds.open_mpi(), size) for size in sizes)
    else:
        peers = options.peers or (1, 2)
        if 1 in peers:
            yield from ((conformance_worlds.daemons(), size) for size in sizes)
        if 2 in peers and 4 in sizes:
            yield conformance_worlds.daemons(2), 4


def core(options: argparse.Namespace, distribution: Path) -> Iterator[Part]:
    """Run CORE everywhere."""
    files = conformance_source.core_files(distribution)
    if options.file:
        unknown = set(options.file) - set(files)
        if unknown:
            sys.exit(f"not a file of CORE: {', '.join(sorted(unknown))}")
        files = sorted(set(options.file))
    everything = files
    for world, size in worlds(options):
        name = f"core n={size}, {world.name}"
        files = everything
        if options.quick and size != _WHOLE_SIZE and not options.file:
            name += ", part"
            files = [file for file in everything if file in _PART]
        wanted = conformance_ids.core(size)
        expected = frozenset(id for id in wanted if conformance_ids.file_of(id) in files)
        progress = Progress(name, len(expected))
        command = partial(_command, world, size, distribution / "test")
        trial = conformance_suite.run(
            command, size, files, patience=options.patience, progress=progress, MPI4PY_TEST_SPAWN="0"
        )
        progress.close()
        yield Part(name, expected, trial)


def _command(world: World, size: int, tests: Path, records: Path, skip: Path, files: list[str]) -> list[str]:
    return world.command(size, _RANK, tests, records, skip, *files)


def parts_of(suite: str, options: argparse.Namespace, distribution: Path) -> Iterator[Part]:
    """A suite on each world that it is run on."""
    if suite == "core":
        yield from core(options, distribution)
    else:
        run = getattr(conformance_programs, suite)
        yield run(next(worlds(options))[0], distribution, options.patience)


def _ended(part: Part, options: argparse.Namespace) -> None:
    """Keep what is known of a part: what comes after it may be interrupted."""
    if not options.json:
        lines = conformance_report.complaints(part)
        lines += conformance_report.slowest(part, options.slowest)
        summary = f"{part.name}: {part.reached} of {len(part.expected)} in {part.trial.seconds:.0f} s"
        print("\n".join([*lines, summary]), flush=True)
    if options.traces:
        with options.traces.open("a") as file:
            file.writelines(f"{text}\n" for text in conformance_report.traces([part]))
    if options.raise_floor and not options.file:
        conformance_report.raise_floor([part])


def main() -> int:
    """Run what is asked for, and report."""
    options = parse()
    # so that jobs are taken down on the way out
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    distribution = conformance_source.fetch(conformance_source.cache())
    parts: list[Part] = []
    figures: dict[str, object] = {}
    if options.traces:
        options.traces.write_text("")
    for suite in options.suite or (QUICK_SUITES if options.quick else SUITES):
        found: list[Part] = []
        try:
            for part in parts_of(suite, options, distribution):
                found.append(part)
                _ended(part, options)
        finally:
            # of a run that is interrupted, too
            parts += found
            figures[suite] = {part.name: conformance_report.figures(part) for part in found}
            if found and not options.json:
                print("\n".join(["", *conformance_report.table(found)]), flush=True)
    if options.json:
        print(json.dumps(figures))
    if options.ids:
        conformance_ids.write(options.ids, parts[0].trial.passed)
    if options.file:
        return int(any(part.missing for part in parts))
    low = conformance_report.below(parts)
    for text in low:
        print(text, file=sys.stderr)
    return int(bool(low))


if __name__ == "__main__":
    sys.exit(main())
