"""One daemon process of a local pool: started, asked, and ended for certain."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import trio

from ...config import ReplayOptions, RestartPolicy
from ...errors import CannotSpawn, DaemonEnded, InstallFailed
from ...events import Event, PeerJoined, PeerLost, PeerOffers
from ...ids import JobId, PeerId, Rank
from ...process.exit import Exit
from ...wire.control import (
    BreakLane,
    ControlRequest,
    DaemonStatus,
    Feed,
    GetStatus,
    Obstruct,
    Offer,
    Open,
    Start,
    WaitPrepared,
)
from ...wire.script import ScriptProgram
from .client import ControlClient
from .job import LocalJob

T = TypeVar("T")

STOP_DEADLINE = 2.0
"""Seconds that a daemon has to stop in an orderly way before it is killed: people wait for it."""

_KEPT_ERRORS = 4096
"""Bytes at the end of a daemon's standard error that are kept: they may say why it ended."""
_KEPT_JOBS = 100
"""Jobs that have ended and are kept, of each daemon: a caller may be about to ask for their events."""

OnEvent = Callable[["LocalPeer", float, Event], Awaitable[None]]
"""Awaited with a peer, the time (seconds since 1970) of an event, and the event. Meanwhile further events of
that peer wait; if this takes long, so do the ranks that log lines in the jobs that it coordinates."""


class LocalPeer:
    """A daemon in a process of its own. `LocalPool` makes it.

    Args:
        index: the number of the daemon in the pool.
        directory: the daemon's own directory, for all that it writes.
        debug: repeat the daemon's standard error on that of this process.
        on_change: called when the daemon is up, has ended, or sees other peers than before.
        on_event: see `OnEvent`.
    """

    def __init__(
        self,
        index: int,
        directory: Path,
        *,
        debug: bool,
        on_change: Callable[[], None],
        on_event: OnEvent | None,
    ) -> None:
        self.index = index
        self.directory = directory
        self.id = PeerId("")
        """The peer's identity; empty before the daemon is open."""
        self.addresses: tuple[str, ...] = ()
        self.interpreters: tuple[str, ...] | None = None
        """The programs that the peer offers; None before that is known."""
        self.failed: dict[str, str] = {}
        """Why the peer does not offer other interpreters of its store, by their names."""
        self.sees: dict[PeerId, tuple[str, ...]] = {}
        """The peers that this peer is connected with, and what it knows that they offer."""
        self.frozen = False
        self.ended = trio.Event()
        """Set when the process has ended and its last events were received."""
        self._debug = debug
        self._on_change = on_change
        self._on_event = on_event
        self._jobs: dict[JobId, LocalJob] = {}
        self._errors = b""
        self._process: trio.Process | None = None
        self._client: ControlClient | None = None

    @property
    def pid(self) -> int:
        """The pid of the daemon."""
        return self._running().pid

    @property
    def alive(self) -> bool:
        """Whether the process has started and has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def is_open(self) -> bool:
        """Whether the daemon listens, or did before it ended."""
        return bool(self.id)

    def describe_end(self) -> str:
        """Return how the process ended, with the end of its standard error."""
        code = None if self._process is None else self._process.returncode
        if code is None:
            return f"peer {self.index} has closed its control socket"
        how = Exit(code) if code >= 0 else Exit(None, -code)
        said = self._errors.decode(errors="replace").strip()
        return f"peer {self.index} has ended: {how.describe()}" + (f"; it wrote:\n{said}" if said else "")

    # --- requests -----------------------------------------------------------------------------------------

    async def ask(self, request: ControlRequest[T]) -> T:
        """Send the daemon a request, and return the answer.

        Raises:
            MpiActorsError: the error that the daemon raised.
            DaemonEnded: the daemon has not started, or has ended.
        """
        client = self._started_client()
        try:
            return await client.ask(request)
        except DaemonEnded:
            with trio.move_on_after(STOP_DEADLINE):
                await self.ended.wait()
            raise DaemonEnded(self.describe_end()) from None

    async def open(self, request: Open) -> None:
        """Open the daemon, and wait until it listens.

        Raises:
            MpiActorsError: the error that the daemon raised.
            DaemonEnded: the daemon ended before.
        """
        opened = await self.ask(request)
        self.id, self.addresses = opened.peer, opened.addresses
        self._on_change()

    async def prepare(self) -> None:
        """Wait until the daemon has installed the interpreters of its store, as far as it can.

        Raises:
            DaemonEnded: the daemon ended before.
        """
        prepared = await self.ask(WaitPrepared())
        self.interpreters, self.failed = prepared.interpreters, prepared.failed
        self._on_change()

    async def offer(self, script: ScriptProgram) -> None:
        """Make the daemon offer a script, too.

        Raises:
            UsageError: the daemon offers another script of that name.
            DaemonEnded: the daemon has ended.
        """
        offered = await self.ask(Offer(script=script))
        if self.interpreters is not None:
            self.interpreters = offered
        self._on_change()

    def close_input(self, program: str, path: Path) -> None:
        """What rank 0 of a program reads ends where it is now. Harmless when the daemon has ended."""
        if self._client is not None:
            self._client.post(Feed(program=program, path=str(path), size=0, ended=True))

    async def status(self) -> DaemonStatus:
        """Return what the daemon is and does now.

        Raises:
            DaemonEnded: the daemon has ended.
        """
        return await self.ask(GetStatus())

    async def start(
        self,
        program: str,
        size: int,
        args: tuple[str, ...],
        restart: RestartPolicy | None,
        replay: ReplayOptions | None = None,
    ) -> LocalJob:
        """Start a job that this peer coordinates.

        Raises:
            InstallFailed: the peer's store has the program, but the peer could not install it.
            UnknownInterpreter: the peer does not offer the program.
            UsageError: the number of ranks is not usable.
            DaemonEnded: the daemon has ended.
        """
        if program in self.failed:
            raise InstallFailed(f"cannot install {program}: {self.failed[program]}")
        options = replay or ReplayOptions()
        request = Start(program=program, size=size, args=args, restart=restart, replay=options)
        job = self._job(await self.ask(request))
        if self.ended.is_set():
            job.on_coordinator_lost(f"its coordinator, {self.describe_end()}")
        return job

    # --- for tests of losses ------------------------------------------------------------------------------

    def obstruct(self, peer: PeerId, *, cut: bool, delay: float) -> None:
        """Change what passes between this daemon and a peer. Harmless when the daemon has ended.

        Args:
            peer: the other end.
            cut: let no bytes pass.
            delay: seconds for which bytes to the peer wait.
        """
        if self._client is not None:
            self._client.post(Obstruct(peer=peer, cut=cut, delay=delay))

    def break_lane(self, job: JobId, rank: Rank, other: Rank) -> None:
        """End the lane between two ranks, as far as it is here. Harmless when the daemon has ended."""
        if self._client is not None:
            self._client.post(BreakLane(job=job, rank=rank, other=other))

    # --- signals ------------------------------------------------------------------------------------------

    async def kill(self) -> None:
        """End the daemon with SIGKILL, and wait for its end. Do nothing if it has ended."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()

    def abandon(self) -> None:
        """End the daemon with SIGKILL, without waiting. Do nothing if it has ended."""
        if self._process is not None:
            self._process.kill()

    def freeze(self) -> None:
        """Stop the daemon with SIGSTOP. Do nothing if it has ended."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)
            self.frozen = self.alive
            self._on_change()

    def thaw(self) -> None:
        """Let the daemon go on with SIGCONT. Do nothing if it has ended."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self.frozen = False
            self._on_change()

    # --- its life -----------------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start the process, and serve it until it ends; `started()` when it takes requests.

        When this is cancelled, the daemon stops in an orderly way, or is killed after `STOP_DEADLINE`
        seconds. When this returns, the daemon and all processes of its ranks have ended.

        Raises:
            CannotSpawn: the operating system refused to start the process.
        """
        self._client = client = await self._spawn()
        process = self._running()
        assert process.stderr is not None
        try:
            task_status.started()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._read_errors, process.stderr)
                async with trio.open_nursery() as inner:
                    inner.start_soon(client.run)
                    await process.wait()
                self._on_end()
        finally:
            with trio.CancelScope(shield=True):
                await self._end(process, client, process.stderr)
            self._on_end()

    async def _spawn(self) -> ControlClient:
        with ExitStack() as theirs, ExitStack() as ours:
            try:
                pairs = [socket.socketpair() for _ in range(2)]
                for mine, other in pairs:
                    ours.enter_context(mine)
                    theirs.enter_context(other)
                    mine.setblocking(False)
                numbers = [other.fileno() for _, other in pairs]
                self._process = await trio.lowlevel.open_process(
                    [
                        sys.executable,
                        "-m",
                        "mpi_actors.pool.local.served",
                        *map(str, numbers),
                        str(self.directory),
                    ],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    pass_fds=numbers,
                    # its own process group, so that Ctrl-C does not reach it; but our session, so that the
                    # kernel sends it SIGHUP if it is frozen when we die
                    process_group=0,
                    env=_environment(),
                )
            except OSError as error:
                raise CannotSpawn(f"cannot start a daemon: {error.strerror}") from error
            ours.pop_all()
        streams = [trio.SocketStream(trio.socket.from_stdlib_socket(mine)) for mine, _ in pairs]
        return ControlClient(streams[0], streams[1], self._on_daemon_event)

    async def _read_errors(self, stream: trio.abc.ReceiveStream) -> None:
        """Read to the end of the stream: the warden process keeps it open until the last rank has ended."""
        async for data in stream:
            if self._debug:
                os.write(2, data)
            self._errors = (self._errors + data)[-_KEPT_ERRORS:]

    async def _end(
        self, process: trio.Process, client: ControlClient, errors: trio.abc.ReceiveStream
    ) -> None:
        client.hang_up()
        if not self.is_open:
            process.kill()  # it hosts no ranks, and may be busy starting up
        elif self.frozen:
            process.send_signal(signal.SIGCONT)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read_errors, errors)
            with trio.move_on_after(STOP_DEADLINE):
                await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()
            nursery.cancel_scope.deadline = trio.current_time() + STOP_DEADLINE
        await errors.aclose()

    def _on_end(self) -> None:
        if not self.ended.is_set():
            self.ended.set()
            self.sees.clear()
            for job in self._jobs.values():
                job.on_coordinator_lost(f"its coordinator, {self.describe_end()}")
            self._on_change()

    # --- inside -------------------------------------------------------------------------------------------

    async def _on_daemon_event(self, time: float, event: Event) -> None:
        match event:
            case PeerJoined(peer=peer, interpreters=offers) | PeerOffers(peer=peer, interpreters=offers):
                self.sees[peer] = offers
                self._on_change()
            case PeerLost(peer=peer):
                self.sees.pop(peer, None)
                self._on_change()
        if self._on_event is not None:
            # first: a task that waits for the end of the job may stop all this before the event is shown
            await self._on_event(self, time, event)
        name = getattr(event, "job", None)
        if name is not None:
            self._job(name).on_event(time, event)

    def _job(self, id: JobId) -> LocalJob:
        job = self._jobs.get(id)
        if job is None:
            over = [id for id, job in self._jobs.items() if job.result is not None]
            for old in over[: max(0, len(over) - _KEPT_JOBS)]:
                del self._jobs[old]
            job = self._jobs[id] = LocalJob(id, self._started_client())
        return job

    def _started_client(self) -> ControlClient:
        if self._client is None:
            raise DaemonEnded(f"peer {self.index} has not been started")
        return self._client

    def _running(self) -> trio.Process:
        if self._process is None:
            raise DaemonEnded(f"peer {self.index} has not been started")
        return self._process


def _environment() -> dict[str, str]:
    """Return this process's environment, changed so that the daemon finds this same package."""
    place = str(Path(__file__).resolve().parents[3])
    path = os.environ.get("PYTHONPATH", "")
    if place in sys.path and not place.endswith(("site-packages", "dist-packages")):
        path = os.pathsep.join(filter(None, (place, path)))
    return {**os.environ, "PYTHONPATH": path} if path else dict(os.environ)
