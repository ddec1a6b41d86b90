"""Whether what a run wrote is right: equal to undisturbed runs, and consistent in itself.

A line `saw KEY VALUE` says what some rank knows of a value that is drawn at random. Whoever prints a key
prints the same value. A last line `wrote N lines` says how many of them the rank has printed in the life that
ends: a rank that nobody had heard of before its loss may print less in its next life, and then says so.
"""

from __future__ import annotations

import re

from mpi_actors.cli.chaos.transcript import Expectation, Place, Transcript, compared
from mpi_actors.cli.chaos.verdict import RunVerdict, judge
from mpi_actors.coordination.result import JobResult

_SAW = re.compile(r"saw (\S+) (.*)")
_WROTE = re.compile(r"wrote (\d+) lines")

FAILED_ITSELF = "by itself"
"""The name of the error when the program itself has failed, in plain view."""


def contradictions(found: Transcript) -> list[str]:
    """Return where two lines say different things of the same key, or a rank counts its lines wrongly."""
    first: dict[str, tuple[Place, str]] = {}
    said = []
    for place in sorted(compared(found)):
        for line in found.of(place):
            if (count := _WROTE.fullmatch(line)) is not None and int(count[1]) != len(found.of(place)) - 1:
                said.append(f"rank {place[0]} has {len(found.of(place)) - 1} lines and says: {line}")
            if (match := _SAW.fullmatch(line)) is None:
                continue
            key, value = match.groups()
            before, known = first.setdefault(key, (place, value))
            if known != value:
                said.append(
                    f"{key} is {known[:60]} for rank {before[0]}, and {value[:60]} for rank {place[0]}"
                )
    return said


def keys(found: Transcript) -> dict[Place, list[str]]:
    """Return the keys that each rank has printed, in order; they are the same in each run."""
    return {
        place: [match[1] for line in found.of(place) if (match := _SAW.fullmatch(line))]
        for place in compared(found)
    }


def verdict_on(
    result: JobResult, found: Transcript, undisturbed: list[Transcript], *, equal: bool
) -> tuple[RunVerdict, str, list[str]]:
    """Return the verdict, the name of the error if there is one, and what is wrong.

    Args:
        result: how the run ended.
        found: what it wrote.
        undisturbed: what runs without losses wrote.
        equal: whether the lines have to be those of these runs, as far as they agree; otherwise only their
            number, and the keys in them.
    """
    verdict, name, details = judge(result, found, Expectation(tuple(undisturbed)), 0)
    if verdict is RunVerdict.FAILED:
        return verdict, name, [result.reason.partition("\n")[0]]
    if not result.ok and result.exit_code:
        return RunVerdict.FAILED, FAILED_ITSELF, [result.reason.partition("\n")[0]]
    counts = [line for place in compared(found) for line in found.of(place) if _WROTE.fullmatch(line)]
    said = (details if equal and not counts else []) + contradictions(found)
    if not counts and keys(found) != keys(undisturbed[0]):
        said.append("other keys than in an undisturbed run")
    if not equal and not counts:
        before = {place: len(undisturbed[0].of(place)) for place in compared(undisturbed[0])}
        after = {place: len(found.of(place)) for place in compared(found)}
        said += [
            f"rank {place[0]} wrote {after.get(place, 0)} lines, and undisturbed {count}"
            for place, count in before.items()
            if after.get(place, 0) != count
        ]
    return (RunVerdict.WRONG if said else RunVerdict.RIGHT), "", said
