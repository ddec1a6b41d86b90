"""Counts next to Open MPI's, what is missing and why, and the floor below which the numbers must not fall."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import conformance_ids
import conformance_records
from conformance_suite import Trial

FLOOR = Path(__file__).with_name("floor.json")


class Part(NamedTuple):
    """A suite on one world with one number of ranks."""

    name: str
    """What the floor's file calls it, `core n=4 over 2 daemons`."""
    expected: frozenset[str]
    """What Open MPI passes, of the files that were run."""
    trial: Trial

    @property
    def reached(self) -> int:
        """How many of these passed on every rank."""
        return len(self.expected & self.trial.passed)

    @property
    def missing(self) -> list[str]:
        """Those that did not."""
        return sorted(self.expected - self.trial.passed)


def table(parts: list[Part]) -> list[str]:
    """Passed of expected, a line for each file and one for all."""
    files = sorted({conformance_ids.file_of(id) for part in parts for id in part.expected})
    width = max(map(len, files), default=0)
    heads = [part.name.partition(" ")[2] for part in parts]
    widths = [max(len(head), 11) for head in heads]
    columns = []
    for part in parts:
        expected = Counter(map(conformance_ids.file_of, part.expected))
        passed = Counter(map(conformance_ids.file_of, part.expected & part.trial.passed))
        columns.append((passed, expected))

    def row(name: str, cells: list[str]) -> str:
        padded = (cell.rjust(size) for cell, size in zip(cells, widths, strict=True))
        return "  ".join([name.ljust(width), *padded])

    def cell(passed: int, expected: int) -> str:
        return f"{passed} of {expected}" + (" !" if passed < expected else "  ")

    lines = [row("", heads)]
    for file in files:
        cells = [cell(passed[file], expected[file]) for passed, expected in columns]
        lines.append(row(file, cells))
    lines.append(row("all", [cell(part.reached, len(part.expected)) for part in parts]))
    lines.append(row("seconds", [f"{part.trial.seconds:.0f}  " for part in parts]))
    return lines


def complaints(part: Part) -> list[str]:
    """What hung or crashed, and what is missing, each with its reason."""
    lines = [f"{part.name}: {accident}" for accident in part.trial.accidents]
    alike: dict[tuple[str, str], list[str]] = {}
    for id in part.missing:
        group, _, name = id.rpartition(".")
        alike.setdefault((group, conformance_records.reason(id, part.trial.ranks)), []).append(name)
    sizes = Counter(id.rpartition(".")[0] for id in part.expected)
    for (group, reason), names in alike.items():
        listed = f"(all {len(names)})" if len(names) == sizes[group] > 1 else " ".join(names)
        lines.append(f"{part.name}: missing {group} {listed}: {reason}")
    return lines


def traces(parts: list[Part]) -> Iterator[str]:
    """The whole text of every test that is missing, on each rank where it did not pass."""
    for part in parts:
        for id in part.missing:
            for rank, outcomes in enumerate(part.trial.ranks):
                if id in outcomes and outcomes[id].what != "passed":
                    yield f"=== {part.name}: {id}: rank {rank}: {outcomes[id].what}\n{outcomes[id].text}"


def slowest(part: Part, count: int) -> Iterator[str]:
    """What took the most processor time on rank 0, by file and by test."""
    tests = {id: ended.cpu for id, ended in part.trial.ranks[0].items()}
    files: dict[str, float] = {}
    for id, cpu in tests.items():
        files[conformance_ids.file_of(id)] = files.get(conformance_ids.file_of(id), 0.0) + cpu
    for times in (files, tests):
        for name in sorted(times, key=times.__getitem__, reverse=True)[:count]:
            yield f"{part.name}: {times[name]:8.2f} s of processor time: {name}"


def figures(part: Part) -> dict[str, Any]:
    """The same for machines."""
    ranks = part.trial.ranks
    return {
        "passed": part.reached,
        "expected": len(part.expected),
        "passed besides": len(part.trial.passed - part.expected),
        "missing": {id: conformance_records.reason(id, ranks) for id in part.missing},
        "accidents": part.trial.accidents,
        "seconds": round(part.trial.seconds, 1),
    }


def below(parts: list[Part]) -> list[str]:
    """Which parts reach less than the floor."""
    floor = json.loads(FLOOR.read_text())
    return [
        f"{part.name}: {part.reached} passed, but {floor[part.name]} did before"
        for part in parts
        if part.reached < floor.get(part.name, 0)
    ]


def raise_floor(parts: list[Part]) -> None:
    """Write down what has been reached."""
    floor = json.loads(FLOOR.read_text()) if FLOOR.exists() else {}
    floor.update({part.name: part.reached for part in parts})
    FLOOR.write_text(json.dumps(dict(sorted(floor.items())), indent=2) + "\n")
