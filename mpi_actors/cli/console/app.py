"""A daemon with a console on it, from its start to its exit code."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from ...actors import ChildSpec, Mailbox, Restart
from ...config import PeerLimits, Settings
from ...errors import MpiActorsError, OutputLost
from ...loading import loading
from .. import exit_codes
from ..arguments.parse import ConsoleOptions
from ..arguments.values import default_directory
from ..output import logs
from ..output.eventlog import EventLog
from ..output.streams import STDIN, STDOUT
from ..signals import receive_ending

if TYPE_CHECKING:
    from ...daemon.real import DaemonOptions, RealDaemon
    from ..output.outbox import Outbox
    from .console import Console
    from .front import Front

SHUTDOWN = 2.5
"""Seconds that a daemon may take to end after a signal: a little more than `Timing.shutdown`."""
_LAST_WORDS = 0.3
"""Seconds for the last output when the console ends: the terminal may be stopped (Ctrl-S)."""


def run_console(options: ConsoleOptions) -> int:
    """Run a daemon and its console to their end.

    Returns:
        The exit code: see `exit_codes`.

    Raises:
        UsageError: an option cannot be used.
        MpiActorsError: the daemon cannot be opened, or has failed.
    """
    with logs.installed(debug=options.debug) as handler, contextlib.ExitStack() as stack:
        event_log = None if options.events is None else EventLog(options.events)
        if event_log is not None:
            stack.callback(event_log.close)
        interactive = os.isatty(STDIN) and os.isatty(STDOUT)
        path = options.path or default_directory()
        with loading():
            # libp2p takes more than a second to load: complain about the options first
            from ...daemon.real import DaemonOptions
        peer = PeerLimits() if options.slots is None else PeerLimits(slots=options.slots)
        daemon_options = DaemonOptions(
            path=path,
            store=options.store,
            api=options.api,
            ipfs_peers=options.ipfs_peers,
            keep=options.keep,
            listen=options.listen,
            peers=options.peers,
            max_size=options.max_size,
            mdns=options.mdns,
            settings=Settings(peer=peer),
            pool=options.pool,
        )
        app = _App(daemon_options, handler, event_log, quiet=options.quiet, interactive=interactive)
        return trio.run(app.main)


def register_commands() -> None:
    """Load the modules of the console's commands, which enter them in the registry in the order of `help`."""
    # imported here: the commands load what daemons consist of
    # isort: off
    from . import commands_content  # noqa: F401
    from . import commands  # noqa: F401
    # isort: on


def _front(interactive: bool, path: Path) -> Front:
    if interactive:
        from .terminal import TerminalFront

        return TerminalFront(path)
    from .front import LineFront

    return LineFront()


class _App:
    """The whole life of a daemon with a console: it opens, runs and ends it."""

    def __init__(
        self,
        options: DaemonOptions,
        handler: logs.ConsoleHandler,
        event_log: EventLog | None,
        *,
        quiet: bool,
        interactive: bool,
    ) -> None:
        self._options = options
        self._handler = handler
        self._event_log = event_log
        self._quiet = quiet
        self._interactive = interactive
        self._signal = 0
        self._session: _Session | None = None
        self._scope = trio.CancelScope()

    async def main(self) -> int:
        """Run the daemon to its end; return the exit code."""
        code = 0
        async with trio.open_nursery() as nursery:
            await nursery.start(self._watch_signals)
            try:
                with self._scope:
                    code = await self._live()
            except* MpiActorsError:
                # a daemon that a signal stops while it starts raises an error: the signal is the reason
                if not self._signal:
                    raise
            nursery.cancel_scope.cancel()
        return exit_codes.after_signal(self._signal) if self._signal else code

    async def _live(self) -> int:
        from ...daemon.real import open_daemon
        from ..output.outbox import Outbox
        from .console import Console

        register_commands()

        async with open_daemon(self._options) as real:
            bus = real.daemon.bus
            outbox = Outbox(bus)
            console = Console(real, outbox, quiet=self._quiet, interactive=self._interactive)
            front = _front(self._interactive, self._options.path)
            with contextlib.ExitStack() as stack:
                if self._event_log is not None:
                    stack.callback(bus.listen(self._event_log.on_event))
                stack.callback(bus.listen(console.on_event))
                self._session = _Session(real, console, outbox, front, self._handler)
                await real.run(services=[self._session.child()])
            if self._session.failure is not None and not self._signal:
                raise self._session.failure
            return console.exit_code

    async def _watch_signals(self, *, task_status: trio.TaskStatus[None]) -> None:
        with receive_ending() as numbers:
            task_status.started()
            async for number in numbers:
                self._on_signal(number)

    def _on_signal(self, number: int) -> None:
        session = self._session
        if self._signal:
            if session is not None:
                session.restore()
            os._exit(exit_codes.after_signal(number))  # the warden ends the programs
        # a terminal sends Ctrl-C as a signal, except while a prompt reads it as a key
        if number == signal.SIGINT and session is not None and session.on_ctrl_c():
            return
        self._signal = number
        if session is not None and session.up:
            session.stop()
            self._scope.deadline = trio.current_time() + SHUTDOWN
        else:
            self._scope.cancel()


class _Session:
    """The console of a running daemon, and its front."""

    def __init__(
        self, real: RealDaemon, console: Console, outbox: Outbox, front: Front, handler: logs.ConsoleHandler
    ) -> None:
        self._real = real
        self._console = console
        self._outbox = outbox
        self._front = front
        self._handler = handler
        self.up = False
        """Whether the console's actor has started."""
        self.failure: OSError | MpiActorsError | None = None
        """Why the console ended: its output or input failed; None if it ended well."""

    def stop(self) -> None:
        """Ask the daemon to end in an orderly way."""
        self._real.daemon.stop()

    def restore(self) -> None:
        """Leave the terminal as it was."""
        self._front.restore()

    def on_ctrl_c(self) -> bool:
        """Let an interactive console stop what it does; return whether it could use the key."""
        return self._console.interactive and (self._console.interrupt() or self._front.on_ctrl_c())

    def child(self) -> ChildSpec[object]:
        """Return the spec of the console's actor, for the daemon's supervisor."""
        return ChildSpec(id="console", run=self._run, restart=Restart.TEMPORARY)

    async def _run(self, _: Mailbox[object]) -> None:
        soon = trio.lowlevel.current_trio_token().run_sync_soon
        self.up = True
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
            self.stop()

    async def _converse(self) -> None:
        self._console.greet()
        try:
            await self._front.run(self._console)
        except MpiActorsError as error:
            self.failure = error
        await self._outbox.drained()

    async def _show(self, scope: trio.CancelScope) -> None:
        try:
            await self._outbox.pump(self._front.write)
        except OSError as error:
            # nobody can see any more what happens
            self.failure = (
                error if isinstance(error, BrokenPipeError) else OutputLost(f"cannot write: {error.strerror}")
            )
            scope.cancel()

    async def _say_last_words(self) -> None:
        with contextlib.suppress(OSError):
            await self._outbox.close(self._front.write, _LAST_WORDS)
