"""A job on a local pool, as the launcher sees it: what its coordinator's events and answers tell."""

from __future__ import annotations

from collections import deque

import attrs
import trio

from ...actors import Bell
from ...coordination.result import EXIT_JOB_FAILED, JobResult
from ...events import Event, JobFinished, Log, RankLost, RankStarted
from ...ids import JobId, Rank
from ...wire.control import Kill, Logs, LogTail, Why
from .client import ControlClient

_KEPT = 10_000


@attrs.frozen
class Seen:
    """An event and when it happened."""

    time: float
    """Seconds since 1970, by the clock of the peer that tells it."""
    event: Event


class LocalJob:
    """One job. Made by `LocalPool.start`."""

    def __init__(self, id: JobId, client: ControlClient) -> None:
        self.id = id
        self.result: JobResult | None = None
        self.ranks: dict[Rank, RankStarted] = {}
        """The incarnations that run now, as far as we have heard."""
        self._client = client
        self._events: deque[Seen] = deque(maxlen=_KEPT)
        self._count = 0
        self._output: deque[str] = deque(maxlen=_KEPT)
        self._news = Bell()
        self._finished = trio.Event()

    async def wait(self) -> JobResult:
        """Wait for the job's end, which may also be that of its coordinator."""
        await self._finished.wait()
        assert self.result is not None
        return self.result

    def kill(self, reason: str = "killed by request") -> None:
        """Ask that the job end; `wait` tells when it has."""
        if self.result is None:
            self._client.post(Kill(job=self.id, reason=reason))

    async def why(self, patience: float = 1.0) -> list[str]:
        """What each rank does or waits for, a text each; hosts have `patience` seconds to answer.

        Raises:
            DaemonEnded: the job's coordinator is gone.
        """
        if self.result is not None:
            return [f"job {self.id} is over: {self.result.reason}"]
        lines = await self._client.ask(Why(job=self.id, patience=patience))
        return list(lines)

    async def logs(self) -> LogTail:
        """The end of the job's log.

        Raises:
            DaemonEnded: the job's coordinator is gone.
        """
        return await self._client.ask(Logs(job=self.id))

    def events(self) -> EventReader:
        """All events of the job, from its start to its end.

        The last 10 000 are kept: whoever falls further behind misses some.
        """
        return EventReader(self)

    # --- for the peer -------------------------------------------------------------------------------------

    def hear(self, time: float, event: Event) -> None:
        """An event of this job."""
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

    def lose(self, reason: str) -> None:
        """Its coordinator is gone."""
        if self.result is None:
            self._finish(False, EXIT_JOB_FAILED, reason, 0.0)
            self._news.ring()

    def _finish(self, ok: bool, code: int, reason: str, seconds: float) -> None:
        self.ranks.clear()
        self.result = JobResult(self.id, ok, code, reason, seconds, tuple(self._output))
        self._finished.set()

    async def after(self, number: int) -> tuple[int, Seen | None]:
        """Wait for the first kept event after the first `number`; its own number, None after the end."""
        while number >= self._count and self.result is None:
            await self._news.wait()
        if number >= self._count:
            return number, None
        number = max(number, self._count - len(self._events))
        return number + 1, self._events[number - self._count]


class EventReader:
    """Iterates over a job's events. Whoever stops early may close it, but need not."""

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
        """Nothing is held that would have to be let go."""
        await trio.lowlevel.checkpoint()
