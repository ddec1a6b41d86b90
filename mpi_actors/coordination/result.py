"""What a job leaves behind: its log, and how it ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import attrs

from ..config import JobLimits
from ..errors import JobFailed
from ..ids import JobId, Rank

EXIT_JOB_FAILED = 3
"""The exit code of a job that failed for a reason of which no rank gives an exit code."""


@attrs.frozen
class LogLine:
    """A line of a job's log."""

    rank: Rank
    text: str
    stream: str = "log"
    """`log`, or `stderr`."""


class JobLog:
    """The end of a job's log: the last lines, as its limits allow; older ones are dropped and counted."""

    def __init__(self, limits: JobLimits | None = None) -> None:
        self._limits = limits or JobLimits()
        self._lines: deque[LogLine] = deque()
        self.size = 0
        """Characters in all lines."""
        self.dropped = 0
        """Lines that are no longer here."""

    def __iter__(self) -> Iterator[LogLine]:
        return iter(self._lines)

    def __reversed__(self) -> Iterator[LogLine]:
        return reversed(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: LogLine) -> None:
        """Keep a line, and drop the oldest ones if it is too much; the last one stays whatever its size."""
        self._lines.append(line)
        self.size += len(line.text)
        most, most_bytes = self._limits.log_lines, self._limits.log_bytes
        while len(self._lines) > most or (self.size > most_bytes and len(self._lines) > 1):
            self.size -= len(self._lines.popleft().text)
            self.dropped += 1

    def output(self) -> tuple[str, ...]:
        """What rank 0 logged, as far as it is still here."""
        return tuple(line.text for line in self._lines if line.rank == 0 and line.stream == "log")


@attrs.frozen
class JobResult:
    """How a job ended."""

    job: JobId
    ok: bool
    exit_code: int
    reason: str
    seconds: float
    output: tuple[str, ...]
    """What rank 0 logged, by line (the last ones, when there are very many)."""
    rank: Rank | None = None
    """The rank that failed and so ended it, if one did."""
    traceback: str = ""
    """Of that rank's program, when it is known."""

    def check(self) -> JobResult:
        """The result itself, if the job ended well.

        Raises:
            JobFailed: it did not; the text says why.
        """
        if not self.ok:
            raise JobFailed(f"job {self.job}: {self.reason}")
        return self
