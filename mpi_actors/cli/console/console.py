"""One console: what it was told, what it says, which jobs are its own. Its front reads and writes."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Iterable, Sequence

import trio

from ..._version import __version__
from ...content.store.backend import ContentBackend
from ...daemon.real import RealDaemon
from ...errors import MpiActorsError, UsageError
from ...events import Event, JobStarted, Log
from ...ids import JobId
from ...jobs.job import Job
from .. import exit_codes
from ..output.outbox import Outbox
from ..text.show import TextKind, show
from ..text.tables import one_line
from .completion import Vocabulary
from .registry import check_count, find, split

_PATIENCE = 0.5  # seconds of waiting before it is said for what


class Console:
    """The commands' view of a daemon, and of the person.

    Args:
        node: the daemon.
        outbox: takes what is to be shown.
        quiet: show only what programs log, what was asked for, and failures.
        interactive: a person sits there, who sees by themselves what failed.
    """

    def __init__(self, node: RealDaemon, outbox: Outbox, *, quiet: bool, interactive: bool) -> None:
        self.node = node
        self.outbox = outbox
        self.interactive = interactive
        self.leaving = False
        """`exit` was said."""
        self._quiet = quiet
        self._running: dict[JobId, Job] = {}
        self._began: dict[JobId, float] = {}
        self._job_failed = False
        self._command_failed = False
        self._current: trio.CancelScope | None = None

    # --- what it says -------------------------------------------------------------------------------------

    def say(self, text: str) -> None:
        """Something that was asked for."""
        self.outbox.put(text)

    def say_lines(self, lines: Iterable[str]) -> None:
        """The same, in lines."""
        self.say("\n".join(lines))

    def news(self, text: str) -> None:
        """Something that a quiet console leaves out."""
        if not self._quiet:
            self.outbox.put(text)

    def complain(self, text: str) -> None:
        """Something that went wrong."""
        self.outbox.put(text, error=True)

    def hear(self, event: Event) -> None:
        """An event has happened: show it."""
        if isinstance(event, JobStarted):
            self._began[event.job] = trio.current_time()
        shown = show(event, several=self.interactive and self._several())
        if shown is None or (self._quiet and shown.kind is TextKind.NEWS):
            return
        droppable = isinstance(event, Log) and event.stream == "stderr"
        self.outbox.put(shown.text, error=shown.kind.is_error, droppable=droppable)

    def greet(self) -> None:
        """Say who this peer is, and how others find it."""
        daemon = self.node.daemon
        self.news(f"mpi-actors {__version__}, peer {daemon.local}")
        self.news(f"pool {daemon.pool}, {self._in_store()}")
        for line in self.node.content_lines:
            self.news(line)
        self.news("for others to join:")
        for address in daemon.transport.addresses:
            self.news(f"  {self._store_flag()}-peer {address}")
        if self.interactive:
            self.news("`help` lists the commands")

    def _in_store(self) -> str:
        source = self.node.source
        if source is None:
            return "no store of interpreters"
        if not source.opened:
            return "its store is looked for"
        count = len(source.names())
        return f"{count} interpreter{'' if count == 1 else 's'} in the store"

    def _store_flag(self) -> str:
        path = self.node.store_path
        return "" if path is None else f"-ipfs-store {path} "

    # --- what it is told ----------------------------------------------------------------------------------

    async def execute(self, line: str) -> None:
        """Do what a line says. Errors are told, and not raised."""
        try:
            words = split(line)
            if not words:
                return
            command = find(words[0])
            check_count(command, words[1:])
            await command.run(self, words[1:])
        except MpiActorsError as error:
            self._fail(error)

    async def each(self, names: Sequence[str], act: Callable[[str], Awaitable[None]]) -> None:
        """Do something for each name, also when it failed for some."""
        for name in names:
            try:
                await act(name)
            except MpiActorsError as error:
                self._fail(error)

    def _fail(self, error: MpiActorsError) -> None:
        self._command_failed = True
        self.complain(f"error: {one_line(str(error), 2000)}")

    async def interruptible(self, act: Callable[[], Awaitable[None]]) -> bool:
        """Do something that `interrupt` can stop; whether it came to its end."""
        with trio.CancelScope() as self._current:
            await act()
        stopped = self._current.cancelled_caught
        self._current = None
        return not stopped

    def interrupt(self) -> bool:
        """Stop what is being done, if anything is; whether there was something."""
        if self._current is None:
            return False
        self._current.cancel()
        return True

    async def prepared(self, most: float = math.inf) -> None:
        """Wait until the interpreters of the store are installed, and say so if it takes long.

        Args:
            most: seconds after which to go on all the same.
        """
        ready = self.node.prepared
        with trio.move_on_after(_PATIENCE):
            await ready.wait()
        if not ready.is_set():
            self.news("waiting for the interpreters to be installed …")
            with trio.move_on_after(most):
                await ready.wait()

    def backend(self) -> ContentBackend:
        """Where content is kept and found.

        Raises:
            UsageError: this peer has only a directory for a store.
        """
        backend = self.node.backend
        if backend is None:
            raise UsageError(
                "this peer does without IPFS: start it with -ipfs-api embedded, or with the address of an "
                "IPFS daemon"
            )
        return backend

    # --- jobs ---------------------------------------------------------------------------------------------

    def own(self, job: Job) -> None:
        """A job was started from here."""
        self._count_ended()
        self._running[job.id] = job

    def job(self, name: str) -> Job:
        """The job whose name begins so.

        Raises:
            UnknownJob: there is none, or more than one.
        """
        return self.node.daemon.job(name.lower())

    def seconds_of(self, job: Job) -> float:
        """How long a job has been running, or ran."""
        if job.result is not None:
            return job.result.seconds
        now = trio.current_time()
        return now - self._began.get(job.id, now)

    def vocabulary(self) -> Vocabulary:
        """The names that there are now."""
        listing = self.node.depot.listing() if self.node.prepared.is_set() else []
        return Vocabulary(
            installed=tuple(entry.name for entry in listing if entry.state == "installed"),
            available=tuple(entry.name for entry in listing if entry.state != "installed"),
            pinned=tuple(entry.name for entry in listing if entry.pinned),
            jobs=tuple(self.node.daemon.jobs),
        )

    async def finish(self) -> None:
        """Wait for the jobs that were started from here."""
        with trio.move_on_after(_PATIENCE):
            await self._wait_for_jobs()
        self._count_ended()
        if self._running:
            self.news(f"waiting for jobs to end: {', '.join(self._running)}; Ctrl-C ends them at once")
            await self._wait_for_jobs()
            self._count_ended()

    @property
    def exit_code(self) -> int:
        """0; or of a console that nobody watches, 3 if a job failed, else 2 if a command did."""
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
