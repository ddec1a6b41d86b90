"""What the ranks of a job write, at its coordinator: lines of output, and standard error."""

from __future__ import annotations

from collections.abc import Callable

import attrs

from ..coordination.result import JobLog, LogLine
from ..ids import Incarnation, JobId, PeerId, Rank
from ..replay.stderr import StderrReceiver
from ..wire.messages import RankExited, RankStderr, StderrTaken


@attrs.frozen
class _StderrSource:
    """Standard error of one incarnation, and the peer that sends it."""

    sender: PeerId
    receiver: StderrReceiver = attrs.field(factory=StderrReceiver)


class JobOutput:
    """Takes what the ranks write, shows it, and keeps the end of it.

    Args:
        job: the job.
        log: keeps the last lines.
        show: shows a line.
        warn: shows a text that people should read.
        tell: sends a host a message.
    """

    def __init__(
        self,
        job: JobId,
        log: JobLog,
        *,
        show: Callable[[LogLine], None],
        warn: Callable[[str], None],
        tell: Callable[[PeerId, StderrTaken], object],
    ) -> None:
        self._job = job
        self._log = log
        self._show = show
        self._warn = warn
        self._tell = tell
        self._stderr: dict[tuple[Rank, Incarnation], _StderrSource] = {}
        self._lost: dict[Rank, int] = {}
        """Bytes of standard error that never came, by rank."""

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
        self._tell(source.sender, StderrTaken(self._job, rank, incarnation, source.receiver.taken, again))
