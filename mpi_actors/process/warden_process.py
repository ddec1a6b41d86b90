"""The daemon's end of one warden process: requests out, reports in."""

from __future__ import annotations

import array
import logging
import math
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress

import attrs
import trio

from ..errors import CannotSpawn, WardenLost
from . import warden_main
from .exit import Exit, ResourceUsage
from .limits import KEPT_VARIABLES
from .spec import ProcessSpec
from .stragglers import kill_marked

_log = logging.getLogger(__name__)

_LARGEST_REQUEST = 64 * 1024 * 1024
"""Bytes of a request to the warden process: far above what a kernel takes for arguments and environment."""
_REPORT_BYTES = 65536
"""Bytes of reports that one call receives; a report takes about 100."""
_PROGRAM = os.path.abspath(warden_main.__file__)
_END_DEADLINE = 10.0
"""Seconds that the warden process has to kill its programs and to end: long enough on a loaded machine."""


@attrs.define(eq=False)
class WardState:
    """What the daemon knows of one program, from the request to start it until its end."""

    ident: int
    """The number of the program in requests and reports."""
    abandoned: bool = False
    """The caller was cancelled: do not start the program, or kill it if it runs."""
    pid: int = 0
    """The pid of the program's first process; 0 before it has started."""
    failure: str | None = None
    """Why the program could not be started; None if it could be."""
    exit: Exit = attrs.field(default=Exit(lost=True))
    """How the program ended. Unless its end is reported, it is lost with its warden process."""
    answered: trio.Event = attrs.field(factory=trio.Event)
    """Set once the program has started, could not be started, or is lost."""
    ended: trio.Event = attrs.field(factory=trio.Event)
    """Set once nothing of the program runs any more."""


@attrs.define(eq=False)
class _Request:
    """A frame to send. It owns the descriptors that go with the frame."""

    frame: bytes
    descriptors: Sequence[int] = ()
    ward: WardState | None = None

    def close(self) -> None:
        for fd in self.descriptors:
            os.close(fd)
        self.descriptors = ()


class WardenProcess:
    """The daemon's end of one running warden process. `start` makes one; `run` serves it."""

    def __init__(self, process: trio.Process, sock: trio.socket.SocketType, token: str) -> None:
        self._process = process
        self._socket = sock
        self._token = token
        self._wards: dict[int, WardState] = {}
        self._last_ident = 0
        self._outgoing, self._queue = trio.open_memory_channel[_Request](math.inf)
        self.gone = False
        """Whether the warden process has ended, or is about to."""

    @classmethod
    async def start(cls) -> WardenProcess:
        """Start a warden process.

        Raises:
            CannotSpawn: the operating system refused.
        """
        token = os.urandom(8).hex()
        env = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise CannotSpawn(f"cannot start the warden: {error.strerror}") from error
        with theirs:
            command = [sys.executable, "-I", "-S", _PROGRAM, str(theirs.fileno()), str(os.getpid()), token]
            started = False
            try:
                process = await trio.lowlevel.open_process(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    pass_fds=(theirs.fileno(),),
                    start_new_session=True,
                    cwd="/",
                    env=env,
                )
                started = True
            except OSError as error:
                raise CannotSpawn(f"cannot start the warden: {error.strerror}") from error
            finally:
                if not started:
                    ours.close()
        ours.setblocking(False)
        return cls(process, trio.socket.from_stdlib_socket(ours), token)

    @property
    def pid(self) -> int:
        """The pid of the warden process."""
        return self._process.pid

    def request_spawn(self, spec: ProcessSpec, executable: str, descriptors: Sequence[int]) -> WardState:
        """Ask the warden process to start a program.

        Args:
            spec: what to start.
            executable: the path of the program.
            descriptors: the program's 0, 1, 2 …; they belong to this object once the call returns.

        Raises:
            WardenLost: the warden process has ended.
            CannotSpawn: arguments and environment are too large.
        """
        if self.gone:
            raise WardenLost("the warden process ended")
        self._last_ident += 1
        ward = WardState(self._last_ident)
        frame = warden_main.pack(
            (
                "spawn",
                ward.ident,
                len(descriptors),
                os.fsencode(executable),
                [os.fsencode(arg) for arg in spec.argv],
                {os.fsencode(name): os.fsencode(value) for name, value in spec.env.items()},
                os.fsencode(os.path.abspath(spec.cwd)),
                spec.umask,
                spec.limits.rlimits(),
            )
        )
        if len(frame) > _LARGEST_REQUEST:
            raise CannotSpawn(f"arguments and environment are too large: {len(frame)} bytes")
        self._wards[ward.ident] = ward
        self._outgoing.send_nowait(_Request(frame, descriptors, ward))
        return ward

    def signal(self, ward: WardState, number: int) -> None:
        """Send a signal to the process group of the ward, unless it has ended."""
        if not self.gone and not ward.ended.is_set():
            self._outgoing.send_nowait(_Request(warden_main.pack(("signal", ward.ident, int(number)))))

    async def run(self) -> None:
        """Serve until the warden process dies or this is cancelled. At the end no program runs any more."""
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write)
                await self._read()
                nursery.cancel_scope.cancel()
            _log.warning("the warden process %d ended; its programs are lost", self.pid)
        finally:
            self.gone = True
            self._socket.close()
            self._drop_queue()
            with trio.CancelScope(shield=True):
                await self._bury()
            self._lose_all()

    async def _write(self) -> None:
        async for request in self._queue:
            try:
                if request.ward is not None and request.ward.abandoned:
                    del self._wards[request.ward.ident]
                else:
                    await self._send(request)
            except OSError:
                return  # `_read` sees the end, too, and acts on it
            finally:
                request.close()

    async def _send(self, request: _Request) -> None:
        sent = 0
        if request.descriptors:
            rights = (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", request.descriptors))
            sent = await self._socket.sendmsg([request.frame], [rights])
        rest = memoryview(request.frame)[sent:]
        while rest:
            rest = rest[await self._socket.send(rest) :]

    async def _read(self) -> None:
        buffer = bytearray()
        with suppress(OSError):
            while data := await self._socket.recv(_REPORT_BYTES):
                buffer += data
                for kind, ident, *details in warden_main.take_frames(buffer):
                    self._on_report(kind, self._wards[ident], details)

    def _on_report(self, kind: str, ward: WardState, details: Sequence[object]) -> None:
        match kind, details:
            case "started", [int(pid)]:
                ward.pid = pid
                ward.answered.set()
            case "failed", [str(reason)]:
                ward.failure = reason
                ward.answered.set()
                self._forget(ward)
            case "ended", [int(status), float(user), float(system), int(max_rss)]:
                code = os.waitstatus_to_exitcode(status)
                usage = ResourceUsage(user, system, max_rss)
                ward.exit = Exit(code, None, usage) if code >= 0 else Exit(None, -code, usage)
                self._forget(ward)

    def _forget(self, ward: WardState) -> None:
        del self._wards[ward.ident]
        ward.ended.set()

    def _drop_queue(self) -> None:
        self._outgoing.close()
        with suppress(trio.WouldBlock, trio.EndOfChannel):
            while True:
                self._queue.receive_nowait().close()
        self._queue.close()

    async def _bury(self) -> None:
        # Our end of the socket is closed: a healthy warden process now kills its programs and ends.
        with trio.move_on_after(_END_DEADLINE):
            await self._process.wait()
        if self._process.returncode is None:
            _log.warning("the warden process %d does not end; killing it", self.pid)
            self._process.kill()
            with trio.move_on_after(_END_DEADLINE):
                await self._process.wait()
        if self._process.returncode != 0:
            await trio.to_thread.run_sync(kill_marked, self._token)

    def _lose_all(self) -> None:
        for ward in list(self._wards.values()):
            if not ward.answered.is_set():
                ward.answered.set()
            self._forget(ward)
