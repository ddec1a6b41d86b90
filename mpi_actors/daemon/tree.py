"""A peer: the tree of actors, whatever the network and the programs are made of.

daemon
├── peers       a session for each connected peer
├── parting     says goodbye to all of them at the end
├── dialer      reaches peers, again and again
├── announcer   tells peers what this one offers, when that changes
├── lanes       hands lanes to MPI ranks, and carries tunnels
├── ranks       an incarnation for each rank hosted here
├── host        takes the orders of coordinators
├── jobs        a coordinator for each job started here
│               `real` adds these, as far as its options ask for them:
├── blocks      serves blocks of content to other peers
├── content     finds nodes that have the content which this peer wants
├── collector   removes blocks that nothing needs
├── introducer  lets the IPFS daemon of this machine and the peers find each other
├── depot       installs interpreters, and removes those that no job uses
├── mdns        finds peers on the local network
└── console     the prompt; or `control`, which serves the requests of a launcher

Children start in this order and stop in the opposite one.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import trio

from ..actors import ChildSpec, DeadLetters, Intensity, Mailbox, Restart, Supervisor
from ..config import ReplayOptions, RestartPolicy, Settings
from ..coordination.decisions import JobSpec
from ..coordination.elect import PeerView
from ..errors import ConnectionLost, MpiActorsError
from ..events import EventBus
from ..ids import JobId, PeerId, new_job_id, new_job_secret
from ..jobs.book import check_job, find_job, forget_old_jobs
from ..jobs.job import Job, JobNews, PeerChanged
from ..lanes.news import HostNews, PeerGone
from ..lanes.router import Router
from ..net.transport import Transport
from ..peers.admission import Admission
from ..peers.announcer import Announcer
from ..peers.dialer import Dialer, Found
from ..peers.membership import Membership
from ..peers.roster import PeerRecord, Roster, StockBus
from ..peers.session import GOODBYE_TIME
from ..programs.program import ProgramStarter
from ..ranks.host import Host
from ..wire.messages import Capacity, Stock

_MAX_ORDERS_WAITING = 100_000
"""Control messages that may wait for the host: some for each rank of the largest job (4096)."""
_MAX_FOUND_WAITING = 1024
"""Found peers that may wait for the dialer; later ones are dropped, and found again."""
_RESTARTS = Intensity(max_restarts=5, period=60.0)
"""How often actors of the daemon may fail, within seconds, before the daemon itself fails: more than by
accident."""
_NO_RESTARTS = Intensity(max_restarts=0)
"""For supervisors whose children come and go: sessions, incarnations and jobs are never started again."""


class Daemon:
    """One peer of a pool.

    Args:
        transport: the network.
        starter: what can be run here, and how.
        pool: the name of the pool; peers of other pools are turned away.
        settings: the limits and the timing of this peer.
        bootstrap: addresses to reach, for ever.
        services: further actors of the tree, started last (a console, discovery).
        daemon_pid: the process id to report; None for this process.
        spill_directory: where large sender logs go; None for the system's temporary directory.
        stock: returns what content others can have from here, the most wanted first; called again after
            `on_stock_changed`. Its `installable` is not used, because the starter knows that.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        starter: ProgramStarter,
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
        self.starter = starter
        self.pool = pool
        self.settings = settings or Settings()
        self.bus = EventBus()
        self.roster = Roster()
        """The other peers that are present."""
        self.stock_bus = StockBus()
        """Tells listeners that a peer joined, left, or has other content than before."""
        self.dead_letters = DeadLetters()
        self.jobs: dict[JobId, Job] = {}
        """The jobs that this peer started, the oldest first."""
        self._bootstrap = tuple(bootstrap)
        self._orders: Mailbox[HostNews] = Mailbox(
            "host", control_capacity=_MAX_ORDERS_WAITING, dead_letters=self.dead_letters
        )
        self._found: Mailbox[Found] = Mailbox(
            "dialer", capacity=_MAX_FOUND_WAITING, dead_letters=self.dead_letters
        )
        self.router = Router(self.local, self._orders, self.dead_letters)
        self._peers = Supervisor("peers", intensity=_NO_RESTARTS)
        self._ranks = Supervisor("ranks", intensity=_NO_RESTARTS)
        self._jobs = Supervisor("jobs", intensity=_NO_RESTARTS)
        self.host = Host(
            starter=starter,
            router=self.router,
            supervisor=self._ranks,
            settings=self.settings,
            daemon_pid=os.getpid() if daemon_pid is None else daemon_pid,
            on_load_changed=self.on_offer_changed,
            spill_directory=spill_directory,
        )
        self._announcer = Announcer(
            starter=starter,
            load=lambda: (self.host.running, self.host.full),
            roster=self.roster,
            settings=self.settings,
            content=stock,
            on_announced=lambda: self._tell_jobs(PeerChanged(self.local)),
        )
        self.membership = Membership(
            pool=pool,
            transport=transport,
            roster=self.roster,
            stock_bus=self.stock_bus,
            router=self.router,
            bus=self.bus,
            announcer=self._announcer,
            find=self.find,
            on_offer=lambda peer: self._tell_jobs(PeerChanged(peer)),
            on_gone=self._on_peer_gone,
        )
        self._admission = Admission(
            transport=transport,
            supervisor=self._peers,
            roster=self.roster,
            owner=self.membership,
            settings=self.settings,
        )
        self._dialer = Dialer(
            transport,
            self.settings.timing,
            begin=self._admission.begin,
            is_present=lambda peer: self.roster.get(peer) is not None,
            until_absent=self.roster.until_absent,
        )
        self.supervisor = Supervisor(
            "daemon",
            intensity=_RESTARTS,
            children=[
                self._peers.as_child(),
                ChildSpec(id="parting", run=self.membership.part, shutdown=GOODBYE_TIME),
                ChildSpec(id="dialer", run=self._dialer.run, mailbox=self._found),
                ChildSpec(id="announcer", run=self._announcer.run),
                ChildSpec(id="lanes", run=self.host.lanes.run),
                self._ranks.as_child(),
                ChildSpec(id="host", run=self.host.run, mailbox=self._orders),
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
            await nursery.start(self.transport.run, self._admission.accept)
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
        replay: ReplayOptions | None = None,
    ) -> Job:
        """Start a job with ranks 0 … size-1, coordinated here, with rank 0 here.

        Raises:
            UnknownInterpreter: the program is not installed on this peer and cannot be installed.
            UsageError: the number of ranks is out of range, or an argument cannot be sent.
        """
        check_job(self.starter, program, size, args)
        spec = JobSpec(
            job=new_job_id(),
            program=program,
            size=size,
            args=tuple(args),
            restart=restart,
            replay=replay or ReplayOptions(),
            secret=new_job_secret(),
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
        """Return the job whose name begins with `name`.

        Raises:
            UnknownJob: no job's name begins so, or the names of several do.
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
        """Connect to a peer, and keep the connection, or restore it, from now on.

        Raises:
            BadAddress: the text is not an address.
            DialFailed: nobody answered, or a peer with another id.
            ConnectionLost: the peer did not let this one into the pool.
        """
        session = await self._dialer.dial(address)
        await session.settled.wait()
        record = self.roster.get(session.remote)
        if record is None:
            raise ConnectionLost(f"{session.remote}: {session.reason}")
        self.find([address], lasting=True)
        return record

    def find(self, addresses: Iterable[str], *, lasting: bool = False) -> None:
        """Try to reach a peer at one of these addresses; for ever if `lasting`."""
        found = tuple(addresses)
        if found:
            self._found.tell_nowait(Found(found, lasting))

    def capacity(self) -> Capacity:
        """Return the slots and interpreters that this peer offers now."""
        return self._announcer.capacity()

    def providers_of(self, content: str) -> tuple[PeerId, ...]:
        """Return the other peers that say they have the content of that identifier, the nearest first."""
        return self.roster.providers_of(content)

    def protocol_errors(self) -> Counter[str]:
        """Return how often other peers broke the protocol, by the errors' names."""
        return self.membership.errors + self._admission.errors

    def on_offer_changed(self) -> None:
        """What this peer offers or could install has changed: tell other peers, and jobs that wait."""
        self._announcer.on_capacity_changed()

    def on_stock_changed(self) -> None:
        """The content that others can have from here has changed: tell other peers."""
        self._announcer.on_content_changed()

    def _on_peer_gone(self, gone: PeerGone) -> None:
        self._orders.post(gone)
        self._tell_jobs(gone)
