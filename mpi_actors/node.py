"""A daemon on real parts: libp2p, processes, a directory. The one place that names these backends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import trio

from .actors import Backoff, ChildSpec, Mailbox, Restart
from .config import Settings
from .daemon import Daemon
from .events import Notice
from .net.addresses import parse_listen
from .net.identity import load_or_create
from .net.libp2p import Libp2pTransport
from .net.lockfile import hold
from .net.mdns import MdnsDiscovery
from .process.launcher import ProcessLauncher
from .process.removal import remove
from .process.warden import Warden
from .store.depot import Depot
from .store.source import InterpreterSource

if TYPE_CHECKING:
    from libp2p.crypto.keys import KeyPair

DEFAULT_MAX_SIZE = 10_000_000
DEFAULT_LISTEN = ("/ip4/127.0.0.1/tcp/0",)
NO_STORE = "none"
"""The pool of daemons that have no store."""


@attrs.frozen(kw_only=True)
class NodeOptions:
    """What a person decides about a daemon."""

    path: Path
    """Its directory: identity, lock, installed interpreters."""
    source: InterpreterSource | None = None
    """Where interpreters come from."""
    listen: tuple[str, ...] = DEFAULT_LISTEN
    peers: tuple[str, ...] = ()
    """Addresses of peers to reach, for ever."""
    max_size: int = DEFAULT_MAX_SIZE
    """Bytes of installed interpreters."""
    mdns: bool = True
    settings: Settings = attrs.field(factory=Settings)
    pool: str | None = None
    """The pool's name; None for that of `source`."""


class Node:
    """A daemon and its depot. Made by `open_node`."""

    def __init__(self, options: NodeOptions, key_pair: KeyPair) -> None:
        self.options = options
        self.warden = Warden()
        self.depot = Depot(
            options.path,
            options.source,
            self.warden,
            max_size=options.max_size,
            changed=lambda: self.daemon.offer_changed(),
        )
        self._scratch = options.path / "ranks"
        launcher = ProcessLauncher(
            self.warden, self.depot, self._scratch, max_line=options.settings.lanes.message + 32
        )
        self.prepared = trio.Event()
        """Set when all that fits of the store is installed, or has failed to be."""
        self.daemon = Daemon(
            transport=Libp2pTransport(key_pair, options.listen),
            launcher=launcher,
            pool=options.pool or (options.source.pool if options.source else NO_STORE),
            settings=options.settings,
            bootstrap=options.peers,
            spill_directory=str(options.path),
        )

    async def run(
        self,
        services: Iterable[ChildSpec[Any]] = (),
        *,
        task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED,
    ) -> None:
        """Run until the daemon is stopped or this is cancelled; `started()` when it listens.

        `services` are actors that start last and stop first: a console, a control channel.

        Raises:
            CannotListen: the listening address cannot be used.
        """
        await trio.to_thread.run_sync(remove, self._scratch)
        async with trio.open_nursery() as nursery:
            await nursery.start(self.warden.run)
            await nursery.start(self._run_daemon, nursery.cancel_scope)
            if not all(parse_listen(text).is_loopback for text in self.options.listen):
                self._warn_open()
            supervisor = self.daemon.supervisor
            await supervisor.start_child(
                ChildSpec(id="depot", run=self._prepare, restart=Restart.TRANSIENT, backoff=Backoff())
            )
            if self.options.mdns:
                await supervisor.start_child(self._discovery())
            task_status.started()
            for service in services:
                await supervisor.start_child(service)

    async def _run_daemon(self, scope: trio.CancelScope, *, task_status: trio.TaskStatus[None]) -> None:
        await self.daemon.run(task_status=task_status)
        # stopped in an orderly way: the warden is no longer needed
        scope.cancel()

    async def _prepare(self, _: Mailbox[object]) -> None:
        try:
            await self.depot.prepare()
        finally:
            self.prepared.set()
            self.daemon.offer_changed()

    def _discovery(self) -> ChildSpec[object]:
        transport = self.daemon.transport
        discovery = MdnsDiscovery(
            transport.local, transport.addresses, self.daemon.pool, lambda found: self.daemon.find(found)
        )
        return ChildSpec(
            id="mdns", run=discovery.run, restart=Restart.TRANSIENT, backoff=Backoff(first=5.0, longest=300.0)
        )

    def _warn_open(self) -> None:
        text = (
            "listening beyond this machine: until pools have keys, whoever reaches this address can run "
            "programs here"
        )
        self.daemon.bus.emit(Notice(text=text))


@contextmanager
def open_node(options: NodeOptions) -> Iterator[Node]:
    """Take hold of a daemon's directory and identity.

    Raises:
        PathInUse: another daemon works there.
        BadIdentity: the identity file is corrupt, or readable by others.
        UsageError: the directory cannot be used.
    """
    with hold(options.path):
        yield Node(options, load_or_create(options.path))
