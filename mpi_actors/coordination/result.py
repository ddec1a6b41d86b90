"""What a job leaves behind: its log, and how it ended."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

import attrs

from ..config import JobLimits
from ..errors import JobFailed
from ..ids import JobId, Rank

EXIT_JOB_FAILED = 3
"""The exit code of a job that failed without an exit code of one of its ranks."""


@attrs.frozen
class LogLine:
    """A line of a job's log."""

    rank: Rank
    text: str
    """The line, without its end. Bytes that are not UTF-8 are as `surrogateescape` has them."""
    stream: str = "log"
    """`log` for what the rank reported, `stderr` for its standard error."""
    ended: bool = True
    """Whether the rank wrote the line's end: if not, its next line in that stream goes on with this one."""
    number: int = -1
    """The number of the report that brought the line; -1 for standard error."""


class JobLog:
    """The last lines of a job's log, as many as its limits allow; older lines are dropped and counted."""

    def __init__(self, limits: JobLimits | None = None) -> None:
        self._limits = limits or JobLimits()
        self._lines: deque[LogLine] = deque()
        self.size = 0
        """Characters in all kept lines."""
        self.dropped = 0
        """The number of lines that were dropped."""

    def __iter__(self) -> Iterator[LogLine]:
        return iter(self._lines)

    def __reversed__(self) -> Iterator[LogLine]:
        return reversed(self._lines)

    def __len__(self) -> int:
        return len(self._lines)

    def add(self, line: LogLine) -> None:
        """Keep a line, and drop the oldest lines beyond the limits; the newest stays whatever its size."""
        self._lines.append(line)
        self.size += len(line.text)
        most, most_bytes = self._limits.log_lines, self._limits.log_bytes
        while len(self._lines) > most or (self.size > most_bytes and len(self._lines) > 1):
            self.size -= len(self._lines.popleft().text)
            self.dropped += 1

    def output(self) -> tuple[str, ...]:
        """Return the kept lines that rank 0 logged."""
        return tuple(line.text for line in self._lines if line.rank == 0 and line.stream == "log")


@attrs.frozen
class JobResult:
    """How a job ended."""

    job: JobId
    ok: bool
    """Whether every rank ended well."""
    exit_code: int
    """0 when the job ended well; else that of the failed rank, or `EXIT_JOB_FAILED`."""
    reason: str
    """Why the job ended, for people."""
    seconds: float
    """How long the job ran."""
    output: tuple[str, ...]
    """The lines that rank 0 logged; only the last ones when there are very many."""
    rank: Rank | None = None
    """The rank whose failure ended the job, if there is one."""
    traceback: str = ""
    """The traceback of that rank's program, when it is known."""

    def check(self) -> JobResult:
        """Return the result itself if the job ended well.

        Raises:
            JobFailed: the job failed; the text says why.
        """
        if not self.ok:
            raise JobFailed(f"job {self.job}: {self.reason}")
        return self
