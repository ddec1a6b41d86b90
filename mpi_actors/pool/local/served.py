"""The program of a daemon process: `python -m mpi_actors.pool.local.served CONTROL EVENTS DIRECTORY`.

CONTROL and EVENTS are the numbers of two inherited sockets, which carry the control protocol
(`wire.control`). DIRECTORY is only for people who read lists of processes. The daemon ends when the launcher
asks for it, or has ended itself. Exit codes: 0 after an orderly stop, 1 after an error, 2 when the launcher's
request to open the daemon cannot be met.
"""

from __future__ import annotations

import contextlib
import logging
import shutil
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ...loading import loading

with loading():
    import trio

    from ...daemon.real import DaemonOptions, RealDaemon, open_daemon
    from ...depot.sources.directory import DirectoryStore, missing_files, single
    from ...depot.sources.source import InterpreterSource
    from ...errors import BadMessage, MpiActorsError, UsageError, leaf
    from ...wire.control import Open, decode_request, encode_error
    from .service import BROKEN, ControlService

logger = logging.getLogger(__name__)

_READ_BYTES = 64 * 1024
"""Bytes that one call receives: more than most first requests have."""
_MAX_OPEN = 1024 * 1024
"""The longest first request in bytes: it has some paths, addresses and settings."""
_STOP_DEADLINE = 5.0
"""Seconds for an orderly stop, before all that still runs is cancelled: more than `Timing.shutdown` …"""
_ALARM = 15
"""… and seconds before the kernel ends this process, should it hang even then."""


def main(argv: Sequence[str]) -> int:
    """Run the daemon; return the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the launcher deals with Ctrl-C
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    return trio.run(_serve, int(argv[0]), int(argv[1]))


def _inherited(number: int) -> trio.SocketStream:
    sock = socket.socket(fileno=number)
    sock.set_inheritable(False)
    sock.setblocking(False)
    return trio.SocketStream(trio.socket.from_stdlib_socket(sock))


async def _serve(control_number: int, events_number: int) -> int:
    async with _inherited(control_number) as control, _inherited(events_number) as events:
        try:
            line = await _first_line(control)
            if not line:
                return 0  # the launcher has ended
            id, request = decode_request(line)
            if not isinstance(request, Open):
                raise BadMessage(f"the first request must be open, not {request.name}")
        except BadMessage as error:
            logger.error("%s", error)
            return 2
        try:
            return await _run(request, id, control, events)
        finally:
            if request.temporary:
                with trio.CancelScope(shield=True):
                    await trio.to_thread.run_sync(_remove, Path(request.path))


async def _first_line(control: trio.SocketStream) -> bytes:
    """Return the first line, before whose answer the launcher sends no other; b"" if it has ended."""
    line = b""
    while not line.endswith(b"\n"):
        try:
            data = await control.receive_some(_READ_BYTES)
        except BROKEN:
            return b""
        if not data:
            return b""
        line += data
        if len(line) > _MAX_OPEN:
            raise BadMessage("the first request is too long")
    return line


async def _run(request: Open, id: int, control: trio.SocketStream, events: trio.SocketStream) -> int:
    failure: Exception | None = None
    try:
        options = await trio.to_thread.run_sync(_options, request)
        async with open_daemon(options) as real:
            await _live(real, id, control, events)
    except* MpiActorsError as group:
        failure = leaf(group)
    if failure is None:
        return 0
    try:
        await control.send_all(encode_error(id, failure))
    except BROKEN:
        # the launcher has ended, or the service has closed the socket
        logger.error("%s: %s", type(failure).__name__, failure)
    return 2 if isinstance(failure, UsageError) else 1


async def _live(real: RealDaemon, id: int, control: trio.SocketStream, events: trio.SocketStream) -> None:
    with trio.CancelScope() as scope:

        def stop() -> None:
            real.daemon.stop()
            scope.deadline = min(scope.deadline, trio.current_time() + _STOP_DEADLINE)
            signal.alarm(_ALARM)

        service = ControlService(real, control, events, opened=id, stop=stop)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_stop_on_signal, stop)
            await real.run([service.child()])
            nursery.cancel_scope.cancel()


async def _stop_on_signal(stop: Callable[[], None]) -> None:
    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGHUP) as signals:
        async for _ in signals:
            stop()


def _options(request: Open) -> DaemonOptions:
    source: InterpreterSource | None = None
    if request.store is not None:
        store = Path(request.store)
        source = single(store) if _is_interpreter(store) else DirectoryStore(store)
    return DaemonOptions(
        path=Path(request.path),
        source=source,
        listen=request.listen,
        peers=request.peers,
        max_size=request.max_size,
        mdns=request.mdns,
        settings=request.settings,
        breakable=True,
    )


def _is_interpreter(directory: Path) -> bool:
    try:
        return not missing_files(directory)
    except (OSError, ValueError):
        return False  # the store says what is wrong with the directory


def _remove(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    with contextlib.suppress(OSError):
        directory.parent.rmdir()  # the last daemon removes the parent directory


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
