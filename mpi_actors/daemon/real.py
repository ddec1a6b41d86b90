"""A daemon on real parts: libp2p, processes, a directory, IPFS. No other module of `daemon` names them."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import trio

from ..actors import Backoff, ChildSpec, Mailbox, Restart
from ..config import DEFAULT_KEEP, DEFAULT_LISTEN, DEFAULT_MAX_SIZE, Settings
from ..content.access import Access, open_access
from ..content.bitswap.exchange import Exchange
from ..content.fetcher import PeerFetcher
from ..content.formats.path import ContentPath
from ..content.store.backend import ContentBackend
from ..depot.depot import Depot
from ..depot.sources.ipfs import IpfsSource, pool_of
from ..depot.sources.publish import publish_store
from ..depot.sources.source import InterpreterSource
from ..errors import BadStore, MpiActorsError
from ..events import Notice
from ..net.addresses import parse_listen
from ..net.breakable import BreakableTransport, Obstacles
from ..net.libp2p.identity import load_or_create
from ..net.libp2p.transport import Libp2pTransport
from ..net.mdns.discovery import MdnsDiscovery
from ..net.transport import Transport
from ..process.limits import lift_open_files
from ..process.removal import remove
from ..process.warden import Warden
from ..programs.processes import ProcessStarter
from ..wire.messages import Stock
from ..wire.script import ScriptProgram
from ..wire.stdio import MAX_COMMAND
from .introducer import Introducer
from .lockfile import hold
from .providers import Providers
from .scripts import Inputs, Scripts
from .tree import Daemon

if TYPE_CHECKING:
    from libp2p.crypto.keys import KeyPair

logger = logging.getLogger(__name__)

_COLLECT_EVERY = 3600.0
"""Seconds between two removals of blocks that nobody needs: these cost only disk space, so they can wait."""
_MDNS_BACKOFF = Backoff(first=5.0, longest=300.0)
"""Pauses before discovery on the local network starts again: a lost network comes back slowly."""
NO_STORE = "none"
"""The name of the pool of daemons that have no store."""


@attrs.frozen(kw_only=True)
class DaemonOptions:
    """What a person decides about a daemon."""

    path: Path
    """The daemon's directory: identity, lock, blocks, installed interpreters."""
    store: ContentPath | Path | None = None
    """The pool's store: a path in IPFS, or a directory that the daemon publishes when it starts."""
    source: InterpreterSource | None = None
    """Where interpreters come from instead of `store`, without IPFS."""
    api: str | None = None
    """Address of an IPFS daemon, or `embedded` to use none; None to use one if it answers."""
    ipfs_peers: tuple[str, ...] = ()
    """Addresses of IPFS nodes to fetch from, besides the peers of the pool."""
    listen: tuple[str, ...] = DEFAULT_LISTEN
    """Addresses at which the daemon can be dialled."""
    peers: tuple[str, ...] = ()
    """Addresses of peers to reach, for ever."""
    max_size: int = DEFAULT_MAX_SIZE
    """Bytes of installed interpreters."""
    keep: float = DEFAULT_KEEP
    """Seconds after which an interpreter that nobody uses is removed; infinity for never."""
    mdns: bool = True
    """Whether to find peers on the local network, and to be found."""
    settings: Settings = attrs.field(factory=Settings)
    """Limits and timing."""
    pool: str | None = None
    """The pool's name; None for that of the store."""
    breakable: bool = False
    """Whether the daemon's launcher may cut it off from peers, and slow its links: for tests."""


class RealDaemon:
    """A daemon, its depot and its content. `open_daemon` makes it.

    Args:
        options: what a person decided.
        key_pair: the daemon's identity.
        access: the way to content; None if interpreters come from `options.source`.
        source: where interpreters come from; None to offer only those that are installed.
    """

    def __init__(
        self,
        options: DaemonOptions,
        key_pair: KeyPair,
        access: Access | None,
        source: InterpreterSource | None,
    ) -> None:
        self.options = options
        self.backend: ContentBackend | None = None if access is None else access.backend
        """Where content is kept and found; None if this daemon has no content."""
        self.content_lines = (access.why,) if access is not None else ()
        """Which backend this daemon uses and why, for people."""
        self.warden = Warden()
        self.depot = Depot(
            options.path,
            source,
            self.warden,
            max_size=options.max_size,
            keep=options.keep,
            database=None if access is None else access.database,
            on_change=self._on_depot_changed,
        )
        self.prepared = trio.Event()
        """Set when the depot has tried to install every interpreter of the store for which there is room."""
        self.source = source
        """Where interpreters come from, if there is a store."""
        self._scratch = options.path / "ranks"
        self._failure: MpiActorsError | None = None
        self.scripts = Scripts()
        """The scripts that the launcher has this daemon offer."""
        self.inputs = Inputs()
        """The standard input of rank 0 of programs."""
        starter = ProcessStarter(
            self.warden,
            self.depot,
            self._scratch,
            max_line=options.settings.lanes.message + MAX_COMMAND,
            scripts=self.scripts.programs,
            inputs=self.inputs.readers,
        )
        transport: Transport = Libp2pTransport(key_pair, options.listen)
        self.obstacles: Obstacles | None = None
        """What stands in the way of bytes to other peers, if a test may put something there."""
        if options.breakable:
            self.obstacles = Obstacles()
            transport = BreakableTransport(transport, self.obstacles)
        self.daemon = Daemon(
            transport=transport,
            starter=starter,
            pool=options.pool or (source.pool if source else NO_STORE),
            settings=options.settings,
            bootstrap=options.peers,
            spill_directory=str(options.path),
            stock=self._stock,
        )
        self._providers = Providers(self.daemon, options.ipfs_peers)
        self._introducer: Introducer | None = None
        if access is not None and access.kubo is not None:
            self._introducer = Introducer(
                access.kubo,
                self.daemon.roster,
                next_change=self._providers.next_change,
                on_addresses_changed=self.daemon.on_stock_changed,
            )
        self._exchange: Exchange | None = None
        if access is not None and access.embedded is not None and access.blocks is not None:
            self._exchange = Exchange(transport, access.blocks)
            access.embedded.fetcher = PeerFetcher(
                access.blocks, self._exchange, self._providers.of, self._providers.next_change
            )

    @property
    def store_path(self) -> str | None:
        """What other daemons need as `-ipfs-store` to join this pool; None if the store is not in IPFS."""
        return pool_of(self.source.path) if isinstance(self.source, IpfsSource) else None

    def offer(self, script: ScriptProgram) -> tuple[str, ...]:
        """Offer a script besides the interpreters; return the names of all that is offered now.

        Raises:
            UsageError: another script has that name.
        """
        self.scripts.add(script)
        self.daemon.on_offer_changed()
        return self.daemon.starter.interpreters()

    def _on_stock(self) -> None:
        self._providers.on_change()
        if self.source is not None and not self.source.opened:
            self.depot.wake()

    def _on_depot_changed(self) -> None:
        self.daemon.on_offer_changed()
        self.daemon.on_stock_changed()

    def _stock(self) -> Stock:
        """Return what content others can have from here."""
        source = self.source
        if self.backend is None or source is None or not source.opened:
            return Stock()
        names = source.names()
        held = [source.version(name) for name in self.depot.interpreters() if name in names]
        if isinstance(source, IpfsSource) and isinstance(self.options.store, Path):
            # this daemon has published the store, so it has all of it
            held = [str(source.path.root), *map(source.version, names)]
        addresses = self._introducer.addresses if self._introducer is not None else ()
        return Stock(holds=tuple(held), addresses=addresses)

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
            BadStore: the content of the store's identifier is not a store.
        """
        lift_open_files()
        await trio.to_thread.run_sync(remove, self._scratch)
        forget = self.daemon.stock_bus.listen(self._on_stock)
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(self.warden.run)
                await nursery.start(self._run_daemon, nursery.cancel_scope)
                if not all(parse_listen(text).is_loopback for text in self.options.listen):
                    self._warn_open()
                await self._start_children()
                task_status.started()
                for service in services:
                    await self.daemon.supervisor.start_child(service)
        finally:
            forget()
        if self._failure is not None:
            raise self._failure

    async def _run_daemon(self, scope: trio.CancelScope, *, task_status: trio.TaskStatus[None]) -> None:
        await self.daemon.run(task_status=task_status)
        # the daemon was stopped in an orderly way, so the warden is no longer needed
        scope.cancel()

    async def _start_children(self) -> None:
        start = self.daemon.supervisor.start_child
        exchange, backend = self._exchange, self.backend
        if exchange is not None:
            await start(ChildSpec(id="blocks", run=lambda _: exchange.run(), backoff=Backoff()))
        if backend is not None:
            await start(ChildSpec(id="content", run=self._providers.run, backoff=Backoff()))
        if exchange is not None and backend is not None:
            # an IPFS daemon removes blocks by itself
            await start(ChildSpec(id="collector", run=partial(_collect, backend), backoff=Backoff()))
        if self._introducer is not None:
            await start(ChildSpec(id="introducer", run=self._introducer.run, backoff=Backoff()))
        await start(ChildSpec(id="depot", run=self._keep_depot, restart=Restart.TRANSIENT, backoff=Backoff()))
        if self.options.mdns:
            await start(self._discovery())

    async def _keep_depot(self, _: Mailbox[object]) -> None:
        try:
            try:
                await self.depot.prepare()
            finally:
                self.prepared.set()
                self._on_depot_changed()
            await self.depot.housekeep()
        except BadStore as error:
            # without its store the daemon can run nothing: it ends with this error
            self._failure = error
            self.daemon.stop()

    def _discovery(self) -> ChildSpec[object]:
        transport = self.daemon.transport
        discovery = MdnsDiscovery(
            transport.local, transport.addresses, self.daemon.pool, lambda found: self.daemon.find(found)
        )
        return ChildSpec(id="mdns", run=discovery.run, restart=Restart.TRANSIENT, backoff=_MDNS_BACKOFF)

    def _warn_open(self) -> None:
        text = (
            "listening beyond this machine: until pools have keys, whoever reaches this address can run "
            "programs here"
        )
        self.daemon.bus.emit(Notice(text=text))


async def _collect(backend: ContentBackend, _: Mailbox[object]) -> None:
    """The actor that removes, now and then, blocks that were fetched in passing."""
    while True:
        await trio.sleep(_COLLECT_EVERY)
        try:
            await backend.collect()
        except MpiActorsError as error:
            logger.warning("blocks that nobody needs are removed later: %s", error)


@asynccontextmanager
async def open_daemon(options: DaemonOptions) -> AsyncIterator[RealDaemon]:
    """Lock a daemon's directory, and open its identity and its content.

    Raises:
        PathInUse: another daemon uses the directory.
        BadIdentity: the identity file is corrupt, or other users can read it.
        BadStore: the store's directory cannot be published, or holds no interpreters.
        BackendUnavailable: the IPFS daemon that was named does not answer.
        UsageError: the directory cannot be used.
    """
    with hold(options.path):
        key_pair = load_or_create(options.path)
        if options.source is not None:
            yield RealDaemon(options, key_pair, None, options.source)
            return
        store = options.store
        async with open_access(options.path, options.api, local=isinstance(store, Path)) as access:
            source: IpfsSource | None = None
            if isinstance(store, Path):
                source = await publish_store(access.backend, store, options.pool)
            elif store is not None:
                source = IpfsSource(access.backend, store, options.pool)
            yield RealDaemon(options, key_pair, access, source)
