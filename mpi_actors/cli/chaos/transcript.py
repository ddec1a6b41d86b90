"""What a run wrote: lines by rank and stream; and how far two runs agree. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import attrs

from ...events import Log
from ...ids import Rank
from ..text.tables import one_line

Place = tuple[Rank, str]
"""A rank, and the stream of its lines: `log` for standard output, `stderr`."""

_SHOWN_LINES = 6
"""Differences that are shown of a run: the first ones say what happened."""
_SHOWN_WIDTH = 70
"""Characters of a line that are shown: two of them fit into two lines of a terminal."""


class Transcript:
    """The lines of one run. Their order within a rank's stream counts, that between ranks does not."""

    def __init__(self) -> None:
        self.lines: dict[Place, list[str]] = defaultdict(list)
        self._unended: set[Place] = set()

    def add(self, line: Log) -> bool:
        """Add a line, or a part of one, that was just shown; return whether a line begins with it."""
        place = (line.rank, line.stream)
        fresh = place not in self._unended
        if fresh:
            self.lines[place].append(line.text)
        else:
            self.lines[place][-1] += line.text
        if line.ended:
            self._unended.discard(place)
        else:
            self._unended.add(place)
        return fresh

    @property
    def count(self) -> int:
        """All lines."""
        return sum(map(len, self.lines.values()))

    def of(self, place: Place) -> Sequence[str]:
        """Return the lines of one rank's stream."""
        return self.lines.get(place, ())


@attrs.frozen
class Expectation:
    """What every run of a program has to write: what several undisturbed runs wrote alike.

    Standard error does not count: a rank that runs again writes it again.
    """

    runs: tuple[Transcript, ...]

    def _places(self) -> Iterator[Place]:
        yield from sorted({place for run in self.runs for place in compared(run)})

    def _is_steady(self, place: Place) -> bool:
        """Whether the number of lines there is the same in each run."""
        return len({len(run.of(place)) for run in self.runs}) == 1

    @property
    def varying(self) -> int:
        """How many lines are not the same in each undisturbed run."""
        count = 0
        for place in self._places():
            if self._is_steady(place):
                columns = zip(*(run.of(place) for run in self.runs), strict=True)
                count += sum(len(set(column)) > 1 for column in columns)
            else:
                count += max(len(run.of(place)) for run in self.runs)
        return count

    def differences(self, found: Transcript) -> list[str]:
        """Return, for people, where a run differs from what all undisturbed runs agree on; at most a few."""
        said: list[str] = []
        for place in sorted({*self._places(), *compared(found)}):
            said += self._differences_at(place, found.of(place))
        return (
            said
            if len(said) <= _SHOWN_LINES
            else [*said[:_SHOWN_LINES], f"… and {len(said) - _SHOWN_LINES} more"]
        )

    def _differences_at(self, place: Place, found: Sequence[str]) -> Iterator[str]:
        where = f"rank {place[0]}"
        if not self._is_steady(place):
            return
        expected = [run.of(place) for run in self.runs]
        first = expected[0] if expected else ()
        for number, line in enumerate(first[: len(found)]):
            if all(run[number] == line for run in expected) and found[number] != line:
                yield f"{where}, line {number + 1}: {_quoted(found[number])} in place of {_quoted(line)}"
        if len(found) < len(first):
            missing, of = len(first) - len(found), f"line {len(found) + 1}, {_quoted(first[len(found)])}"
            yield f"{where}: {missing} of {len(first)} lines are missing, from {of} on"
        elif len(found) > len(first):
            more, of = len(found) - len(first), f"line {len(first) + 1}, {_quoted(found[len(first)])}"
            yield f"{where}: {more} lines too many, from {of} on"


def compared(run: Transcript) -> Iterator[Place]:
    """Return the streams that are the same in a run with losses."""
    return (place for place in run.lines if place[1] != "stderr")


def _quoted(line: str) -> str:
    return repr(one_line(line, _SHOWN_WIDTH))
