"""A job at the peer that started it: the coordinator's actor, and the handle for people."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import attrs
import trio

from ..actors import Mailbox
from ..config import Settings
from ..coordination.decisions import JobDecisions, JobSpec
from ..coordination.elect import PeerView
from ..coordination.ends import PendingEnds
from ..coordination.result import JobLog, JobResult
from ..coordination.seats import Announce, End
from ..coordination.touched import TouchedFiles
from ..errors import BadFrame, Impostor
from ..events import STDERR_FOLLOWS, EventBus
from ..ids import COORDINATOR, Incarnation, JobId, PeerId, Rank
from ..lanes.news import FromPeer, PeerGone
from ..lanes.recovered import Delivery
from ..lanes.router import Router
from ..lanes.routes import Attachment
from ..replay.endpoint import Endpoint
from ..replay.holder import ChoiceHolder
from ..replay.incoming import Incoming
from ..wire.messages import (
    AskChoices,
    RankBroke,
    RankChose,
    RankExited,
    RankIsUp,
    RankPreparing,
    RankRefused,
    RankState,
    RankStderr,
    RankTouched,
)
from ..wire.reports import ResetReport
from .effects import Effects
from .holding import ChoicesCame, Holding, Sealed
from .inquiry import Inquiry
from .output import Difference, JobOutput


@attrs.frozen
class PeerChanged:
    """A peer has joined the pool, or offers something else than before."""

    peer: PeerId


@attrs.frozen
class Reported:
    """A rank has reported something on its lane to the coordinator, or written to standard error."""

    rank: Rank


@attrs.frozen
class KillJob:
    """Somebody wants the job to end."""

    reason: str


_MAX_NEWS_WAITING = 100_000
"""Messages that may wait in the mailbox: some for each rank of the largest job (4096)."""

JobNews = FromPeer | PeerGone | PeerChanged | Reported | ChoicesCame | Sealed | KillJob
"""The messages that a coordinator takes."""


class Job:
    """One job that this peer coordinates.

    Args:
        spec: what is run.
        router: carries messages to and from the hosts.
        bus: takes the job's events.
        settings: of this peer.
        views: called with the program's name; tells what is known of each peer that could host ranks.
    """

    def __init__(
        self,
        spec: JobSpec,
        *,
        router: Router,
        bus: EventBus,
        settings: Settings,
        views: Callable[[str], Iterable[PeerView]],
    ) -> None:
        self.spec = spec
        self.decisions = JobDecisions(spec)
        """The state of the job."""
        self.log = JobLog(spec.limits)
        """The end of what the ranks have logged."""
        self.result: JobResult | None = None
        """How the job ended; None while it runs."""
        self.mailbox: Mailbox[JobNews] = Mailbox(
            f"job {spec.job}", control_capacity=_MAX_NEWS_WAITING, dead_letters=router.dead_letters
        )
        self._router = router
        self._bus = bus
        self._settings = settings
        self._views = views
        self._holder = ChoiceHolder()
        self._effects = Effects(self.decisions, router, bus, self._holder, self._on_end)
        self._endpoint = Endpoint(
            spec.job, COORDINATOR, 0, settings.lanes,
            compare=spec.replay.replay, on_other=self._on_other_report,
        )  # fmt: skip
        self._output = JobOutput(
            spec, self.log, self._incoming,
            show=self._effects.show_line, warn=self._effects.warn, tell=router.tell,
        )  # fmt: skip
        self._reported: set[Rank] = set()
        """Ranks of which a `Reported` is in the mailbox."""
        self._postponed: set[Rank] = set()
        """Ranks whose reports and standard error are read when the event bus has room again."""
        self._preparing: dict[Rank, Incarnation] = {}
        self._touched = TouchedFiles()
        """Incarnations of which a `RankPreparing` is in the mailbox."""
        self._ends = PendingEnds(
            self._incoming,
            self._output.stderr,
            lambda rank: self._holder.position(rank)[1],
            settings.timing.flush,
        )
        self._holding = Holding(spec.job, self._holder, self._effects.hosts, self.mailbox.post, self.kill)
        self._began = 0.0
        self._finished = trio.Event()
        self._inquiry = Inquiry(self.decisions, router)

    # --- for people ---------------------------------------------------------------------------------------

    @property
    def id(self) -> JobId:
        """The job's name."""
        return self.spec.job

    async def wait(self) -> JobResult:
        """Wait for the job's end, and return how it ended."""
        await self._finished.wait()
        assert self.result is not None
        return self.result

    def kill(self, reason: str = "killed by request") -> None:
        """Ask that the job end; `wait` returns when it has ended."""
        self.mailbox.post(KillJob(reason))

    async def why(self, patience: float = 1.0) -> list[str]:
        """Return what each rank does or waits for, one text per rank.

        Args:
            patience: seconds that hosts have to answer.
        """
        if self.result is not None:
            return [f"job {self.id} is over: {self.result.reason}"]
        return await self._inquiry.ask(patience)

    # --- the actor ----------------------------------------------------------------------------------------

    async def run(self, mailbox: Mailbox[JobNews]) -> None:
        """Coordinate the job to its end."""
        self._began = trio.current_time()
        patience = self._settings.timing.start_rank
        self._router.open_job(self.id, self.spec.home)
        self._router.attach(Attachment(self._endpoint, self._on_report, self._on_endpoint_broken))
        self._router.serve(self.id, self._on_host_message)
        if (choices := self._router.choices_of(self.id)) is not None:
            choices.hold(self._holding)
        forget = self._bus.when_free(self._on_bus_free)
        try:
            self._effects.begin()
            self._effects.carry_out(self.decisions.begin(self._views(self.spec.program), self._began))
            while self.decisions.ended is None:
                deadline = min(self.decisions.next_deadline(patience) or math.inf, self._ends.next_deadline())
                with trio.move_on_at(deadline) as timeout:
                    self._on_news(await mailbox.next())
                if timeout.cancelled_caught:
                    now = trio.current_time()
                    self._effects.carry_out(self.decisions.on_time_passed(now, patience))
                    self._take_ends(now)
        finally:
            forget()
            self._close()

    def _on_host_message(self, news: FromPeer) -> None:
        """Put a host's message into the mailbox; called by the router."""
        message = news.message
        rank = getattr(message, "rank", -1)
        incarnation = getattr(message, "incarnation", -1)
        if isinstance(message, RankState):
            self._inquiry.on_answer(message, news.sender)
            return
        if self.decisions.is_current(rank, incarnation) and self.decisions.seats[rank].peer != news.sender:
            raise Impostor(f"it speaks for rank {rank} of job {self.id}, which it does not host")
        if isinstance(message, RankStderr):
            # what is read waits with the other messages, so that it is shown before its rank's end
            current = self.decisions.is_current(rank, incarnation)
            if self._output.on_stderr(message, news.sender, current=current):
                self._on_report(rank)
            return
        if isinstance(message, AskChoices):
            stream = self._holder.stream(rank, incarnation)
            self._router.send(news.sender, Delivery(self.id, rank, incarnation, stream, message.have))
            return
        if isinstance(message, RankPreparing):
            # hosts repeat this message; one of them in the mailbox is enough
            if self._preparing.get(rank) == incarnation or not self.decisions.is_current(rank, incarnation):
                return
            if self.mailbox.post(news):
                self._preparing[rank] = incarnation
            return
        self.mailbox.post(news)

    def _on_news(self, news: JobNews) -> None:
        now = trio.current_time()
        match news:
            case FromPeer(_, message):
                self._obey_host(message, now)
            case PeerGone(peer, reason):
                self._effects.carry_out(self.decisions.on_peer_down(peer, reason, now))
            case PeerChanged(peer):
                for view in self._views(self.spec.program):
                    if view.peer == peer:
                        self._effects.carry_out(self.decisions.on_peer_changed(view, now))
            case Reported(rank):
                self._read_reports(rank, now)
            case ChoicesCame():
                self._take_ends(now)
            case Sealed(peer, round):
                self._effects.carry_out(self.decisions.on_sealed(peer, round, now))
            case KillJob(reason):
                self._effects.carry_out(self.decisions.kill(reason))

    def _obey_host(self, message: object, now: float) -> None:
        act, decisions = self._effects.carry_out, self.decisions
        match message:
            case RankIsUp(_, rank, incarnation, mpi=mpi, processor=processor):
                actions = decisions.on_rank_started(rank, incarnation, now, mpi=mpi, processor=processor)
                for action in actions:
                    if isinstance(action, Announce):
                        self._effects.show_started(message, action.peer)
                act(actions)
            case RankPreparing(_, rank, incarnation, text):
                self._preparing.pop(rank, None)
                act(decisions.on_rank_preparing(rank, incarnation, text, now))
            case RankRefused(_, rank, incarnation, reason):
                act(decisions.on_rank_refused(rank, incarnation, reason, now))
            case RankExited() if decisions.is_current(message.rank, message.incarnation):
                self._ends.on_rank_exited(message, now)
                self._take_ends(now)
            case RankChose(_, rank, incarnation, what):
                act(decisions.on_rank_chose(rank, incarnation, what))
            case RankTouched(_, rank, incarnation, path):
                # also of an incarnation that is lost: nobody else says what it did
                if rank < len(decisions.seats) and incarnation <= decisions.seats[rank].incarnation:
                    self._touched.note(rank, incarnation, path)
            case RankBroke(_, rank, incarnation, _, text):
                act(decisions.on_rank_broke(rank, incarnation, text))

    # --- reports and ends ---------------------------------------------------------------------------------

    def _incoming(self, rank: Rank) -> Incoming:
        return self._endpoint.lane(rank).incoming

    def _on_other_report(self, rank: Rank, incarnation: Incarnation, number: int, beginning: bytes) -> None:
        self._output.on_other(rank, incarnation, number, beginning)
        self._on_report(rank)

    def _on_report(self, rank: Rank) -> None:
        if rank not in self._reported:
            self._reported.add(rank)
            self.mailbox.post(Reported(rank))

    def _on_endpoint_broken(self, error: Exception) -> None:
        self.kill(f"the coordinator's endpoint broke: {error}")

    def _on_bus_free(self) -> None:
        ranks, self._postponed = self._postponed, set()
        for rank in ranks:
            self._on_report(rank)

    def _read_reports(self, rank: Rank, now: float) -> None:
        self._reported.discard(rank)
        self._end_because_of(self._output.differences())
        if self.decisions.ended is not None:
            return  # what a rank writes behind a difference is of another run: nobody sees it
        lane = self._endpoint.lane(rank)
        try:
            while not self._bus.held and (report := self._output.next_report(rank)) is not None:
                if isinstance(report, ResetReport):
                    self._effects.carry_out(self.decisions.reset(report.rank, rank, now))
        except BadFrame as error:
            self._effects.carry_out(self.decisions.kill(f"rank {rank} sent a bad report: {error}"))
            return
        self._output.read_stderr(rank, lambda: self._bus.held)
        if self._bus.held:
            # what is not taken gives the rank no new credit, so the rank waits at its host
            self._postponed.add(rank)
        self._router.mark_ready(self._endpoint, lane)
        self._ends.on_report(rank, now)
        self._take_ends(now)

    def _take_ends(self, now: float) -> None:
        """Decide about ranks that have ended and whose last reports are here, or are no longer expected."""
        current = self.decisions.is_current
        self._end_because_of(self._output.differences())
        for exited in self._ends.take_complete(now, lambda end: current(end.rank, end.incarnation)):
            rank, incarnation, code, text = exited.rank, exited.incarnation, exited.code, exited.description
            self._output.on_end(exited)
            self._end_because_of(self._output.shortfall(exited))
            if self.decisions.ended is None:
                # of ranks that fail side by side, only the first one's traceback is shown
                self._output.add_text(rank, exited.traceback.encode(errors="backslashreplace"))
            if exited.aborted:
                actions = self.decisions.on_rank_aborted(rank, incarnation, code, text, exited.traceback)
                self._effects.carry_out(actions)
                continue
            if code and exited.stderr and not exited.traceback:
                text += STDERR_FOLLOWS + exited.stderr
            self._effects.carry_out(
                self.decisions.on_rank_exited(
                    rank, incarnation,
                    killed=exited.killed, code=code, text=text, now=now, traceback=exited.traceback,
                    silent=exited.silent,
                )
            )  # fmt: skip
        self._holding.awaited = self._ends.waiting

    def _end_because_of(self, differences: Iterable[Difference]) -> None:
        for found in differences:
            self._effects.carry_out(self.decisions.on_rank_broke(found.rank, found.incarnation, found.text))

    # --- the end ------------------------------------------------------------------------------------------

    def _on_end(self, end: End) -> None:
        self.result = JobResult(
            job=self.id,
            ok=end.ok,
            exit_code=end.exit_code,
            reason=end.reason,
            seconds=trio.current_time() - self._began,
            output=self.log.output(),
            rank=end.rank,
            traceback=end.traceback,
        )

    def _close(self) -> None:
        if self.result is None:
            self._effects.carry_out(self.decisions.kill("its coordinator was stopped"))
        assert self.result is not None
        self._router.stop_serving(self.id)
        self._router.detach(self._endpoint)
        self._endpoint.close()
        self._output.say_what_was_lost()
        self._effects.show_notices(self._touched.notices())
        self._effects.finish(self.result)
        self._finished.set()
