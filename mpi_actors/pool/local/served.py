"""A daemon that a launcher started: `python -m mpi_actors.pool.local.served CONTROL EVENTS DIRECTORY`.

CONTROL and EVENTS are the numbers of two inherited sockets (see `control_words`); DIRECTORY is only for
people who read process lists. Ends when the launcher says so, or is gone. Exit codes: 0 after an orderly
stop, 1 when something went wrong, 2 when the daemon cannot be opened as it was asked for.
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

_READ = 64 * 1024
_MAX_OPEN = 1024 * 1024
_PATIENCE = 5.0
"""Seconds for an orderly stop before what is left is cancelled …"""
_HARD_END = 15
"""… and before the kernel ends this process."""


def main(argv: Sequence[str]) -> int:
    """Run the daemon; returns the exit code."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the launcher
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
                return 0  # the launcher is gone
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
    """The first line; b"" when the launcher is gone. It says no more before it is answered."""
    line = b""
    while not line.endswith(b"\n"):
        try:
            data = await control.receive_some(_READ)
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
        async with open_daemon(options) as node:
            await _live(node, id, control, events)
    except* MpiActorsError as group:
        failure = leaf(group)
    if failure is None:
        return 0
    try:
        await control.send_all(encode_error(id, failure))
    except BROKEN:
        # it had been opened, or the launcher is gone
        logger.error("%s: %s", type(failure).__name__, failure)
    return 2 if isinstance(failure, UsageError) else 1


async def _live(node: RealDaemon, id: int, control: trio.SocketStream, events: trio.SocketStream) -> None:
    with trio.CancelScope() as scope:

        def stop() -> None:
            node.daemon.stop()
            scope.deadline = min(scope.deadline, trio.current_time() + _PATIENCE)
            signal.alarm(_HARD_END)

        service = ControlService(node, control, events, opened=id, stop=stop)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_stop_on_signal, stop)
            await node.run([service.child()])
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
    )


def _is_interpreter(directory: Path) -> bool:
    try:
        return not missing_files(directory)
    except (OSError, ValueError):
        return False  # what is wrong with it, the store says


def _remove(directory: Path) -> None:
    shutil.rmtree(directory, ignore_errors=True)
    with contextlib.suppress(OSError):
        directory.parent.rmdir()  # the last one turns off the light


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
