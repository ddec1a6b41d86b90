"""What `run` shows of a job: the bytes that ranks write, in order, as fast as somebody reads them."""

from __future__ import annotations

import os
from collections import deque
from pathlib import Path
from types import TracebackType

import trio

from ...coordination.result import JobResult
from ...events import STDERR_FOLLOWS, Event, Log, Notice, PeerLost, RankLost, RankStarted, RankWaiting
from ...ids import Rank
from ...process.descriptors import write_all
from ..output.eventlog import EventLog
from ..output.streams import STDERR, STDOUT, encoded, write_from_trio
from ..text.show import describe

OURS = -1
"""In place of a rank: the text is not of a rank, but of `run` itself."""
_REMEMBERED_LINES = 40
"""Lines of each rank's standard error to remember, so that a failure does not repeat them: as many as a
reason quotes."""
_REMEMBERED_TEXT = 65_536
"""Characters to remember of one line: more than a reason holds in all."""


class Terminal:
    """Standard output and standard error.

    A line that one rank has begun and not ended is ended before another writer's text, so that texts of two
    are never on one line. Nothing else is added to what ranks write.

    Writes bypass Python's buffers: a thread that is stuck in a write would hold these when Python ends.
    """

    def __init__(self) -> None:
        self._open: dict[int, int] = {}
        """Who has begun a line and not ended it, by descriptor."""
        self._same: bool | None = None

    async def write(self, number: int, text: str, writer: int = OURS) -> None:
        """Write text, and wait for the reader. When cancelled, a part may be written.

        Args:
            number: the descriptor.
            text: the text.
            writer: the rank that wrote it, or `OURS`.

        Raises:
            OSError: standard output cannot be written. An error of standard error is ignored.
        """
        try:
            await write_from_trio(number, encoded(self._begun(number, text, writer)))
        except OSError:
            if number != STDERR:
                raise

    def is_open(self, number: int, writer: int) -> bool:
        """Return whether this writer has begun a line and not ended it."""
        return self._open.get(self._place(number)) == writer

    def say(self, line: str) -> None:
        """Write one line to standard error. This blocks; errors are ignored."""
        try:
            write_all(STDERR, encoded(self._begun(STDERR, f"{line}\n", OURS)))
        except OSError:
            return

    def _begun(self, number: int, text: str, writer: int) -> str:
        """Return the text, after the end of another writer's line if one is open."""
        place = self._place(number)
        if self._open.get(place, writer) != writer:
            text = f"\n{text}"
        if text.endswith("\n"):
            self._open.pop(place, None)
        elif text:
            self._open[place] = writer
        return text

    def _place(self, number: int) -> int:
        """Return the descriptor, but the same for both where both are one terminal, pipe or file."""
        if self._same is None:
            try:
                self._same = os.path.sameopenfile(STDOUT, STDERR)
            except OSError:  # one of them is closed
                self._same = False
        return STDOUT if self._same else number


class Output:
    """Shows the events of a job, and writes them to a file if there is one. Use it with `async with`.

    Args:
        terminal: shows the lines.
        events: the file of events; None for no file.
        mpi: the program uses mpi4py: its lines go to the stream to which the rank wrote them. Else the log of
            rank 0 is the answer and goes to standard output; other lines go to standard error, with the rank.
        prefix: begin each line with the rank.

    Raises:
        UsageError: on entering, the file of events cannot be written.
    """

    def __init__(self, terminal: Terminal, events: Path | None, *, mpi: bool, prefix: bool) -> None:
        self._terminal = terminal
        self._path = events
        self._mpi = mpi
        self._prefix = prefix
        self._log: EventLog | None = None
        self._writing = trio.Lock()
        self._stderr: dict[Rank, deque[str]] = {}
        self._unended: set[Rank] = set()
        """Ranks whose last line of standard error has no end so far."""

    async def __aenter__(self) -> Output:
        if self._path is not None:
            self._log = EventLog(self._path, lambda text: self._terminal.say(f"mpi-actors: {text}"))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._log is not None:
            self._log.close()

    async def on_event(self, peer: int, time: float, event: Event) -> None:
        """Show an event of peer 0, which coordinates the job; ignore those of other peers.

        Args:
            peer: the index of the peer that emitted the event.
            time: when it happened, in seconds since 1970.
            event: the event.

        Raises:
            OSError: standard output cannot be written.
        """
        if peer != 0:
            return
        async with self._writing:
            if self._log is not None:
                await self._log.append(event, time)
            match event:
                case Log():
                    await self._show_line(event)
                case Notice(text=text):
                    await self._terminal.write(2, f"mpi-actors: {text}\n")
                case PeerLost() | RankLost() | RankStarted() | RankWaiting():
                    line = describe(event)
                    if line:
                        await self._terminal.write(2, f"mpi-actors: {line}\n")

    async def _show_line(self, line: Log) -> None:
        if line.stream == "stderr":
            self._remember(line)
        if self._mpi:
            number, marked = (2 if line.stream == "stderr" else 1), self._prefix
        else:
            number = 1 if line.rank == 0 and line.stream == "log" else 2
            marked = self._prefix or number == 2
        text = f"{line.text}\n" if line.ended else line.text
        if marked and not self._terminal.is_open(number, line.rank):
            text = f"[{line.rank}] {text}"
        await self._terminal.write(number, text, line.rank)

    def _remember(self, line: Log) -> None:
        lines = self._stderr.setdefault(line.rank, deque(maxlen=_REMEMBERED_LINES))
        text = _legible(line.text)
        if line.rank in self._unended:
            text = (lines.pop() + text)[-_REMEMBERED_TEXT:]
        lines.append(text)
        (self._unended.discard if line.ended else self._unended.add)(line.rank)

    async def conclude(self, result: JobResult) -> None:
        """Say why a job failed, with the end of its standard error unless that was shown already."""
        if result.ok:
            return
        reason, _, said = result.reason.partition(STDERR_FOLLOWS)
        lines = said.rstrip("\n").split("\n") if said else []
        shown = any(list(seen)[-len(lines) :] == lines for seen in self._stderr.values())
        if lines and not shown:
            await self._terminal.write(2, said.rstrip("\n") + "\n")
        await self._terminal.write(2, f"mpi-actors: job failed: {reason}\n")


def _legible(text: str) -> str:
    """Return a text as a host quotes it in a reason, without bytes that are not UTF-8."""
    return encoded(text).decode(errors="replace")
