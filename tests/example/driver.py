"""A reference driver for the standard-input/output protocol: one machine, no daemon, and strict.

It says what the protocol means in as few lines as it takes, so that the examples can be tested apart from the
package. Where a daemon restarts or fails a rank, the driver is stricter in two places, to show mistakes at
once: a line that is none of the protocol's raises `BadLine`, and a message that differs from the one that an
earlier incarnation sent in its place raises `Diverged`.
"""

from __future__ import annotations

import math
import re
import signal
import subprocess
from collections import Counter, defaultdict, deque
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import attrs
import trio

RESTART_WINDOW = 60.0
"""Seconds over which a rank's own failures are counted."""

_LINE = re.compile(
    r"(?:Log,(?P<log>.*)|Send,(?P<to>\d+),(?P<text>.*)|Req,(?P<req>\d+)|Reset,(?P<reset>\d+))",
    re.ASCII | re.DOTALL,
)


class RunFailed(Exception):
    """The run gave no answer; the text says which rank and why."""


class BadLine(RunFailed):
    """A program wrote a line that is none of Log, Send, Req and Reset, or named no rank of the job."""


class Diverged(RunFailed):
    """An incarnation sent something else than an earlier one had sent in its place."""


class TooManyFailures(RunFailed):
    """A rank failed by itself more often than it may."""


class DeadlineExpired(RunFailed):
    """The run did not end in time."""


@attrs.frozen
class Outcome:
    """What a run left: by rank, log lines, standard error and how many incarnations were started."""

    logs: tuple[tuple[str, ...], ...]
    stderr: tuple[str, ...]
    starts: tuple[int, ...]

    @property
    def output(self) -> tuple[str, ...]:
        """The job's standard output: the log of rank 0."""
        return self.logs[0]


@attrs.define
class _Seat:
    """What outlives a rank's incarnations, and how to stop the present one."""

    sent: dict[int, list[str]] = attrs.Factory(lambda: defaultdict(list))
    log: list[str] = attrs.Factory(list)
    stderr: bytearray = attrs.Factory(bytearray)
    resets: int = 0
    starts: int = 0
    failures: deque[float] = attrs.Factory(deque)
    scope: trio.CancelScope = attrs.Factory(trio.CancelScope)
    to_reset: bool = False
    doing: str = "has not started"


@attrs.define
class _Progress:
    """How far one incarnation has come, counted from its beginning."""

    sent: Counter[int] = attrs.Factory(Counter)
    logged: int = 0
    resets: int = 0
    lines: int = 0


async def run_example(
    directory: Path,
    n: int,
    *args: str,
    kill: Mapping[int, int] | None = None,
    max_failures: int = 10,
    deadline: float = 600.0,
) -> Outcome:
    """Run `run.py` of `directory` with `n` ranks until every rank has ended with exit code 0.

    `kill` maps a rank to the number of lines after which its first incarnation is killed. A rank may fail
    `max_failures` times within `RESTART_WINDOW`. `deadline` is in seconds. No process outlives the call.

    Raises:
        RunFailed: one of its subclasses, when there is no answer.
    """
    run = _Run(directory, n, args, kill or {}, max_failures)
    with trio.move_on_after(deadline) as run.scope:
        async with trio.open_nursery() as nursery:
            for rank in range(n):
                nursery.start_soon(run.keep, rank)
    if run.error is not None:
        raise run.error
    if run.scope.cancelled_caught:
        raise DeadlineExpired("; ".join(f"rank {rank} {seat.doing}" for rank, seat in enumerate(run.seats)))
    return Outcome(
        tuple(tuple(seat.log) for seat in run.seats),
        tuple(seat.stderr.decode(errors="replace") for seat in run.seats),
        tuple(seat.starts for seat in run.seats),
    )


async def run_init(
    directory: Path, env: Mapping[str, str] | None = None, deadline: float = 600.0
) -> tuple[int, str]:
    """Run `init.py` as an installation does; return its exit code and standard error.

    Raises:
        DeadlineExpired: it did not end within `deadline` seconds.
    """
    with trio.move_on_after(deadline):
        done = await trio.run_process(
            ["python3", "init.py"],
            cwd=directory,
            env=env,
            check=False,
            capture_stdout=True,
            capture_stderr=True,
            deliver_cancel=_kill,
        )
        return done.returncode, done.stderr.decode(errors="replace")
    raise DeadlineExpired(f"{directory.name}/init.py did not end")


async def _kill(process: trio.Process) -> None:
    process.kill()


class _Run:
    """One run: the seats, and the tasks that keep a process in each until all have ended."""

    def __init__(
        self, directory: Path, n: int, args: tuple[str, ...], kill: Mapping[int, int], max_failures: int
    ) -> None:
        self.directory = directory
        self.n = n
        self.args = args
        self.kill = kill
        self.max_failures = max_failures
        self.seats = [_Seat() for _ in range(n)]
        self.ended: set[int] = set()
        self.scope = trio.CancelScope()
        self.error: RunFailed | None = None
        self._news = trio.Event()

    def fail(self, error: RunFailed) -> None:
        """End the run; its first error is the one that counts."""
        self.error = self.error or error
        self.scope.cancel()

    def _announce(self) -> None:
        """Wake whoever waits for a message, a reset or the end."""
        self._news.set()
        self._news = trio.Event()

    async def keep(self, rank: int) -> None:
        """Start incarnations of `rank` until all ranks have ended."""
        seat = self.seats[rank]
        while len(self.ended) < self.n:
            if rank in self.ended and not seat.to_reset:
                await self._news.wait()
                continue
            self.ended.discard(rank)
            seat.to_reset = False
            code = None
            with trio.CancelScope() as seat.scope:
                code = await self._incarnation(rank)
            if code == 0 and not seat.to_reset:
                seat.doing = "has ended"
                self.ended.add(rank)
                self._announce()
            elif code is not None and not seat.to_reset:
                self._count_failure(rank, code)

    def _count_failure(self, rank: int, code: int) -> None:
        seat, now = self.seats[rank], trio.current_time()
        seat.failures.append(now)
        while seat.failures[0] < now - RESTART_WINDOW:
            seat.failures.popleft()
        if len(seat.failures) > self.max_failures:
            what = f"rank {rank} failed {len(seat.failures)} times, last with exit code {code}"
            self.fail(TooManyFailures(f"{what}: {seat.stderr.decode(errors='replace')[-2000:]}"))

    async def _incarnation(self, rank: int) -> int:
        """Start a process for `rank` from the beginning and serve it; return its exit code."""
        seat = self.seats[rank]
        seat.starts += 1
        seat.doing = "runs"
        command = ["python3", "run.py", str(self.n), str(rank), *self.args]
        start = partial(
            trio.run_process,
            command,
            cwd=self.directory,
            check=False,
            deliver_cancel=_kill,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        wanted, requests = trio.open_memory_channel[int](math.inf)
        async with trio.open_nursery() as nursery:
            process: trio.Process = await nursery.start(start)
            nursery.start_soon(self._answer, rank, process, requests)
            async with trio.open_nursery() as output:
                output.start_soon(self._keep_stderr, seat, process)
                rest = await self._read(rank, process, wanted)
            code = await process.wait()
            nursery.cancel_scope.cancel()
        if rest is None:
            return -signal.SIGKILL  # even if it had ended before the signal came: its output was not all read
        if code == 0 and rest:
            self.fail(BadLine(f"rank {rank} ended within a line: {rest[:200]!r}"))
        return code

    async def _keep_stderr(self, seat: _Seat, process: trio.Process) -> None:
        assert process.stderr is not None
        async for chunk in process.stderr:
            seat.stderr += chunk

    async def _read(
        self, rank: int, process: trio.Process, wanted: trio.MemorySendChannel[int]
    ) -> bytes | None:
        """Carry out a process's lines until it ends; return what follows its last newline, None if killed."""
        assert process.stdout is not None
        progress = _Progress()
        kill_after = self.kill.get(rank) if self.seats[rank].starts == 1 else None
        rest = b""
        async for chunk in process.stdout:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if progress.lines == kill_after:
                    break
                progress.lines += 1
                self._carry_out(rank, line.decode(errors="surrogateescape"), progress, wanted)
            if progress.lines == kill_after:
                process.kill()
                return None
        return rest

    def _carry_out(
        self, rank: int, line: str, progress: _Progress, wanted: trio.MemorySendChannel[int]
    ) -> None:
        seat = self.seats[rank]
        found = _LINE.fullmatch(line)
        named = found and (found["to"] or found["req"] or found["reset"])
        if found is None or (named is not None and int(named) >= self.n):
            self.fail(BadLine(f"rank {rank} wrote {line[:200]!r}"))
        elif found["log"] is not None:
            progress.logged += 1
            if progress.logged > len(seat.log):
                seat.log.append(found["log"])
        elif found["to"] is not None:
            self._send(rank, int(found["to"]), found["text"], progress)
        elif found["req"] is not None:
            wanted.send_nowait(int(found["req"]))
        else:
            progress.resets += 1
            if progress.resets > seat.resets:
                seat.resets += 1
                self._reset(int(found["reset"]))

    def _send(self, rank: int, to: int, text: str, progress: _Progress) -> None:
        sent, number = self.seats[rank].sent[to], progress.sent[to]
        progress.sent[to] += 1
        if number == len(sent):
            sent.append(text)
            self._announce()
        elif sent[number] != text:
            where = f"message {number} from rank {rank} to rank {to}"
            self.fail(Diverged(f"{where} was {sent[number][:200]!r}, and is {text[:200]!r} after a restart"))

    def _reset(self, rank: int) -> None:
        self.seats[rank].to_reset = True
        self.seats[rank].scope.cancel()
        self._announce()

    async def _answer(
        self, rank: int, process: trio.Process, requests: trio.MemoryReceiveChannel[int]
    ) -> None:
        """Answer one incarnation's requests in their order, from the first message of each source on."""
        assert process.stdin is not None
        seat = self.seats[rank]
        taken: Counter[int] = Counter()
        async for source in requests:
            sent = self.seats[source].sent[rank]
            while taken[source] == len(sent):
                seat.doing = f"waits for message {taken[source]} from rank {source}"
                await self._news.wait()
            seat.doing = "runs"
            text = sent[taken[source]]
            taken[source] += 1
            try:
                await process.stdin.send_all(text.encode(errors="surrogateescape") + b"\n")
            except trio.BrokenResourceError:
                return  # the process has closed its input or has ended: its exit code says which
