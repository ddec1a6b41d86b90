"""A daemon with a console on it, from its start to its exit code."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs
import trio

from ..actors import ChildSpec, Mailbox, Restart
from ..config import PeerLimits, Settings
from ..errors import MpiActorsError, OutputLost
from ..loading import loading
from ..store.directory import DirectoryStore
from . import logs
from .arguments import ConsoleOptions
from .eventlog import EventLog
from .streams import STDIN, STDOUT

if TYPE_CHECKING:
    from ..node import Node
    from .console import Console
    from .front import Front
    from .outbox import Outbox

SHUTDOWN = 2.5
"""Seconds that a signalled daemon has for an orderly end."""
_LAST_WORDS = 0.3
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run_console(options: ConsoleOptions) -> int:
    """Run a daemon and its console; returns the exit code, which is 128 + the signal that ended it.

    Raises:
        UsageError: an option cannot be used.
    """
    with logs.installed(debug=options.debug) as handler, contextlib.ExitStack() as stack:
        source = None if options.store is None else DirectoryStore(options.store, options.pool)
        event_log = None if options.events is None else EventLog(options.events)
        if event_log is not None:
            stack.callback(event_log.close)
        interactive = os.isatty(STDIN) and os.isatty(STDOUT)
        path = options.path or platformdirs.user_data_path("mpi-actors", appauthor=False)
        with loading():
            # libp2p takes more than a second to load; whatever is wrong so far was said before
            from ..node import NodeOptions, open_node
            from .console import Console
            from .outbox import Outbox
        peer = PeerLimits() if options.slots is None else PeerLimits(slots=options.slots)
        node_options = NodeOptions(
            path=path,
            source=source,
            listen=options.listen,
            peers=options.peers,
            max_size=options.max_size,
            mdns=options.mdns,
            settings=Settings(peer=peer),
            pool=options.pool,
        )
        node = stack.enter_context(open_node(node_options))
        outbox = Outbox(node.daemon.bus)
        console = Console(node, outbox, quiet=options.quiet, interactive=interactive)
        if event_log is not None:
            stack.callback(node.daemon.bus.listen(event_log))
        stack.callback(node.daemon.bus.listen(console.hear))
        app = _App(node, console, outbox, _front(interactive, path), handler)
        return trio.run(app.main)


def _front(interactive: bool, path: Path) -> Front:
    if interactive:
        from .terminal import TerminalFront

        return TerminalFront(path)
    from .front import LineFront

    return LineFront()


class _App:
    def __init__(
        self, node: Node, console: Console, outbox: Outbox, front: Front, handler: logs.ConsoleHandler
    ) -> None:
        self._node = node
        self._console = console
        self._outbox = outbox
        self._front = front
        self._handler = handler
        self._signal = 0
        self._up = False
        self._failure: OSError | MpiActorsError | None = None
        self._scope = trio.CancelScope()

    async def main(self) -> int:
        """Run to the end; returns the exit code."""
        async with trio.open_nursery() as nursery:
            await nursery.start(self._watch_signals)
            try:
                with self._scope:
                    await self._node.run(services=[self._child()])
            except* MpiActorsError:
                # a daemon that is stopped while it starts says so
                if not self._signal:
                    raise
            nursery.cancel_scope.cancel()
        if self._signal:
            return 128 + self._signal
        if self._failure is not None:
            raise self._failure
        return self._console.exit_code

    def _child(self) -> ChildSpec[object]:
        return ChildSpec(id="console", run=self._run_console, restart=Restart.TEMPORARY)

    async def _run_console(self, _: Mailbox[object]) -> None:
        soon = trio.lowlevel.current_trio_token().run_sync_soon
        self._up = True
        try:
            with self._handler.diverted(self._console.complain, soon):
                try:
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(self._show, nursery.cancel_scope)
                        await self._converse()
                        nursery.cancel_scope.cancel()
                finally:
                    await self._say_last_words()
        finally:
            self._node.daemon.stop()

    async def _converse(self) -> None:
        self._console.greet()
        try:
            await self._front.run(self._console)
        except MpiActorsError as error:
            self._failure = error
        await self._outbox.drained()

    async def _show(self, scope: trio.CancelScope) -> None:
        try:
            await self._outbox.pump(self._front.write)
        except OSError as error:
            # nobody can see what happens any more
            self._failure = (
                error if isinstance(error, BrokenPipeError) else OutputLost(f"cannot write: {error.strerror}")
            )
            scope.cancel()

    async def _say_last_words(self) -> None:
        with contextlib.suppress(OSError):
            await self._outbox.close(self._front.write, _LAST_WORDS)

    async def _watch_signals(self, *, task_status: trio.TaskStatus[None]) -> None:
        # what was set to be ignored (nohup, a background job of a script) stays so
        wanted = [each for each in _SIGNALS if signal.getsignal(each) is not signal.SIG_IGN]
        with trio.open_signal_receiver(*wanted) as signals:
            task_status.started()
            async for number in signals:
                self._obey(number)

    def _obey(self, number: int) -> None:
        if self._signal:
            self._front.restore()
            os._exit(128 + number)  # the warden sees to the programs
        # a terminal sends it as a signal except while there is a prompt, which reads it as a key
        pressed = number == signal.SIGINT and self._console.interactive
        if pressed and (self._console.interrupt() or self._front.ctrl_c()):
            return
        self._signal = number
        if self._up:
            self._node.daemon.stop()
            self._scope.deadline = trio.current_time() + SHUTDOWN
        else:
            self._scope.cancel()
