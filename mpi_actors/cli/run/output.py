"""What `run` shows: whole lines, in order, and as slowly as whoever reads them."""

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

_REMEMBERED = 40


class Terminal:
    """Standard output and standard error, by lines. Writes go past Python's buffers, which a thread that is
    stuck in a write could otherwise hold at the end."""

    async def write(self, number: int, text: str) -> None:
        """Write whole lines, waiting for the reader; when cancelled, a part may be written.

        Raises:
            OSError: they cannot be written. For standard error that is ignored: nobody could be told.
        """
        try:
            await write_from_trio(number, text.encode(errors="surrogateescape"))
        except OSError:
            if number != 2:
                raise

    def say(self, line: str) -> None:
        """One line to standard error, at once."""
        try:
            write_all(2, f"{line}\n".encode(errors="surrogateescape"))
        except OSError:
            return


class Output:
    """Shows events, and writes them to a file if there is one.

    Args:
        terminal: where they are shown.
        events: the file.
        mpi: the program uses mpi4py: each rank's lines go where it wrote them. Else rank 0's log is the
            answer, and goes to standard output; all other lines go to standard error, with the rank.
        prefix: begin each line with the rank.

    Raises:
        UsageError: on entering: the file cannot be written.
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

    async def show(self, peer: int, time: float, event: Event) -> None:
        """An event that a peer tells. The job's are told by peer 0, which coordinates it.

        Raises:
            OSError: what it says cannot be written.
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
            self._stderr.setdefault(line.rank, deque(maxlen=_REMEMBERED)).append(line.text)
        if self._mpi:
            number, marked = (2 if line.stream == "stderr" else 1), self._prefix
        else:
            number = 1 if line.rank == 0 and line.stream == "log" else 2
            marked = self._prefix or number == 2
        await self._terminal.write(number, f"[{line.rank}] {line.text}\n" if marked else f"{line.text}\n")

    async def conclude(self, result: JobResult) -> None:
        """The job is over: when it failed, say why, with the program's last words unless they were shown."""
        if result.ok:
            return
        reason, _, said = result.reason.partition(STDERR_FOLLOWS)
        lines = said.splitlines()
        shown = any(list(seen)[-len(lines) :] == lines for seen in self._stderr.values())
        if lines and not shown:
            await self._terminal.write(2, said.rstrip("\n") + "\n")
        await self._terminal.write(2, f"mpi-actors: job failed: {reason}\n")
