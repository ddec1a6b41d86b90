"""This peer as a host: it obeys coordinators, and runs a supervised actor for each rank placed here."""

from __future__ import annotations

import logging
from collections.abc import Callable

import attrs
import trio

from ..actors import ChildSpec, Mailbox, Restart, Supervisor
from ..config import Settings
from ..coordination.elect import PeerView
from ..errors import MpiActorsError
from ..ids import JobId, PeerId, Rank
from ..lanes import LaneBroker
from ..lanes.news import FromPeer, HostNews, PeerGone
from ..lanes.router import Router
from ..programs.program import ProgramStarter
from ..wire.messages import (
    AskRank,
    ChoiceNoted,
    EndJob,
    Placed,
    RankRefused,
    RankState,
    SealChoices,
    StartRank,
    StderrTaken,
    StopRank,
)
from .incarnation import AskState, RankActor, RankNews

logger = logging.getLogger(__name__)


@attrs.define
class _Hosted:
    """A rank placed here."""

    incarnation: RankActor
    number: int
    child: str
    mailbox: Mailbox[RankNews]


class Host:
    """The actor that hosts ranks.

    Args:
        starter: starts programs.
        router: carries messages, and serves the endpoints of the ranks.
        supervisor: the parent of the incarnations.
        settings: of this peer.
        daemon_pid: this daemon's process id, for people.
        on_load_changed: called when the number of running ranks has changed.
        spill_directory: where large logs of sent messages go; None for the system's temporary directory.
    """

    def __init__(
        self,
        *,
        starter: ProgramStarter,
        router: Router,
        supervisor: Supervisor,
        settings: Settings,
        daemon_pid: int,
        on_load_changed: Callable[[], None],
        spill_directory: str | None = None,
    ) -> None:
        self._starter = starter
        self._router = router
        self.lanes = LaneBroker(router, cores=settings.peer.cores)
        """Gives lanes to ranks that speak MPI. Its `run` is an actor of its own."""
        self._supervisor = supervisor
        self._settings = settings
        self._daemon_pid = daemon_pid
        self._on_load_changed = on_load_changed
        self._spill_directory = spill_directory
        self._hosted: dict[tuple[JobId, Rank], _Hosted] = {}

    @property
    def running(self) -> int:
        """The number of ranks whose programs run here now."""
        return sum(hosted.incarnation.running for hosted in self._hosted.values())

    @property
    def full(self) -> bool:
        """Whether this peer takes no more ranks."""
        return len(self._hosted) >= self._settings.peer.max_ranks

    def _on_change(self) -> None:
        self.lanes.on_running_changed(self.running)
        self._on_load_changed()

    def view(self, program: str) -> PeerView:
        """Return this peer as a candidate for ranks of `program`."""
        installed = program in self._starter.interpreters()
        return PeerView(
            peer=self._router.local,
            has_interpreter=installed,
            could_install=not installed and program in self._starter.installable(),
            slots=self._settings.peer.slots,
            running=self.running,
            full=self.full,
            kind=self._starter.kind,
        )

    async def run(self, mailbox: Mailbox[HostNews]) -> None:
        """The actor: obey one order at a time, in the order in which they came."""
        async for news in mailbox:
            if isinstance(news, PeerGone):
                for job in self._router.jobs_of(news.peer):
                    await self._end(job)
            else:
                await self._obey(news)

    async def _obey(self, news: FromPeer) -> None:
        coordinator = self._router.coordinator_of(JobId(getattr(news.message, "job", "")))
        if coordinator is not None and coordinator != news.sender:
            # the router let the order pass because it did not yet know the job
            logger.warning("%s gives orders for a job of %s", news.sender, coordinator)
            return
        match news.message:
            case StartRank() as order:
                await self._start(order, news.sender)
            case Placed(job, placement):
                self._router.place(JobId(job), placement.rank, placement.incarnation, PeerId(placement.peer))
            case StopRank(job, rank, incarnation):
                await self._stop(JobId(job), rank, incarnation)
            case EndJob(job):
                await self._end(JobId(job))
            case SealChoices(job, round, lost):
                self._router.seal(JobId(job), lost)
                for each in lost:
                    # what it has recorded is read when its process is gone
                    await self._stop(JobId(job), each.rank, each.incarnation)
                choices = self._router.choices_of(JobId(job))
                if choices is not None:
                    choices.answer(round)
            case AskRank(job, rank, question):
                self._ask(JobId(job), rank, question, news.sender)
            case ChoiceNoted(job, rank) | StderrTaken(job, rank) as noted:
                hosted = self._hosted.get((JobId(job), rank))
                if hosted is not None:
                    hosted.mailbox.post(noted)

    async def _start(self, order: StartRank, coordinator: PeerId) -> None:
        job = JobId(order.job)
        self._router.open_job(job, coordinator)
        for placement in order.placements:
            self._router.place(job, placement.rank, placement.incarnation, PeerId(placement.peer))
        await self._stop(job, order.rank, order.incarnation - 1)
        refusal = None
        if (job, order.rank) in self._hosted:
            refusal = "a newer incarnation is here already"
        elif order.rank >= order.size:
            refusal = f"the job has {order.size} ranks: there is no rank {order.rank}"
        elif not self.view(order.program).offers:
            refusal = f"no interpreter {order.program!r} is installed here"
        elif self.full:
            refusal = f"it hosts {len(self._hosted)} ranks and takes no more"
        if refusal is not None:
            self._router.tell(coordinator, RankRefused(job, order.rank, order.incarnation, refusal))
            if coordinator != self._router.local and not any(key[0] == job for key in self._hosted):
                self._router.close_job(job)
            return
        # the rank's own place is known here before other hosts learn of it, so that its lanes can begin
        self._router.place(job, order.rank, order.incarnation, self._router.local)
        incarnation = RankActor(
            order,
            coordinator,
            starter=self._starter,
            router=self._router,
            lanes=self.lanes,
            settings=self._settings,
            daemon_pid=self._daemon_pid,
            on_ended=self._on_change,
            spill_directory=self._spill_directory,
        )
        child = f"{job}/{order.rank}.{order.incarnation}"
        mailbox: Mailbox[RankNews] = Mailbox(f"rank {child}", dead_letters=self._router.dead_letters)
        self._hosted[job, order.rank] = _Hosted(incarnation, order.incarnation, child, mailbox)
        await self._supervisor.start_child(
            ChildSpec(id=child, run=incarnation.run, restart=Restart.TEMPORARY, mailbox=mailbox)
        )
        self._on_change()

    async def _stop(self, job: JobId, rank: Rank, up_to: int) -> None:
        hosted = self._hosted.get((job, rank))
        if hosted is None or hosted.number > up_to:
            return
        del self._hosted[job, rank]
        await self._stop_child(hosted.child)
        self._on_change()

    async def _end(self, job: JobId) -> None:
        doomed = [key for key in self._hosted if key[0] == job]
        children = [self._hosted.pop(key).child for key in doomed]
        async with trio.open_nursery() as nursery:
            for child in children:
                nursery.start_soon(self._stop_child, child)
        self._router.close_job(job)
        self._on_change()

    async def _stop_child(self, child: str) -> None:
        try:
            await self._supervisor.stop_child(child)
        except MpiActorsError:
            # the actor failed by itself and is gone already; the supervisor has logged why
            logger.debug("%s had ended", child)

    def _ask(self, job: JobId, rank: Rank, question: int, sender: PeerId) -> None:
        hosted = self._hosted.get((job, rank))
        if hosted is None:
            self._router.tell(sender, RankState(job, rank, 0, question, "is not here any more"))
        else:
            hosted.mailbox.post(AskState(question, sender))
