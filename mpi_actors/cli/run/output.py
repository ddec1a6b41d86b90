"""What `run` shows: whole lines, in order, and as slowly as whoever reads them."""

from __future__ import annotations

import os
import select
from collections import deque
from pathlib import Path
from types import TracebackType

import trio

from ...coordination.result import JobResult
from ...errors import UsageError
from ...events import Event, Log, Notice, PeerLost, RankLost, RankStarted, RankWaiting, to_json
from ...ids import Rank, short_peer

_STDERR_FOLLOWS = "; its standard error ended with:\n"
_REMEMBERED = 40


class Terminal:
    """Standard output and standard error, by lines. Writes go past Python's buffers, which a thread that is
    stuck in a write could otherwise hold at the end."""

    async def write(self, number: int, text: str) -> None:
        """Write whole lines, waiting for the reader; when cancelled, a part may be written.

        Raises:
            OSError: they cannot be written. For standard error that is ignored: nobody could be told.
        """
        data = text.encode(errors="surrogateescape")
        try:
            if len(data) <= select.PIPE_BUF and _is_writable(number):
                _write_all(number, data)
                await trio.lowlevel.checkpoint()
            else:
                await trio.to_thread.run_sync(_write_all, number, data, abandon_on_cancel=True)
        except OSError:
            if number != 2:
                raise

    def say(self, line: str) -> None:
        """One line to standard error, at once."""
        try:
            _write_all(2, f"{line}\n".encode(errors="surrogateescape"))
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
        self._file: int | None = None
        self._writing = trio.Lock()
        self._stderr: dict[Rank, deque[str]] = {}

    async def __aenter__(self) -> Output:
        if self._path is not None:
            try:
                self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
            except OSError as error:
                raise UsageError(f"cannot write events to {str(self._path)!r}: {error.strerror}") from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            os.close(self._file)

    async def show(self, peer: int, time: float, event: Event) -> None:
        """An event that a peer tells. The job's are told by peer 0, which coordinates it.

        Raises:
            OSError: what it says cannot be written.
        """
        if peer != 0:
            return
        async with self._writing:
            if self._file is not None:
                await self._terminal.write(self._file, to_json(event, time) + "\n")
            match event:
                case Log():
                    await self._show_line(event)
                case _:
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
        reason, _, said = result.reason.partition(_STDERR_FOLLOWS)
        lines = said.splitlines()
        shown = any(list(seen)[-len(lines) :] == lines for seen in self._stderr.values())
        if lines and not shown:
            await self._terminal.write(2, said.rstrip("\n") + "\n")
        await self._terminal.write(2, f"mpi-actors: job failed: {reason}\n")


def describe(event: Event) -> str:
    """What becomes of ranks and peers, in a few words; empty for what a person need not know."""
    match event:
        case PeerLost(peer=peer, reason=reason):
            return f"lost peer {short_peer(peer)}: {reason}"
        case RankLost(rank=rank, peer=peer, reason=reason):
            return f"rank {rank} on {short_peer(peer)} is over: {reason.partition(_STDERR_FOLLOWS)[0]}"
        case RankStarted(rank=rank, incarnation=incarnation, peer=peer) if incarnation > 0:
            return f"rank {rank} starts again on {short_peer(peer)}"
        case RankWaiting(rank=rank, seconds=seconds, reason=reason):
            return f"rank {rank} waits for a peer, for {seconds:.0f} s at most: {reason}"
        case Notice(text=text):
            return text
    return ""


def _is_writable(number: int) -> bool:
    """Whether a write of PIPE_BUF bytes will not wait."""
    poll = select.poll()
    poll.register(number, select.POLLOUT)
    return bool(poll.poll(0))


def _write_all(number: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(number, rest) :]
