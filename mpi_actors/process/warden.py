"""Programs as operating-system processes, none of which outlives the daemon, not even after `kill -9`."""

from __future__ import annotations

import os
import signal
import socket
from contextlib import ExitStack

import trio

from ..errors import CannotSpawn, WardenLost
from .exit import Exit
from .helper import WardenProcess, WardState
from .spec import ProcessSpec

CHANNEL = 3
"""The number of a program's channel, among its descriptors."""


class Process:
    """A running program, or one that has ended. Made by `Warden.spawn`.

    Whoever has it should `close()` it in the end; what it wrote can still be read after its end.
    """

    def __init__(
        self,
        helper: WardenProcess,
        ward: WardState,
        pipes: tuple[int, int, int],
        channel: socket.socket | None = None,
    ) -> None:
        self._helper = helper
        self._ward = ward
        self.channel = channel
        """Our end of the program's descriptor `CHANNEL`, if it was given one; does not block."""
        self._streams = tuple(trio.lowlevel.FdStream(fd) for fd in pipes)

    @property
    def pid(self) -> int:
        """The pid of its leader, for people: it may be somebody else's once the program has ended."""
        return self._ward.pid

    @property
    def stdin(self) -> trio.abc.SendStream:
        """What the program reads. Sending raises `trio.BrokenResourceError` when nobody reads any more."""
        return self._streams[0]

    @property
    def stdout(self) -> trio.lowlevel.FdStream:
        """What the program writes to its standard output, to the end."""
        return self._streams[1]

    @property
    def stderr(self) -> trio.lowlevel.FdStream:
        """What the program writes to its standard error, to the end."""
        return self._streams[2]

    async def wait(self) -> Exit:
        """Wait until the program and all its descendants are gone. Any number of tasks may wait."""
        await self._ward.ended.wait()
        assert self._ward.exit is not None
        return self._ward.exit

    def kill(self) -> None:
        """End the program and all its descendants with SIGKILL; `wait` tells when. Harmless when it ended."""
        self._helper.signal(self._ward, signal.SIGKILL)

    def signal(self, number: int) -> None:
        """Send a signal to the program's whole process group. Harmless when it has ended."""
        self._helper.signal(self._ward, number)

    def close(self) -> None:
        """Close our ends of its streams, and of its channel. Does not end the program."""
        for stream in self._streams:
            stream.close()
        if self.channel is not None:
            self.channel.close()


class Warden:
    """Spawns programs by way of a helper process that kills them when this process dies.

    `run` must be running. The helper is started at the first `spawn`, and again after it died.
    """

    def __init__(self) -> None:
        self._nursery: trio.Nursery | None = None
        self._helper: WardenProcess | None = None
        self._starting = trio.Lock()

    @property
    def helper_pid(self) -> int | None:
        """The helper's pid; None if there is none now."""
        return None if self._helper is None or self._helper.gone else self._helper.pid

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until cancelled; on the way out all programs are killed, and waiters get a lost `Exit`."""
        if self._nursery is not None:
            raise RuntimeError("this warden is already running")
        async with trio.open_nursery() as self._nursery:
            try:
                task_status.started()
                await trio.sleep_forever()
            finally:
                self._nursery = None  # no helper starts while the last one ends

    async def spawn(self, spec: ProcessSpec, *, channel: bool = False) -> Process:
        """Start a program. When cancelled, whatever had been started is killed.

        Args:
            spec: what to start.
            channel: give it a Unix stream socket as its descriptor `CHANNEL`.

        Raises:
            CannotSpawn: the operating system refused; the text says why.
            WardenLost: the helper died meanwhile; a next spawn starts another. Or `run` is not running.
        """
        executable = spec.executable()
        if executable is None:
            raise CannotSpawn(f"{spec.argv[0]!r} is not on the program's PATH")
        helper = await self._running_helper()
        with ExitStack() as ours, ExitStack() as theirs:
            pipes, given = _open_pipes(ours, theirs)
            near = None
            if channel:
                near, far = _open_channel(ours)
                given = (*given, far)
                theirs.callback(os.close, far)
            ward = helper.request_spawn(spec, executable, given)
            theirs.pop_all()
            wanted = False
            try:
                await ward.answered.wait()
                wanted = True
            finally:
                if not wanted:  # cancelled, perhaps just after the answer
                    ward.abandoned = True
                    helper.signal(ward, signal.SIGKILL)
            if ward.failure is not None:
                raise CannotSpawn(ward.failure)
            if not ward.pid:
                raise WardenLost("the warden process ended while it was to start a program")
            process = Process(helper, ward, pipes, near)
            ours.pop_all()
            return process

    async def _running_helper(self) -> WardenProcess:
        async with self._starting:
            if self._nursery is None:
                raise WardenLost("the warden is not running")
            if self._helper is None or self._helper.gone:
                helper: WardenProcess = await self._nursery.start(self._run_helper)
                return helper
            return self._helper

    async def _run_helper(self, *, task_status: trio.TaskStatus[WardenProcess]) -> None:
        helper = await WardenProcess.start()
        self._helper = helper
        task_status.started(helper)
        await helper.run()


_Fds = tuple[int, int, int]


def _open_channel(ours: ExitStack) -> tuple[socket.socket, int]:
    try:
        near, far = socket.socketpair()
    except OSError as error:
        raise CannotSpawn(f"cannot make a socket: {error.strerror}") from error
    near.setblocking(False)
    return ours.enter_context(near), far.detach()


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
