"""One console: it executes lines, says what happens, and knows its own jobs. Its front reads and writes."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Sequence

import trio

from ..._version import __version__
from ...content.store.backend import ContentBackend
from ...daemon.real import RealDaemon
from ...errors import MpiActorsError, UsageError
from ...events import Event, JobStarted
from ...ids import JobId
from ...jobs.job import Job
from .. import exit_codes
from ..output.outbox import Outbox
from ..text.show import TextKind, show
from ..text.tables import one_line
from .completion import Vocabulary
from .registry import check_count, find, split

_PATIENCE = 0.5
"""Seconds that the console waits in silence; then it says what it waits for."""
_MAX_ERROR = 2000
"""Characters of an error's text that the console shows: a screenful."""


class Console:
    """What the commands see of the daemon and of the person.

    Args:
        real: the daemon.
        outbox: takes the texts that the front shows.
        quiet: show only what programs log, answers to commands, and failures.
        interactive: a person at a terminal works the console and sees what failed: the exit code is 0.
    """

    def __init__(self, real: RealDaemon, outbox: Outbox, *, quiet: bool, interactive: bool) -> None:
        self.real = real
        self.outbox = outbox
        self.interactive = interactive
        self.leaving = False
        """Whether the person has entered `exit`."""
        self._quiet = quiet
        self._running: dict[JobId, Job] = {}
        self._began: dict[JobId, float] = {}
        self._job_failed = False
        self._command_failed = False
        self._current: trio.CancelScope | None = None

    # --- output -------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Show an answer to a command."""
        self.outbox.put(text)

    def say_lines(self, lines: Iterable[str]) -> None:
        """Show an answer of several lines."""
        self.say("\n".join(lines))

    def news(self, text: str) -> None:
        """Show a text that a quiet console leaves out."""
        if not self._quiet:
            self.outbox.put(text)

    def complain(self, text: str) -> None:
        """Show a text on standard error: something went wrong."""
        self.outbox.put(text, error=True)

    def on_event(self, event: Event) -> None:
        """Show an event that has happened, if it is for people."""
        if isinstance(event, JobStarted):
            self._began[event.job] = trio.current_time()
        shown = show(event, several=self.interactive and self._several())
        if shown is None or (self._quiet and shown.kind is TextKind.NEWS):
            return
        self.outbox.put(shown.text, error=shown.kind.is_error)

    def greet(self) -> None:
        """Say who this peer is, and with which flags others can join it."""
        daemon = self.real.daemon
        self.news(f"mpi-actors {__version__}, peer {daemon.local}")
        self.news(f"pool {daemon.pool}, {self._in_store()}")
        for line in self.real.content_lines:
            self.news(line)
        self.news("for others to join:")
        for address in daemon.transport.addresses:
            self.news(f"  {self._store_flag()}-peer {address}")
        if self.interactive:
            self.news("`help` lists the commands")

    def _in_store(self) -> str:
        source = self.real.source
        if source is None:
            return "no store of interpreters"
        if not source.opened:
            return "its store is not opened yet"
        count = len(source.names())
        return f"{count} interpreter{'' if count == 1 else 's'} in the store"

    def _store_flag(self) -> str:
        path = self.real.store_path
        return "" if path is None else f"-ipfs-store {path} "

    # --- commands ----------------------------------------------------------------------------------

    async def execute(self, line: str) -> None:
        """Execute a line. Errors are shown, and not raised."""
        try:
            words = split(line)
            if not words:
                return
            command = find(words[0])
            check_count(command, words[1:])
            await command.run(self, words[1:])
        except MpiActorsError as error:
            self._on_error(error)

    async def each(self, names: Sequence[str], act: Callable[[str], Awaitable[None]]) -> None:
        """Call `act` with each name; an error is shown, and the other names still get their turn."""
        for name in names:
            try:
                await act(name)
            except MpiActorsError as error:
                self._on_error(error)

    def _on_error(self, error: MpiActorsError) -> None:
        self._command_failed = True
        self.complain(f"error: {one_line(str(error), _MAX_ERROR)}")

    async def interruptible(self, act: Callable[[], Awaitable[None]]) -> bool:
        """Run `act` so that `interrupt` can stop it; return whether it came to its end."""
        with trio.CancelScope() as self._current:
            await act()
        stopped = self._current.cancelled_caught
        self._current = None
        return not stopped

    def interrupt(self) -> bool:
        """Stop the running command, if there is one; return whether there was."""
        if self._current is None:
            return False
        self._current.cancel()
        return True

    async def prepared(self, limit: float = math.inf) -> None:
        """Wait until the daemon has installed the interpreters of its store, and say so if that takes long.

        Args:
            limit: seconds after which the wait ends in any case.
        """
        ready = self.real.prepared
        with trio.move_on_after(_PATIENCE):
            await ready.wait()
        if not ready.is_set():
            self.news("waiting for the interpreters to be installed …")
            with trio.move_on_after(limit):
                await ready.wait()

    def backend(self) -> ContentBackend:
        """Return the backend that keeps and finds content.

        Raises:
            UsageError: this peer has only a directory as its store, and no content.
        """
        backend = self.real.backend
        if backend is None:
            raise UsageError(
                "this peer works without IPFS: start it with -ipfs-api embedded, or with the address of an "
                "IPFS daemon"
            )
        return backend

    # --- jobs ---------------------------------------------------------------------------------------------

    def own(self, job: Job) -> None:
        """Remember a job that was started at this console."""
        self._count_ended()
        self._running[job.id] = job

    def job(self, name: str) -> Job:
        """Return the job whose id begins with `name`.

        Raises:
            UnknownJob: no job's id begins so, or more than one does.
        """
        return self.real.daemon.job(name.lower())

    def seconds_of(self, job: Job) -> float:
        """Return the seconds for which a job has been running, or ran."""
        if job.result is not None:
            return job.result.seconds
        now = trio.current_time()
        return now - self._began.get(job.id, now)

    def vocabulary(self) -> Vocabulary:
        """Return the names that completion can offer now."""
        listing = self.real.depot.listing() if self.real.prepared.is_set() else []
        return Vocabulary(
            installed=tuple(entry.name for entry in listing if entry.state == "installed"),
            available=tuple(entry.name for entry in listing if entry.state != "installed"),
            pinned=tuple(entry.name for entry in listing if entry.pinned),
            jobs=tuple(self.real.daemon.jobs),
        )

    async def finish(self) -> None:
        """Wait until the jobs that were started at this console have ended."""
        with trio.move_on_after(_PATIENCE):
            await self._wait_for_jobs()
        self._count_ended()
        if self._running:
            self.news(f"waiting for jobs to end: {', '.join(self._running)}; Ctrl-C ends them at once")
            await self._wait_for_jobs()
            self._count_ended()

    @property
    def exit_code(self) -> int:
        """0 if a person works the console; else 3 if a job failed, else 2 if a command failed, else 0."""
        if self.interactive:
            return exit_codes.OK
        self._count_ended()
        if self._job_failed:
            return exit_codes.JOB_FAILED
        return exit_codes.USAGE if self._command_failed else exit_codes.OK

    async def _wait_for_jobs(self) -> None:
        for job in tuple(self._running.values()):
            await job.wait()

    def _several(self) -> bool:
        return sum(job.result is None for job in self._running.values()) > 1

    def _count_ended(self) -> None:
        for job in tuple(self._running.values()):
            if job.result is not None:
                self._job_failed |= not job.result.ok
                del self._running[job.id]
                self._began.pop(job.id, None)
