"""A job on a local pool, as the launcher sees it from the coordinator's events and answers."""

from __future__ import annotations

import os
import signal
from collections import deque
from contextlib import suppress
from pathlib import Path

import attrs
import trio

from ...actors import Bell
from ...coordination.result import EXIT_JOB_FAILED, JobResult
from ...events import Event, JobFinished, Log, RankLost, RankStarted
from ...ids import JobId, Rank
from ...wire.control import Kill, Logs, LogTail, Why
from ...wire.environment import JOB
from .client import ControlClient

_KEPT = 10_000
"""Events and lines of output of a job that are kept: as many as the coordinator keeps of its log."""


@attrs.frozen
class Seen:
    """An event, and when it happened."""

    time: float
    """Seconds since 1970, by the clock of the peer that sent the event."""
    event: Event


class LocalJob:
    """One job. `LocalPool.start` makes it."""

    def __init__(self, id: JobId, client: ControlClient) -> None:
        self.id = id
        self.result: JobResult | None = None
        self.ranks: dict[Rank, RankStarted] = {}
        """The incarnations that run now, as far as the launcher knows."""
        self._client = client
        self._events: deque[Seen] = deque(maxlen=_KEPT)
        self._count = 0
        self._output: deque[str] = deque(maxlen=_KEPT)
        self._news = Bell()

    async def wait(self) -> JobResult:
        """Wait for the end of the job or of its coordinator; return the result."""
        await trio.lowlevel.checkpoint()
        while self.result is None:
            await self._news.wait()
        return self.result

    def kill(self, reason: str = "killed by request") -> None:
        """Ask the coordinator to end the job; `wait` returns when it has ended."""
        if self.result is None:
            self._client.post(Kill(job=self.id, reason=reason))

    def kill_process(self, rank: Rank) -> None:
        """Kill the process of a rank with SIGKILL. Do nothing if none runs."""
        started = self.ranks.get(rank)
        if started is None:
            return
        with suppress(ProcessLookupError, FileNotFoundError):
            handle = os.pidfd_open(started.pid)
            try:
                # another process may have that number by now
                environment = Path(f"/proc/{started.pid}/environ").read_bytes().split(b"\0")
                if f"{JOB}={started.job}".encode() in environment:
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
            finally:
                os.close(handle)

    async def why(self, patience: float = 1.0) -> list[str]:
        """Return a text for each rank: what it does or waits for. Hosts have `patience` seconds to answer.

        Raises:
            DaemonEnded: the coordinator of the job has ended.
        """
        if self.result is not None:
            return [f"job {self.id} is over: {self.result.reason}"]
        lines = await self._client.ask(Why(job=self.id, patience=patience))
        return list(lines)

    async def logs(self) -> LogTail:
        """Return the end of the job's log.

        Raises:
            DaemonEnded: the coordinator of the job has ended.
        """
        return await self._client.ask(Logs(job=self.id))

    def events(self) -> EventReader:
        """Iterate over all events of the job, from its start to its end.

        The last 10 000 are kept: a reader that is further behind misses some.
        """
        return EventReader(self)

    # --- for the peer -------------------------------------------------------------------------------------

    def on_event(self, time: float, event: Event) -> None:
        """Take in an event of this job, which happened at `time` (seconds since 1970)."""
        self._events.append(Seen(time, event))
        self._count += 1
        match event:
            case Log(rank=0, stream="log", text=text):
                self._output.append(text)
            case RankStarted(rank=rank):
                self.ranks[rank] = event
            case RankLost(rank=rank, incarnation=incarnation):
                if rank in self.ranks and self.ranks[rank].incarnation == incarnation:
                    del self.ranks[rank]
            case JobFinished(ok=ok, exit_code=code, reason=reason, seconds=seconds):
                self._finish(ok, code, reason, seconds)
        self._news.ring()

    def on_coordinator_lost(self, reason: str) -> None:
        """End the job as failed, unless it has ended: its coordinator is gone."""
        if self.result is None:
            self._finish(False, EXIT_JOB_FAILED, reason, 0.0)
            self._news.ring()

    def _finish(self, ok: bool, code: int, reason: str, seconds: float) -> None:
        self.ranks.clear()
        self.result = JobResult(self.id, ok, code, reason, seconds, tuple(self._output))

    async def after(self, number: int) -> tuple[int, Seen | None]:
        """Wait for the first kept event after number `number`; return its number and it (None: the end)."""
        while number >= self._count and self.result is None:
            await self._news.wait()
        if number >= self._count:
            return number, None
        number = max(number, self._count - len(self._events))
        return number + 1, self._events[number - self._count]


class EventReader:
    """Iterates over the events of a job. A reader that stops early may close it, but need not."""

    def __init__(self, job: LocalJob) -> None:
        self._job = job
        self._number = 0

    def __aiter__(self) -> EventReader:
        return self

    async def __anext__(self) -> Seen:
        await trio.lowlevel.checkpoint()
        self._number, seen = await self._job.after(self._number)
        if seen is None:
            raise StopAsyncIteration
        return seen

    async def aclose(self) -> None:
        """Do nothing: the reader holds no resource."""
        await trio.lowlevel.checkpoint()
