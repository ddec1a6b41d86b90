"""What `run` shows of a job: whole lines, in order, as fast as somebody reads them."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from types import TracebackType

import trio

from ...coordination.result import JobResult
from ...events import STDERR_FOLLOWS, Event, Log, Notice, PeerLost, RankLost, RankStarted, RankWaiting
from ...ids import Rank
from ...process.descriptors import write_all
from ..output.eventlog import EventLog
from ..output.streams import write_from_trio
from ..text.show import describe

_REMEMBERED_LINES = 40
"""Lines of each rank's standard error to remember, so that a failure does not repeat them: as many as a
reason quotes."""


class Terminal:
    """Standard output and standard error, by lines.

    Writes bypass Python's buffers: a thread that is stuck in a write would hold these when Python ends.
    """

    async def write(self, number: int, text: str) -> None:
        """Write whole lines, and wait for the reader. When cancelled, a part may be written.

        Args:
            number: the descriptor.
            text: the lines.

        Raises:
            OSError: standard output cannot be written. An error of standard error is ignored.
        """
        try:
            await write_from_trio(number, text.encode(errors="surrogateescape"))
        except OSError:
            if number != 2:
                raise

    def say(self, line: str) -> None:
        """Write one line to standard error. This blocks; errors are ignored."""
        try:
            write_all(2, f"{line}\n".encode(errors="surrogateescape"))
        except OSError:
            return


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
            self._stderr.setdefault(line.rank, deque(maxlen=_REMEMBERED_LINES)).append(line.text)
        if self._mpi:
            number, marked = (2 if line.stream == "stderr" else 1), self._prefix
        else:
            number = 1 if line.rank == 0 and line.stream == "log" else 2
            marked = self._prefix or number == 2
        await self._terminal.write(number, f"[{line.rank}] {line.text}\n" if marked else f"{line.text}\n")

    async def conclude(self, result: JobResult) -> None:
        """Say why a job failed, with the end of its standard error unless that was shown already."""
        if result.ok:
            return
        reason, _, said = result.reason.partition(STDERR_FOLLOWS)
        lines = said.splitlines()
        shown = any(list(seen)[-len(lines) :] == lines for seen in self._stderr.values())
        if lines and not shown:
            await self._terminal.write(2, said.rstrip("\n") + "\n")
        await self._terminal.write(2, f"mpi-actors: job failed: {reason}\n")
