"""A daemon on real parts: libp2p, processes, a directory, IPFS. The one place that names these backends."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
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
from ..errors import BadStore, ContentError, DialFailed, MpiActorsError
from ..events import Notice
from ..net.addresses import parse_listen
from ..net.libp2p.identity import load_or_create
from ..net.libp2p.transport import Libp2pTransport
from ..net.mdns.discovery import MdnsDiscovery
from ..process.limits import lift_open_files
from ..process.removal import remove
from ..process.warden import Warden
from ..programs.processes import ProcessLauncher
from ..wire.messages import Stock
from ..wire.script import ScriptProgram
from ..wire.stdio import MAX_COMMAND
from .lockfile import hold
from .providers import ContentPeers
from .scripts import Inputs, Scripts
from .tree import Daemon

if TYPE_CHECKING:
    from libp2p.crypto.keys import KeyPair

logger = logging.getLogger(__name__)

_COLLECT = 3600.0
"""Seconds between two collections of blocks."""
_INTRODUCE = 60.0
"""Seconds after which the IPFS daemon tries again to reach peers that it could not."""
NO_STORE = "none"
"""The pool of daemons that have no store."""


@attrs.frozen(kw_only=True)
class DaemonOptions:
    """What a person decides about a daemon."""

    path: Path
    """Its directory: identity, lock, blocks, installed interpreters."""
    store: ContentPath | Path | None = None
    """The pool's store: in IPFS, or a directory that is published at the start."""
    source: InterpreterSource | None = None
    """Where interpreters come from in place of `store`, without IPFS."""
    api: str | None = None
    """Address of an IPFS daemon, or `embedded`; None to look whether there is a daemon."""
    ipfs_peers: tuple[str, ...] = ()
    """Addresses of IPFS nodes to fetch from, besides the peers of the pool."""
    listen: tuple[str, ...] = DEFAULT_LISTEN
    peers: tuple[str, ...] = ()
    """Addresses of peers to reach, for ever."""
    max_size: int = DEFAULT_MAX_SIZE
    """Bytes of installed interpreters."""
    keep: float = DEFAULT_KEEP
    """Seconds after which an interpreter that nobody uses is removed; infinity for never."""
    mdns: bool = True
    settings: Settings = attrs.field(factory=Settings)
    pool: str | None = None
    """The pool's name; None for that of the store."""


class RealDaemon:
    """A daemon, its depot and its content. Made by `open_daemon`.

    Args:
        options: what a person decided.
        key_pair: its identity.
        access: its content; None if its interpreters come from `options.source`.
        source: where they come from; None to offer what is installed.
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
        """Where content is kept and found, if this daemon deals with any."""
        self.content_lines = (access.why,) if access is not None else ()
        """For people: which backend it is, and why that one."""
        self.warden = Warden()
        self.depot = Depot(
            options.path,
            source,
            self.warden,
            max_size=options.max_size,
            keep=options.keep,
            database=None if access is None else access.database,
            changed=self._offer_changed,
        )
        self.prepared = trio.Event()
        """Set when all that fits of the store is installed, or has failed to be."""
        self.source = source
        """Where interpreters come from, if there is a store."""
        self._kubo = None if access is None else access.kubo
        self._kubo_addresses: tuple[str, ...] = ()
        self._scratch = options.path / "ranks"
        self._failure: MpiActorsError | None = None
        self.scripts = Scripts()
        """What else it runs: scripts that its launcher has given it."""
        self.inputs = Inputs()
        """What rank 0 of MPI programs reads."""
        launcher = ProcessLauncher(
            self.warden,
            self.depot,
            self._scratch,
            max_line=options.settings.lanes.message + MAX_COMMAND,
            scripts=self.scripts.programs,
            inputs=self.inputs.readers,
        )
        transport = Libp2pTransport(key_pair, options.listen)
        self.daemon = Daemon(
            transport=transport,
            launcher=launcher,
            pool=options.pool or (source.pool if source else NO_STORE),
            settings=options.settings,
            bootstrap=options.peers,
            spill_directory=str(options.path),
            stock=self._stock,
        )
        self.content_peers = ContentPeers(self.daemon, options.ipfs_peers)
        self._exchange: Exchange | None = None
        if access is not None and access.embedded is not None and access.blocks is not None:
            self._exchange = Exchange(transport, access.blocks)
            access.embedded.fetcher = PeerFetcher(
                access.blocks, self._exchange, self.content_peers.providers, self.content_peers.next_change
            )

    @property
    def store_path(self) -> str | None:
        """What others have to say for `-ipfs-store`; None if there is nothing that they could."""
        return pool_of(self.source.path) if isinstance(self.source, IpfsSource) else None

    def offer(self, script: ScriptProgram) -> tuple[str, ...]:
        """Offer a script besides the interpreters; returns all that is offered now.

        Raises:
            UsageError: another one has that name.
        """
        self.scripts.add(script)
        self.daemon.offer_changed()
        return self.daemon.launcher.interpreters()

    def _somebody_changed(self) -> None:
        self.content_peers.changed()
        if self.source is not None and not self.source.opened:
            self.depot.wake()

    def _offer_changed(self) -> None:
        self.daemon.offer_changed()
        self.daemon.stock_changed()

    def _stock(self) -> Stock:
        """What content others can have from here."""
        source = self.source
        if self.backend is None or source is None or not source.opened:
            return Stock()
        names = source.names()
        held = [source.version(name) for name in self.depot.interpreters() if name in names]
        if isinstance(source, IpfsSource) and isinstance(self.options.store, Path):
            held = [str(source.path.root), *map(source.version, names)]  # published here
        return Stock(holds=tuple(held), addresses=self._kubo_addresses)

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
            BadStore: what was found under the store's identifier is no store.
        """
        lift_open_files()
        await trio.to_thread.run_sync(remove, self._scratch)
        forget = self.daemon.stock_bus.listen(self._somebody_changed)
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
        # stopped in an orderly way: the warden is no longer needed
        scope.cancel()

    async def _start_children(self) -> None:
        start = self.daemon.supervisor.start_child
        if self._exchange is not None:
            await start(ChildSpec(id="blocks", run=self._exchange_blocks, backoff=Backoff()))
        if self.backend is not None:
            await start(ChildSpec(id="content", run=self.content_peers.run, backoff=Backoff()))
        if self._exchange is not None:
            await start(ChildSpec(id="collector", run=self._collect, backoff=Backoff()))
        if self._kubo is not None:
            await start(ChildSpec(id="introducer", run=self._introduce, backoff=Backoff()))
        await start(ChildSpec(id="depot", run=self._keep_depot, restart=Restart.TRANSIENT, backoff=Backoff()))
        if self.options.mdns:
            await start(self._discovery())

    async def _exchange_blocks(self, _: Mailbox[object]) -> None:
        assert self._exchange is not None
        await self._exchange.run()

    async def _collect(self, _: Mailbox[object]) -> None:
        """Now and then, remove what was fetched in passing. An IPFS daemon does that for itself."""
        assert self.backend is not None
        while True:
            await trio.sleep(_COLLECT)
            try:
                await self.backend.collect()
            except MpiActorsError as error:
                logger.warning("blocks that nobody needs are removed later: %s", error)

    async def _keep_depot(self, _: Mailbox[object]) -> None:
        try:
            try:
                await self.depot.prepare()
            finally:
                self.prepared.set()
                self._offer_changed()
            await self.depot.housekeep()
        except BadStore as error:
            # without its store the daemon is of no use
            self._failure = error
            self.daemon.stop()

    async def _introduce(self, _: Mailbox[object]) -> None:
        """Have the IPFS daemon connect to the peers of the pool, so that it can fetch from them."""
        known: set[str] = set()
        while True:
            change = self.content_peers.next_change()
            await self._look_where_it_is()
            for record in list(self.daemon.roster):
                if record.instance not in known and await self._introduced_to(record.addresses):
                    known.add(record.instance)
            with trio.move_on_after(_INTRODUCE):
                await change.wait()

    async def _look_where_it_is(self) -> None:
        assert self._kubo is not None
        try:
            addresses = await self._kubo.addresses()
        except ContentError as error:
            logger.info("the IPFS daemon does not say where it is: %s", error)
            return
        if addresses != self._kubo_addresses:
            self._kubo_addresses = addresses
            self.daemon.stock_changed()

    async def _introduced_to(self, addresses: Iterable[str]) -> bool:
        assert self._kubo is not None
        for address in addresses:
            try:
                await self._kubo.dial(address)
            except (DialFailed, ContentError) as error:
                logger.info("the IPFS daemon cannot reach a peer: %s", error)
            else:
                return True
        return False

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


@asynccontextmanager
async def open_daemon(options: DaemonOptions) -> AsyncIterator[RealDaemon]:
    """Take hold of a daemon's directory and identity, and of its content.

    Raises:
        PathInUse: another daemon works there.
        BadIdentity: the identity file is corrupt, or readable by others.
        BadStore: the directory that is to be the store cannot be, or holds no interpreters.
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
