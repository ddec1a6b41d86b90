"""One daemon process of a local pool: started, spoken to, and ended for certain."""

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

from ...config import RestartPolicy
from ...errors import CannotSpawn, DaemonEnded, InstallFailed
from ...events import Event, PeerJoined, PeerLost, PeerOffers
from ...ids import JobId, PeerId
from ...process.exit import Exit
from ...wire.control import (
    ControlRequest,
    DaemonStatus,
    Feed,
    GetStatus,
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
"""Seconds that a daemon has to stop in an orderly way before it is killed."""

_TAIL = 4096
_KEPT_JOBS = 100

OnEvent = Callable[["LocalPeer", float, Event], Awaitable[None]]
"""Awaited with each event that a peer tells, and its time (seconds since 1970). That peer's next events
wait meanwhile; when that lasts, so do the log lines of the jobs that it coordinates."""


class LocalPeer:
    """A daemon in a process of its own. Made by `LocalPool`.

    Args:
        index: its number in the pool.
        directory: its own, for everything that it writes.
        debug: repeat what it writes to standard error on ours.
        changed: called when it has come, gone, or sees other peers than before.
        on_event: see `OnEvent`.
    """

    def __init__(
        self,
        index: int,
        directory: Path,
        *,
        debug: bool,
        changed: Callable[[], None],
        on_event: OnEvent | None,
    ) -> None:
        self.index = index
        self.directory = directory
        self.id = PeerId("")
        """Its identity; empty before it is open."""
        self.addresses: tuple[str, ...] = ()
        self.interpreters: tuple[str, ...] | None = None
        """What it offers; None before that is known."""
        self.failed: dict[str, str] = {}
        """Why it does not offer others of its store, by name."""
        self.sees: dict[PeerId, tuple[str, ...]] = {}
        """The peers that it is connected with, and what it knows that they offer."""
        self.frozen = False
        self.ended = trio.Event()
        """Set when its process has ended and its last events have been heard."""
        self._debug = debug
        self._changed = changed
        self._on_event = on_event
        self._jobs: dict[JobId, LocalJob] = {}
        self._errors = b""
        self._process: trio.Process | None = None
        self._client: ControlClient | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._running().pid

    @property
    def alive(self) -> bool:
        """Its process has been started and has not ended."""
        return self._process is not None and self._process.returncode is None

    @property
    def is_open(self) -> bool:
        """It listens, or did."""
        return bool(self.id)

    def describe_end(self) -> str:
        """How its process ended, with the last that it wrote to standard error."""
        code = None if self._process is None else self._process.returncode
        if code is None:
            return f"peer {self.index} has closed its control channel"
        how = Exit(code) if code >= 0 else Exit(None, -code)
        said = self._errors.decode(errors="replace").strip()
        return f"peer {self.index} has ended: {how.describe()}" + (f"; it wrote:\n{said}" if said else "")

    # --- what it is asked ---------------------------------------------------------------------------------

    async def ask(self, request: ControlRequest[T]) -> T:
        """Ask the daemon anything.

        Raises:
            MpiActorsError: what the daemon raised.
            DaemonEnded: it has ended.
        """
        if self._client is None:
            raise DaemonEnded(f"peer {self.index} has not been started")
        try:
            return await self._client.ask(request)
        except DaemonEnded:
            with trio.move_on_after(STOP_DEADLINE):
                await self.ended.wait()
            raise DaemonEnded(self.describe_end()) from None

    async def open(self, request: Open) -> None:
        """Open the daemon, and wait until it listens.

        Raises:
            MpiActorsError: what the daemon raised.
            DaemonEnded: it ended before.
        """
        opened = await self.ask(request)
        self.id, self.addresses = opened.peer, opened.addresses
        self._changed()

    async def prepare(self) -> None:
        """Wait until it has installed what it can.

        Raises:
            DaemonEnded: it ended before.
        """
        prepared = await self.ask(WaitPrepared())
        self.interpreters, self.failed = prepared.interpreters, prepared.failed
        self._changed()

    async def offer(self, script: ScriptProgram) -> None:
        """Have it offer a script, too.

        Raises:
            UsageError: it offers another one under that name.
            DaemonEnded: it has ended.
        """
        offered = await self.ask(Offer(script=script))
        if self.interpreters is not None:
            self.interpreters = offered
        self._changed()

    def close_input(self, program: str, path: Path) -> None:
        """What rank 0 of a program reads ends where it is now. Harmless when the daemon has ended."""
        if self._client is not None:
            self._client.post(Feed(program=program, path=str(path), size=0, ended=True))

    async def status(self) -> DaemonStatus:
        """How it is now.

        Raises:
            DaemonEnded: it has ended.
        """
        return await self.ask(GetStatus())

    async def start(
        self, program: str, size: int, args: tuple[str, ...], restart: RestartPolicy | None
    ) -> LocalJob:
        """Start a job that it coordinates.

        Raises:
            InstallFailed: its store has the program, but it could not be installed there.
            UnknownInterpreter: it does not offer the program.
            UsageError: the number of ranks is not usable.
            DaemonEnded: it has ended.
        """
        if program in self.failed:
            raise InstallFailed(f"cannot install {program}: {self.failed[program]}")
        request = Start(program=program, size=size, args=args, restart=restart)
        job = self._job(await self.ask(request))
        if self.ended.is_set():
            job.lose(f"its coordinator, {self.describe_end()}")
        return job

    # --- signals ------------------------------------------------------------------------------------------

    async def kill(self) -> None:
        """End it with SIGKILL, and wait until it has gone. Harmless when it has."""
        if self._process is not None:
            self._process.kill()
            await self._process.wait()

    def abandon(self) -> None:
        """End it with SIGKILL without waiting. Harmless when it has ended."""
        if self._process is not None:
            self._process.kill()

    def freeze(self) -> None:
        """Stop it with SIGSTOP. Harmless when it has ended."""
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)
            self.frozen = self.alive
            self._changed()

    def thaw(self) -> None:
        """Let it go on with SIGCONT. Harmless when it has ended."""
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self.frozen = False
            self._changed()

    # --- its life -----------------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Start the process and serve it until it ends; `started()` when it can be asked.

        When cancelled, the daemon stops in an orderly way, or is killed after `STOP_DEADLINE` seconds. Once
        this returns, its process and all those of its ranks have gone.

        Raises:
            CannotSpawn: the operating system refused.
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
                self._has_ended()
        finally:
            with trio.CancelScope(shield=True):
                await self._end(process, client)
            self._has_ended()

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
                    # a group of its own, out of reach of Ctrl-C; but our session, so that the kernel hangs up
                    # on it if it is frozen when we die
                    process_group=0,
                    env=_environment(),
                )
            except OSError as error:
                raise CannotSpawn(f"cannot start a daemon: {error.strerror}") from error
            ours.pop_all()
        streams = [trio.SocketStream(trio.socket.from_stdlib_socket(mine)) for mine, _ in pairs]
        return ControlClient(streams[0], streams[1], self._hear)

    async def _read_errors(self, stream: trio.abc.ReceiveStream) -> None:
        """To the end of the stream, which the daemon's helper holds open until the last rank has gone."""
        async for data in stream:
            if self._debug:
                os.write(2, data)
            self._errors = (self._errors + data)[-_TAIL:]

    async def _end(self, process: trio.Process, client: ControlClient) -> None:
        assert process.stderr is not None
        client.hang_up()
        if not self.is_open:
            process.kill()  # nothing runs there yet, and it may be busy starting up
        elif self.frozen:
            process.send_signal(signal.SIGCONT)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read_errors, process.stderr)
            with trio.move_on_after(STOP_DEADLINE):
                await process.wait()
            if process.returncode is None:
                process.kill()
                await process.wait()
            nursery.cancel_scope.deadline = trio.current_time() + STOP_DEADLINE
        await process.stderr.aclose()

    def _has_ended(self) -> None:
        if not self.ended.is_set():
            self.ended.set()
            self.sees.clear()
            for job in self._jobs.values():
                job.lose(f"its coordinator, {self.describe_end()}")
            self._changed()

    # --- inside -------------------------------------------------------------------------------------------

    async def _hear(self, time: float, event: Event) -> None:
        match event:
            case PeerJoined(peer=peer, interpreters=offers) | PeerOffers(peer=peer, interpreters=offers):
                self.sees[peer] = offers
                self._changed()
            case PeerLost(peer=peer):
                self.sees.pop(peer, None)
                self._changed()
        if self._on_event is not None:
            # first, so that nobody who waits for the job's end makes it miss that
            await self._on_event(self, time, event)
        name = getattr(event, "job", None)
        if name is not None:
            self._job(name).hear(time, event)

    def _job(self, id: JobId) -> LocalJob:
        job = self._jobs.get(id)
        if job is None:
            over = [id for id, job in self._jobs.items() if job.result is not None]
            for old in over[: max(0, len(over) - _KEPT_JOBS)]:
                del self._jobs[old]
            assert self._client is not None
            job = self._jobs[id] = LocalJob(id, self._client)
        return job

    def _running(self) -> trio.Process:
        if self._process is None:
            raise DaemonEnded(f"peer {self.index} has not been started")
        return self._process


def _environment() -> dict[str, str]:
    """Ours, in which the daemon finds this very package."""
    place = str(Path(__file__).resolve().parents[3])
    path = os.environ.get("PYTHONPATH", "")
    if place in sys.path and not place.endswith(("site-packages", "dist-packages")):
        path = os.pathsep.join(filter(None, (place, path)))
    return {**os.environ, "PYTHONPATH": path} if path else dict(os.environ)
