"""What the ranks of a job write, at its coordinator: lines of output, and standard error."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from ..coordination.decisions import JobSpec
from ..coordination.differences import CAUSES, fewer_lines, other_line
from ..coordination.result import JobLog, LogLine
from ..errors import ReplayDivergence
from ..ids import Incarnation, PeerId, Rank
from ..replay.incoming import Incoming
from ..replay.stderr import StderrReceiver
from ..wire.messages import RankExited, RankStderr, StderrTaken
from ..wire.reports import LogReport, Report, ResetReport, decode_report, encode_report

_NO_END = b" (without a line end)"
"""Behind a line that has no end, where two lines are shown to differ."""


@attrs.frozen
class _StderrSource:
    """Standard error of one incarnation, and the peer that sends it."""

    sender: PeerId
    receiver: StderrReceiver = attrs.field(factory=StderrReceiver)


@attrs.frozen
class Difference:
    """A new incarnation does not write what the one before had written."""

    rank: Rank
    incarnation: Incarnation
    text: str
    """Says so to people: what was written before, and what now."""


class JobOutput:
    """Takes what the ranks write, shows it, and keeps the end of it.

    Args:
        spec: of the job.
        log: keeps the last lines.
        reports: returns the receiving half of a rank's lane to the coordinator.
        show: shows a line.
        warn: shows a text that people should read.
        tell: sends a host a message.
    """

    def __init__(
        self,
        spec: JobSpec,
        log: JobLog,
        reports: Callable[[Rank], Incoming],
        *,
        show: Callable[[LogLine], None],
        warn: Callable[[str], None],
        tell: Callable[[PeerId, StderrTaken], object],
    ) -> None:
        self._spec = spec
        self._log = log
        self._reports = reports
        self._show = show
        self._warn = warn
        self._tell = tell
        self._stderr: dict[tuple[Rank, Incarnation], _StderrSource] = {}
        self._lost: dict[Rank, int] = {}
        """Bytes of standard error that never came, by rank."""
        self._others: dict[Rank, tuple[Incarnation, int, bytes]] = {}
        """Reports that are not what they were and that nobody has dealt with, by rank …"""
        self._told: dict[Rank, Incarnation] = {}
        """… and the last incarnation of each rank that sent such a report: its first one is enough."""
        self._warned: set[Rank] = set()
        """Ranks of which people know, and allow, that they write something else than before a loss."""
        self._resets: dict[Rank, dict[int, Rank]] = {}
        """Which ranks' new incarnations each rank asked for, by the numbers of those reports."""

    # --- lines --------------------------------------------------------------------------------------------

    def next_report(self, rank: Rank) -> Report | None:
        """Take the next report of a rank, and show it if it is a line. Return it, or None if there is none.

        Raises:
            BadFrame: the rank sent something else.
        """
        reports = self._reports(rank)
        payload = reports.take()
        if payload is None:
            return None
        number = reports.expected - reports.queued - 1
        report = decode_report(payload)
        match report:
            case LogReport(text, ended):
                self.add(rank, text, ended=ended, number=number)
            case ResetReport(other):
                self._resets.setdefault(rank, {})[number] = other
        return report

    def on_other(self, rank: Rank, incarnation: Incarnation, number: int, beginning: bytes) -> None:
        """A new incarnation has sent another report than the one before."""
        if self._told.get(rank, -1) < incarnation:
            self._told[rank] = incarnation
            self._others[rank] = (incarnation, number, beginning)

    def differences(self) -> list[Difference]:
        """Return, once, for what reasons the job has to end: what new incarnations wrote is not what it was.

        If that is allowed, warn of the first one of each rank.
        """
        others, self._others = self._others, {}
        found = []
        for rank, (incarnation, number, beginning) in others.items():
            line, old = self._line(rank, number), self._old(rank, number)
            found += self._judged(
                rank, incarnation, other_line(rank, incarnation, line, old, _legible(beginning))
            )
        return found

    def shortfall(self, end: RankExited) -> list[Difference]:
        """Do the same if an incarnation that ended well wrote less than the one before."""
        rank, have = end.rank, self._reports(end.rank).expected
        if end.code or end.killed or end.aborted or end.reports >= have or not self._spec.replay.replay:
            return []
        lines, before = self._line(rank, end.reports) - 1, self._line(rank, have) - 1
        text = fewer_lines(rank, end.incarnation, lines, before, self._old(rank, end.reports))
        return self._judged(rank, end.incarnation, text)

    def _judged(self, rank: Rank, incarnation: Incarnation, text: str) -> list[Difference]:
        if not self._spec.replay.output_may_differ:
            whole = f"rank {rank}: {ReplayDivergence.__name__}: {text}\n{CAUSES}"
            return [Difference(rank, incarnation, whole)]
        if rank not in self._warned:
            self._warned.add(rank)
            self._warn(f"warning: {text}")
        return []

    def _line(self, rank: Rank, number: int) -> int:
        """Return which line of a rank the report of that number is, from 1."""
        return number + 1 - sum(reset < number for reset in self._resets.get(rank, ()))

    def _old(self, rank: Rank, number: int) -> bytes | None:
        """Return what a report said, if that is kept."""
        waiting = self._reports(rank).waiting(number)
        if waiting is not None:
            return _legible(waiting)
        if number in self._resets.get(rank, ()):
            return _legible(encode_report(ResetReport(self._resets[rank][number])))
        for line in reversed(self._log):
            if line.rank == rank and line.number == number:
                return line.text.encode(errors="surrogateescape") + (b"" if line.ended else _NO_END)
        return None

    def add(self, rank: Rank, text: bytes, *, ended: bool, number: int = -1, stream: str = "log") -> None:
        """Show and keep a line, given without its end."""
        line = LogLine(rank, text.decode(errors="surrogateescape"), stream, ended, number)
        self._log.add(line)
        self._show(line)

    def add_text(self, rank: Rank, text: bytes) -> None:
        """Show and keep text of standard error, of one line or many."""
        *lines, rest = text.split(b"\n")
        for line in lines:
            self.add(rank, line, ended=True, stream="stderr")
        if rest:
            self.add(rank, rest, ended=False, stream="stderr")

    # --- standard error -----------------------------------------------------------------------------------

    def on_stderr(self, message: RankStderr, sender: PeerId, *, current: bool) -> bool:
        """Take a message of a host; return whether there is text that `read_stderr` can show.

        Args:
            message: what the host says.
            sender: the host.
            current: whether the incarnation is the rank's newest. Of an older one, only the rest is taken.

        Raises:
            BadMessage: the host sends more than it may.
        """
        key = (message.rank, message.incarnation)
        source = self._stderr.get(key)
        if source is None and current:
            source = self._begin(key, sender)
        if source is None or source.sender != sender:
            return False
        again = source.receiver.receive(message.offset, message.data)
        if again is not None or not message.data:
            self._answer(key, source, again)
        return source.receiver.waiting > 0

    def read_stderr(self, rank: Rank, held: Callable[[], bool]) -> None:
        """Show what has come of a rank's standard error, as long as nobody holds that up."""
        for key in [key for key in self._stderr if key[0] == rank]:
            source = self._stderr[key]
            before = source.receiver.taken
            while not held() and (text := source.receiver.take()) is not None:
                self.add_text(rank, text)
            if source.receiver.taken > before:
                self._answer(key, source, None)

    def stderr(self, rank: Rank, incarnation: Incarnation) -> StderrReceiver:
        """Return how much of an incarnation's standard error has come, and was shown."""
        source = self._stderr.get((rank, incarnation))
        return StderrReceiver() if source is None else source.receiver

    def on_end(self, end: RankExited) -> None:
        """No more is awaited of an incarnation: count what is missing of its standard error."""
        missing = end.errors - self.stderr(end.rank, end.incarnation).expected
        if missing > 0:
            self._lost[end.rank] = self._lost.get(end.rank, 0) + missing

    def say_what_was_lost(self) -> None:
        """Say how much of the ranks' standard error is lost, if any is."""
        for rank, lost in sorted(self._lost.items()):
            self._warn(f"{lost} bytes of the standard error of rank {rank} were lost with its process")

    def _begin(self, key: tuple[Rank, Incarnation], sender: PeerId) -> _StderrSource:
        rank, incarnation = key
        for old in [old for old in self._stderr if old[0] == rank and old[1] < incarnation]:
            if not self._stderr[old].receiver.waiting:
                del self._stderr[old]
        source = self._stderr[key] = _StderrSource(sender)
        return source

    def _answer(self, key: tuple[Rank, Incarnation], source: _StderrSource, again: int | None) -> None:
        rank, incarnation = key
        self._tell(
            source.sender, StderrTaken(self._spec.job, rank, incarnation, source.receiver.taken, again)
        )


def _legible(report: bytes) -> bytes:
    """Return a report, or its beginning, as people should see it."""
    match report[:1]:
        case b"R":
            return b"Reset," + report[1:]
        case b"H":
            return report[1:] + _NO_END
    return report[1:]
