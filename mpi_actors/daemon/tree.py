"""A peer: the tree of actors, whatever the network and the programs are made of.

daemon
├── peers       a session for each connected peer
├── parting     says goodbye to all of them at the end
├── dialer      reaches peers, again and again
├── announcer   tells peers what this one offers, when it changes
├── host        takes orders for ranks
├── ranks       an incarnation for each rank hosted here
└── jobs        a coordinator for each job started here
"""

from __future__ import annotations

import logging
import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import trio

from .._version import __version__
from ..actors import ChildSpec, DeadLetters, Intensity, Mailbox, Restart, Supervisor, current_actor
from ..config import RestartPolicy, Settings
from ..coordination.decisions import JobSpec
from ..coordination.elect import PeerView
from ..errors import ConnectionLost, MpiActorsError, ProtocolError
from ..events import EventBus, PeerJoined, PeerLost, PeerOffers
from ..ids import JobId, PeerId, new_job_id
from ..jobs.book import check_job, find_job, forget_old_jobs
from ..jobs.job import Job, JobNews, PeerChanged
from ..lanes.router import Router
from ..lanes.routes import HostNews, PeerGone
from ..net.pairing import Pairing, StreamPair
from ..net.transport import ByteStream, Transport
from ..peers.announcer import Announcer
from ..peers.dialer import Dialer, Found
from ..peers.roster import PeerRecord, Roster, StockBus
from ..peers.session import PeerSession
from ..programs.program import Launcher
from ..ranks.host import Host
from ..wire.frame import Frame
from ..wire.messages import Capacity, ControlMessage, Hello, KnownPeers, Stock

_GOODBYE = 0.5

logger = logging.getLogger(__name__)


class Daemon:
    """One peer of a pool.

    Args:
        transport: the network.
        launcher: what can be run here, and how.
        pool: the name of the pool: peers of others are turned away.
        bootstrap: addresses to reach, for ever.
        services: further actors of the tree, started last (a console, discovery).
        daemon_pid: what is reported as our process id.
        spill_directory: where large sender logs go; the system's temporary directory by default.
        stock: what content others can have from here, the most wanted first; called again after
            `stock_changed`. Its `installable` is not used: the launcher tells that.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        launcher: Launcher,
        pool: str,
        settings: Settings | None = None,
        bootstrap: Sequence[str] = (),
        services: Iterable[ChildSpec[Any]] = (),
        daemon_pid: int | None = None,
        spill_directory: str | None = None,
        stock: Callable[[], Stock] | None = None,
    ) -> None:
        self.transport = transport
        self.local: PeerId = transport.local
        self.launcher = launcher
        self.pool = pool
        self.settings = settings or Settings()
        self.bus = EventBus()
        self.roster = Roster()
        self.stock_bus = StockBus()
        """Tells of peers that come, go, or have other content than before."""
        self.dead_letters = DeadLetters()
        self.errors: Counter[str] = Counter()
        """Protocol errors of others, by name."""
        self.jobs: dict[JobId, Job] = {}
        self._instance = secrets.token_hex(8)
        self._bootstrap = tuple(bootstrap)
        self._offers: dict[PeerId, tuple[str, ...]] = {}
        self._sessions = 0
        self._pairing = Pairing(self.settings.timing, self.settings.peer)

        hosting: Mailbox[HostNews] = Mailbox("host", control_capacity=100_000, dead_letters=self.dead_letters)
        self._hosting = hosting
        self.router = Router(self.local, hosting, self.dead_letters)
        # children of these three come and go, and are never started again by their supervisor
        none = Intensity(max_restarts=0)
        self._peers = Supervisor("peers", intensity=none)
        self._ranks = Supervisor("ranks", intensity=none)
        self._jobs = Supervisor("jobs", intensity=none)
        self.host = Host(
            launcher=launcher,
            router=self.router,
            supervisor=self._ranks,
            settings=self.settings,
            daemon_pid=os.getpid() if daemon_pid is None else daemon_pid,
            changed=self.offer_changed,
            spill_directory=spill_directory,
        )
        self._announcer = Announcer(
            launcher=launcher,
            host=self.host,
            roster=self.roster,
            settings=self.settings,
            content=stock,
            told=lambda: self._tell_jobs(PeerChanged(self.local)),
        )
        self._found: Mailbox[Found] = Mailbox("dialer", capacity=1024, dead_letters=self.dead_letters)
        self._dialer = Dialer(
            transport,
            self.settings.timing,
            begin=self._begin_session,
            is_present=lambda peer: self.roster.get(peer) is not None,
            until_absent=self.roster.until_absent,
        )
        self.supervisor = Supervisor(
            "daemon",
            intensity=Intensity(max_restarts=5, period=60.0),
            children=[
                self._peers.as_child(),
                ChildSpec(id="parting", run=self._part, shutdown=_GOODBYE),
                ChildSpec(id="dialer", run=self._dialer.run, mailbox=self._found),
                ChildSpec(id="announcer", run=self._announcer.run),
                ChildSpec(id="lanes", run=self.host.lanes.run),
                self._ranks.as_child(),
                ChildSpec(id="host", run=self.host.run, mailbox=hosting),
                self._jobs.as_child(),
                *services,
            ],
        )

    # --- the life of the daemon ---------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Run until `stop` or cancellation; `started()` when the network listens and the tree is up.

        Raises:
            CannotListen: the listening address cannot be used.
        """
        async with trio.open_nursery() as nursery:
            await nursery.start(self.transport.run, self._accept)
            self.find(self._bootstrap, lasting=True)
            try:
                await self.supervisor.run(task_status=task_status)
            finally:
                nursery.cancel_scope.cancel()

    def stop(self) -> None:
        """Ask the daemon to end in an orderly way: jobs, ranks, goodbyes, network."""
        self.supervisor.stop()

    # --- jobs ---------------------------------------------------------------------------------------------

    async def start_job(
        self,
        program: str,
        size: int,
        args: Sequence[str] = (),
        *,
        restart: RestartPolicy | None = None,
    ) -> Job:
        """Start a job with ranks 0 … size-1, coordinated here, with rank 0 here.

        Raises:
            UnknownInterpreter: this peer has not installed the program, and could not.
            UsageError: the number of ranks, or an argument, is not usable.
        """
        check_job(self.launcher, program, size, args)
        spec = JobSpec(
            job=new_job_id(),
            program=program,
            size=size,
            args=tuple(args),
            restart=restart,
            home=self.local,
            limits=self.settings.jobs,
        )
        job = Job(spec, router=self.router, bus=self.bus, settings=self.settings, views=self._views)
        forget_old_jobs(self.jobs)
        self.jobs[job.id] = job
        try:
            await self._jobs.start_child(
                ChildSpec(id=job.id, run=job.run, restart=Restart.TEMPORARY, mailbox=job.mailbox)
            )
        except MpiActorsError:
            del self.jobs[job.id]
            raise
        return job

    def job(self, name: str) -> Job:
        """The job whose name begins so.

        Raises:
            UnknownJob: there is none, or more than one.
        """
        return find_job(self.jobs, name)

    def _tell_jobs(self, news: JobNews) -> None:
        for job in self.jobs.values():
            if job.result is None:
                job.mailbox.post(news)

    def _views(self, program: str) -> Iterator[PeerView]:
        yield self.host.view(program)
        for record in self.roster:
            yield record.view(program)

    # --- peers --------------------------------------------------------------------------------------------

    async def connect(self, address: str) -> PeerRecord:
        """Connect to a peer, and stay or become connected from now on.

        Raises:
            BadAddress: the text is no address.
            DialFailed: nobody, or somebody else, answered.
            ConnectionLost: it did not let us into the pool.
        """
        session = await self._dialer.dial(address)
        await session.settled.wait()
        record = self.roster.get(session.remote)
        if record is None:
            raise ConnectionLost(f"{session.remote}: {session.reason}")
        self.find([address], lasting=True)
        return record

    def find(self, addresses: Iterable[str], *, lasting: bool = False) -> None:
        """A peer can perhaps be reached at one of these addresses: try."""
        found = tuple(addresses)
        if found:
            self._found.tell_nowait(Found(found, lasting))

    def offer_changed(self) -> None:
        """What this peer offers or could install has changed: others, and jobs that wait, are told soon."""
        self._announcer.changed()

    def stock_changed(self) -> None:
        """What content others can have from here has changed: they are told soon."""
        self._announcer.content_changed()

    async def _accept(self, stream: ByteStream) -> None:
        pair = await self._pairing.accept(stream)
        if pair is None:
            return
        try:
            with self._pairing.greeting(pair.remote):
                session = await self._begin_session(pair)
                await session.settled.wait()
                if not session.was_up:
                    await session.ended.wait()
        except MpiActorsError as error:
            logger.info("a link of %s was not taken: %s", pair.remote, error)
            await pair.aclose()
        else:
            await session.ended.wait()

    async def _begin_session(self, pair: StreamPair) -> PeerSession:
        session = PeerSession(pair, self, self.settings.timing)
        self._sessions += 1
        try:
            if len(self.roster) >= self.settings.peer.max_links:
                raise ConnectionLost(f"this peer is connected to {len(self.roster)} others already")
            await self._peers.start_child(
                ChildSpec(
                    id=f"{pair.remote}#{self._sessions}",
                    run=partial(self._hold_session, session),
                    restart=Restart.TEMPORARY,
                    shutdown=_GOODBYE,
                )
            )
        except BaseException:
            with trio.CancelScope(shield=True):
                await pair.aclose()
            raise
        return session

    async def _hold_session(self, session: PeerSession, mailbox: Mailbox[object]) -> None:
        try:
            await session.run(mailbox)
        finally:
            if session.was_up and self.roster.get(session.remote) is None:
                # what is left of the connection may be stuck: a next dial must not rely on it
                with trio.CancelScope(shield=True):
                    await self.transport.disconnect(session.remote)
            session.ended.set()

    def capacity(self) -> Capacity:
        """What this peer offers now."""
        return self._announcer.capacity()

    def holders(self, content: str) -> tuple[PeerId, ...]:
        """The other peers that say they have the content of that identifier, the nearest first."""
        return self.roster.holders(content)

    async def _part(self, _: Mailbox[object]) -> None:
        """When all else has stopped, say goodbye to everybody at once."""
        await current_actor().stopping.wait()
        for record in self.roster:
            record.link.goodbye("it leaves the pool")
        for record in self.roster:
            await self.roster.until_absent(record.peer)

    # --- what sessions need: `Company` --------------------------------------------------------------------

    def hello(self) -> Hello:
        """What we say of ourselves."""
        return Hello(
            pool=self.pool,
            instance=self._instance,
            agent=f"mpi-actors {__version__}",
            addresses=self.transport.addresses[:32],
            capacity=self.capacity(),
        )

    def present(self, peer: PeerId) -> PeerRecord | None:
        """The peer's record, if a session with it is up."""
        return self.roster.get(peer)

    def came(self, record: PeerRecord) -> None:
        """A session is up."""
        others = self.roster.addresses(but=record.peer)
        self.roster.add(record)
        self.router.link_up(record.link)
        offers = self._offers[record.peer] = record.capacity.interpreters
        address = next(iter(record.addresses), "")
        self.bus.emit(PeerJoined(peer=record.peer, address=address, interpreters=offers))
        for some in others:
            record.link.send_control(KnownPeers(some))
        self._announcer.greet(record)
        self._tell_jobs(PeerChanged(record.peer))
        self.stock_bus.tell()

    def went(self, record: PeerRecord, reason: str) -> None:
        """A session that was up has ended."""
        self.roster.remove(record.peer)
        self._offers.pop(record.peer, None)
        self.router.link_down(record.link)
        self.bus.emit(PeerLost(peer=record.peer, reason=reason))
        gone = PeerGone(record.peer, reason)
        self._hosting.post(gone)
        self._tell_jobs(gone)
        self.stock_bus.tell()

    def changed(self, record: PeerRecord) -> None:
        """A peer offers something else."""
        offers = record.capacity.interpreters
        if offers != self._offers.get(record.peer):
            self._offers[record.peer] = offers
            self.bus.emit(PeerOffers(peer=record.peer, interpreters=offers))
        self._tell_jobs(PeerChanged(record.peer))

    def stocked(self, record: PeerRecord, before: Stock) -> None:
        """A peer could install something else, or has other content."""
        if record.stock.installable != before.installable:
            self._tell_jobs(PeerChanged(record.peer))
        if (record.stock.holds, record.stock.addresses) != (before.holds, before.addresses):
            self.stock_bus.tell()

    def hear(self, sender: PeerId, message: ControlMessage) -> None:
        """A message about a job."""
        self.router.dispatch(sender, message)

    def frame(self, frame: Frame, sender: PeerId) -> None:
        """A data frame."""
        self.router.route(frame, sender)

    def tell_of(self, peers: KnownPeers) -> None:
        """A peer knows others."""
        for known in peers.peers:
            if self.roster.get(PeerId(known.peer)) is None:
                # an address that leads to somebody else is of no use under this name
                self.find(a for a in known.addresses if a.endswith(f"/p2p/{known.peer}"))

    def turned_away(self, peer: PeerId, error: ProtocolError) -> None:
        """A peer broke the protocol."""
        name = type(error).__name__
        self.errors[name] += 1
        logger.warning("a link with %s was cut: %s: %s", peer, name, error)

    def protocol_errors(self) -> Counter[str]:
        """How often others broke it, by the errors' names."""
        return self.errors + self._pairing.errors
