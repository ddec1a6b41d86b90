"""Spawns programs, none of which outlives the daemon, not even after `kill -9`."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import ExitStack

import trio

from ..errors import CannotSpawn, WardenLost
from .exit import Exit
from .spec import ProcessSpec
from .warden_process import WardenProcess, WardState

CHANNEL = 3
"""The number of the descriptor that is a program's channel: the first after standard error."""
PAGE = 4
"""The number of the descriptor that is the memory in which a program records its choices."""


class Process:
    """A program that runs or has ended. `Warden.spawn` makes it.

    Its owner calls `close()` when done. What the program wrote can still be read after the program's end.
    """

    def __init__(
        self,
        warden_process: WardenProcess,
        ward: WardState,
        pipes: tuple[int, int, int],
        channel: socket.socket | None = None,
    ) -> None:
        self._warden_process = warden_process
        self._ward = ward
        self.channel = channel
        """The daemon's end of the channel, if the program has one. It does not block."""
        self._streams = tuple(trio.lowlevel.FdStream(fd) for fd in pipes)

    @property
    def pid(self) -> int:
        """The pid of the program's first process, for people: after the end it may be another's."""
        return self._ward.pid

    @property
    def stdin(self) -> trio.abc.SendStream:
        """The program's standard input. Sending raises `trio.BrokenResourceError` when nobody reads."""
        return self._streams[0]

    @property
    def stdout(self) -> trio.lowlevel.FdStream:
        """The program's standard output."""
        return self._streams[1]

    @property
    def stderr(self) -> trio.lowlevel.FdStream:
        """The program's standard error."""
        return self._streams[2]

    async def wait(self) -> Exit:
        """Wait until the program and all its descendants have ended. Several tasks may wait."""
        await self._ward.ended.wait()
        return self._ward.exit

    def kill(self) -> None:
        """Send SIGKILL to the program and all its descendants, unless it has ended. `wait` returns soon."""
        self._warden_process.signal(self._ward, signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Send a signal to the program's process group, unless the program has ended."""
        self._warden_process.signal(self._ward, number)

    def close(self) -> None:
        """Close the daemon's ends of its streams and of its channel. This does not end the program."""
        for stream in self._streams:
            stream.close()
        if self.channel is not None:
            self.channel.close()


class Warden:
    """Spawns programs through a warden process, which kills them when the daemon dies.

    `run` must be running. The first `spawn` starts the warden process; a later one starts another if the last
    has died.
    """

    def __init__(self) -> None:
        self._nursery: trio.Nursery | None = None
        self._current: WardenProcess | None = None
        self._starting = trio.Lock()

    @property
    def pid(self) -> int | None:
        """The pid of the warden process; None if there is none now."""
        return None if self._current is None or self._current.gone else self._current.pid

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled. At the end all programs are killed, and tasks in `wait` get a lost `Exit`.

        Raises:
            RuntimeError: this warden runs already.
        """
        if self._nursery is not None:
            raise RuntimeError("this warden is already running")
        async with trio.open_nursery() as self._nursery:
            try:
                task_status.started()
                await trio.sleep_forever()
            finally:
                self._nursery = None  # no warden process starts while the last one ends

    async def spawn(self, spec: ProcessSpec, *, channel: bool = False, page: int | None = None) -> Process:
        """Start a program. When cancelled, kill it if it has started.

        Args:
            spec: what to start.
            channel: give the program a Unix stream socket as its descriptor `CHANNEL`.
            page: a descriptor that the program gets as its descriptor `PAGE`, if it has a channel, too.

        Raises:
            CannotSpawn: the operating system cannot start the program; the text says why.
            WardenLost: the warden process died meanwhile (try again: the next call starts another), or `run`
                is not running.
        """
        executable = spec.executable()
        if executable is None:
            raise CannotSpawn(f"{spec.argv[0]!r} is not on the program's PATH")
        warden_process = await self._running_process()
        with ExitStack() as ours, ExitStack() as theirs:
            pipes, given = _open_pipes(ours, theirs)
            near = None
            if channel:
                near, far = _open_channel(ours)
                given = (*given, far)
                theirs.callback(os.close, far)
                if page is not None:
                    given = (*given, _duplicate(page))
                    theirs.callback(os.close, given[-1])
            ward = warden_process.request_spawn(spec, executable, given)
            theirs.pop_all()
            wanted = False
            try:
                await ward.answered.wait()
                wanted = True
            finally:
                if not wanted:  # cancelled, perhaps just after the answer
                    ward.abandoned = True
                    warden_process.signal(ward, signal.SIGKILL)
            if ward.failure is not None:
                raise CannotSpawn(ward.failure)
            if not ward.pid:
                raise WardenLost("the warden process ended while it was to start a program")
            process = Process(warden_process, ward, pipes, near)
            ours.pop_all()
            return process

    async def _running_process(self) -> WardenProcess:
        async with self._starting:
            if self._nursery is None:
                raise WardenLost("the warden is not running")
            if self._current is None or self._current.gone:
                started: WardenProcess = await self._nursery.start(self._run_process)
                return started
            return self._current

    async def _run_process(self, *, task_status: trio.TaskStatus[WardenProcess]) -> None:
        self._current = started = await WardenProcess.start()
        task_status.started(started)
        await started.run()


_Fds = tuple[int, int, int]


def _open_channel(ours: ExitStack) -> tuple[socket.socket, int]:
    try:
        near, far = socket.socketpair()
    except OSError as error:
        raise CannotSpawn(f"cannot make a socket: {error.strerror}") from error
    near.setblocking(False)
    return ours.enter_context(near), far.detach()


def _duplicate(fd: int) -> int:
    try:
        return os.dup(fd)
    except OSError as error:
        raise CannotSpawn(f"cannot pass a descriptor on: {error.strerror}") from error


def _open_pipes(ours: ExitStack, theirs: ExitStack) -> tuple[_Fds, tuple[int, ...]]:
    def pipe(reads: ExitStack, writes: ExitStack) -> tuple[int, int]:
        reading, writing = os.pipe()
        reads.callback(os.close, reading)
        writes.callback(os.close, writing)
        return reading, writing

    try:
        stdin_theirs, stdin_ours = pipe(theirs, ours)
        stdout_ours, stdout_theirs = pipe(ours, theirs)
        stderr_ours, stderr_theirs = pipe(ours, theirs)
    except OSError as error:
        raise CannotSpawn(f"cannot make a pipe: {error.strerror}") from error
    return (stdin_ours, stdout_ours, stderr_ours), (stdin_theirs, stdout_theirs, stderr_theirs)
