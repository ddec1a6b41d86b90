"""What a job leaves behind: its log, and how it ended."""

from __future__ import annotations

import attrs

from .ids import JobId, Rank


@attrs.frozen
class LogLine:
    """A line of a job's log."""

    rank: Rank
    text: str
    stream: str = "log"
    """`log`, or `stderr`."""


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
