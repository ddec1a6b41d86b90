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
from ..coordination.result import JobLog
from ..coordination.result import JobResult as JobResult
from ..coordination.result import LogLine as LogLine
from ..coordination.seats import Action, Announce, ChoiceRecorded, End, Fence, Phase, PlaceRank, Preparing
from ..errors import BadFrame, Impostor
from ..events import (
    EventBus,
    JobFinished,
    JobStarted,
    Log,
    RankInstalling,
    RankLost,
    RankStarted,
    RankWaiting,
)
from ..ids import COORDINATOR, Incarnation, JobId, PeerId, Rank
from ..lanes.router import Router
from ..lanes.routes import Attachment, FromPeer, PeerGone
from ..replay.endpoint import Endpoint
from ..wire.messages import (
    ChoiceNoted,
    EndJob,
    Placed,
    Placement,
    RankBroke,
    RankChose,
    RankExited,
    RankPreparing,
    RankRefused,
    RankState,
    RankStderr,
    StartRank,
    StopRank,
)
from ..wire.messages import RankIsUp as RankStartedMessage
from ..wire.reports import LogReport, ResetReport, decode_report
from .inquiry import Inquiry


@attrs.frozen
class PeerChanged:
    """A peer has come, or offers something else."""

    peer: PeerId


@attrs.frozen
class Reported:
    """A rank has reported something on its lane to the coordinator."""

    rank: Rank


@attrs.frozen
class KillJob:
    """Somebody wants the job to end."""

    reason: str


_MOST_ERRORS = 1000

JobNews = FromPeer | PeerGone | PeerChanged | Reported | KillJob
"""What a coordinator takes."""


class Job:
    """One job that this peer coordinates.

    Args:
        views: what is known of the peers that could host ranks, or of one of them.
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
        self.log = JobLog(spec.limits)
        self.result: JobResult | None = None
        self.mailbox: Mailbox[JobNews] = Mailbox(
            f"job {spec.job}", control_capacity=100_000, dead_letters=router.dead_letters
        )
        self._router = router
        self._bus = bus
        self._settings = settings
        self._views = views
        self._endpoint = Endpoint(spec.job, COORDINATOR, 0, settings.lanes)
        self._errors_waiting = 0
        self._reported: set[Rank] = set()
        self._postponed: set[Rank] = set()
        self._preparing: dict[Rank, Incarnation] = {}
        """Whose news of preparation are in the mailbox."""
        self._ends = PendingEnds(lambda rank: self._endpoint.lane(rank).incoming, settings.timing.flush)
        self._hosts: set[PeerId] = set()
        self._waiting_said: set[tuple[Rank, Incarnation]] = set()
        self._began = 0.0
        self._finished = trio.Event()
        self._inquiry = Inquiry(self.decisions, router)

    # --- for people ---------------------------------------------------------------------------------------

    @property
    def id(self) -> JobId:
        """The job's name."""
        return self.spec.job

    async def wait(self) -> JobResult:
        """Wait for the job's end."""
        await self._finished.wait()
        assert self.result is not None
        return self.result

    def kill(self, reason: str = "killed by request") -> None:
        """Ask that the job end; `wait` tells when it has."""
        self.mailbox.post(KillJob(reason))

    async def why(self, patience: float = 1.0) -> list[str]:
        """What each rank does or waits for, a text each; hosts have `patience` seconds to answer."""
        if self.result is not None:
            return [f"job {self.id} is over: {self.result.reason}"]
        return await self._inquiry.ask(patience)

    # --- the actor ----------------------------------------------------------------------------------------

    async def run(self, mailbox: Mailbox[JobNews]) -> None:
        """Coordinate the job to its end."""
        self._began = trio.current_time()
        patience = self._settings.timing.start_rank
        self._router.open_job(self.id, self.spec.home)
        self._router.attach(Attachment(self._endpoint, self._on_reported, self._on_broken))
        self._router.serve(self.id, self._take)
        forget = self._bus.when_free(self._resume_reading)
        try:
            self._bus.emit(JobStarted(job=self.id, program=self.spec.program, ranks=self.spec.size))
            self._act(self.decisions.begin(self._views(self.spec.program), self._began))
            while self.decisions.ended is None:
                deadline = min(self.decisions.next_deadline(patience) or math.inf, self._ends.next_deadline())
                with trio.move_on_at(deadline) as timeout:
                    self._hear(await mailbox.next())
                if timeout.cancelled_caught:
                    now = trio.current_time()
                    self._act(self.decisions.on_time_passed(now, patience))
                    self._settle_ends(now)
        finally:
            forget()
            self._close()

    def _take(self, news: FromPeer) -> None:
        message = news.message
        rank = getattr(message, "rank", -1)
        incarnation = getattr(message, "incarnation", -1)
        if isinstance(message, RankState):
            self._inquiry.answered(message, news.sender)
            return
        if self.decisions.is_current(rank, incarnation) and self.decisions.seats[rank].peer != news.sender:
            raise Impostor(f"it speaks for rank {rank} of job {self.id}, which it does not host")
        if isinstance(message, RankStderr):
            # in the order in which it came, so that it is shown before its rank's end; but not without limit
            if self._errors_waiting >= _MOST_ERRORS:
                self._router.dead_letters.record(self.mailbox.name, message, "too much standard error")
                return
            self._errors_waiting += 1
        if isinstance(message, RankPreparing):
            # one that is yet to be heard is enough, however often it is said
            if self._preparing.get(rank) == incarnation or not self.decisions.is_current(rank, incarnation):
                return
            if self.mailbox.post(news):
                self._preparing[rank] = incarnation
            return
        self.mailbox.post(news)

    def _hear(self, news: JobNews) -> None:
        now = trio.current_time()
        match news:
            case FromPeer(_, message):
                self._hear_host(message, now)
            case PeerGone(peer, reason):
                self._act(self.decisions.on_peer_down(peer, reason, now))
            case PeerChanged(peer):
                for view in self._views(self.spec.program):
                    if view.peer == peer:
                        self._act(self.decisions.on_peer_changed(view, now))
            case Reported(rank):
                self._read_reports(rank, now)
            case KillJob(reason):
                self._act(self.decisions.kill(reason))

    def _hear_host(self, message: object, now: float) -> None:
        match message:
            case RankStartedMessage(_, rank, incarnation, pid, daemon_pid, mpi, processor):
                peer = (
                    self.decisions.seats[rank].peer if self.decisions.is_current(rank, incarnation) else None
                )
                actions = self.decisions.on_rank_started(rank, incarnation, now, mpi=mpi, processor=processor)
                if actions and peer is not None:
                    self._bus.emit(
                        RankStarted(
                            job=self.id, rank=rank, incarnation=incarnation,
                            peer=peer, pid=pid, daemon_pid=daemon_pid,
                        )
                    )  # fmt: skip
                self._act(actions)
            case RankPreparing(_, rank, incarnation, text):
                self._preparing.pop(rank, None)
                self._act(self.decisions.on_rank_preparing(rank, incarnation, text, now))
            case RankRefused(_, rank, incarnation, reason):
                self._act(self.decisions.on_rank_refused(rank, incarnation, reason, now))
            case RankExited() as exited if self.decisions.is_current(exited.rank, exited.incarnation):
                self._ends.told(exited, now)
                self._settle_ends(now)
            case RankChose(_, rank, incarnation, what):
                self._act(self.decisions.on_rank_chose(rank, incarnation, what))
            case RankBroke(_, rank, incarnation, _, text):
                self._act(self.decisions.on_rank_broke(rank, incarnation, text))
            case RankStderr(_, rank, _, text):
                self._errors_waiting -= 1
                for line in text.splitlines():
                    self._add_line(LogLine(rank, line, "stderr"))

    # --- reports and ends ---------------------------------------------------------------------------------

    def _on_reported(self, rank: Rank) -> None:
        if rank not in self._reported:
            self._reported.add(rank)
            self.mailbox.post(Reported(rank))

    def _on_broken(self, error: Exception) -> None:
        self.kill(f"the coordinator's endpoint broke: {error}")

    def _resume_reading(self) -> None:
        ranks, self._postponed = self._postponed, set()
        for rank in ranks:
            self._on_reported(rank)

    def _read_reports(self, rank: Rank, now: float) -> None:
        self._reported.discard(rank)
        lane = self._endpoint.lane(rank)
        while not self._bus.held and (payload := lane.take()) is not None:
            try:
                report = decode_report(payload)
            except BadFrame as error:
                self._act(self.decisions.kill(f"rank {rank} sent a bad report: {error}"))
                return
            match report:
                case LogReport(text):
                    self._add_line(LogLine(rank, text.decode(errors="replace")))
                case ResetReport(other):
                    self._act(self.decisions.reset(other, rank, now))
        if self._bus.held:
            # what is not taken gives the rank no new credit, so it waits at its host
            self._postponed.add(rank)
        self._router.ready(self._endpoint, lane)
        self._ends.reported(rank, now)
        self._settle_ends(now)

    def _settle_ends(self, now: float) -> None:
        current = self.decisions.is_current
        for exited in self._ends.settled(now, lambda told: current(told.rank, told.incarnation)):
            rank, incarnation, code, text = exited.rank, exited.incarnation, exited.code, exited.description
            if self.decisions.ended is None:
                # of ranks that fail side by side, only the first one's is shown
                for line in exited.traceback.splitlines():
                    self._add_line(LogLine(rank, line, "stderr"))
            if exited.aborted:
                self._act(self.decisions.on_rank_aborted(rank, incarnation, code, text, exited.traceback))
                continue
            if code and exited.stderr and not exited.traceback:
                text += "; its standard error ended with:\n" + exited.stderr
            self._act(
                self.decisions.on_rank_exited(
                    rank, incarnation,
                    killed=exited.killed, code=code, text=text, now=now, traceback=exited.traceback,
                )
            )  # fmt: skip

    def _add_line(self, line: LogLine) -> None:
        self.log.add(line)
        self._bus.emit(Log(job=self.id, rank=line.rank, text=line.text, stream=line.stream))

    # --- actions ------------------------------------------------------------------------------------------

    def _act(self, actions: Iterable[Action]) -> None:
        for action in actions:
            match action:
                case PlaceRank(rank, incarnation, peer):
                    self._hosts.add(peer)
                    self._router.tell(peer, self._order(rank, incarnation))
                case Announce(rank, incarnation, peer):
                    self._router.place(self.id, rank, incarnation, peer)
                    news = Placed(self.id, Placement(rank, incarnation, peer))
                    for host in self.decisions.hosts() - {self.spec.home}:
                        self._router.tell(host, news)
                case Fence(rank, incarnation, peer, reason):
                    self._bus.emit(
                        RankLost(job=self.id, rank=rank, incarnation=incarnation, peer=peer, reason=reason)
                    )
                    if peer in self.decisions.peers:
                        self._router.tell(peer, StopRank(self.id, rank, incarnation))
                case Preparing(rank, incarnation, peer):
                    self._bus.emit(
                        RankInstalling(
                            job=self.id, rank=rank, incarnation=incarnation,
                            peer=peer, program=self.spec.program,
                        )
                    )  # fmt: skip
                case ChoiceRecorded(rank, incarnation, peer):
                    self._router.tell(peer, ChoiceNoted(self.id, rank, incarnation))
                case End():
                    self._finish(action)
        self._say_who_waits()

    def _order(self, rank: Rank, incarnation: Incarnation) -> StartRank:
        return StartRank(
            job=self.id,
            rank=rank,
            incarnation=incarnation,
            size=self.spec.size,
            program=self.spec.program,
            args=self.spec.args,
            placements=tuple(
                Placement(seat.rank, seat.incarnation, seat.peer)
                for seat in self.decisions.placed()
                if seat.peer is not None
            ),
            processor=self.decisions.seats[rank].processor,
        )

    def _say_who_waits(self) -> None:
        if self.decisions.ended is not None:
            return
        for seat in self.decisions.seats:
            key = (seat.rank, seat.incarnation)
            if seat.phase is Phase.VACANT and key not in self._waiting_said:
                self._waiting_said.add(key)
                self._bus.emit(
                    RankWaiting(
                        job=self.id, rank=seat.rank,
                        seconds=self.spec.limits.wait_for_host, reason=self.decisions.why_vacant(seat),
                    )
                )  # fmt: skip

    def _finish(self, end: End) -> None:
        seconds = trio.current_time() - self._began
        self.result = JobResult(
            job=self.id,
            ok=end.ok,
            exit_code=end.exit_code,
            reason=end.reason,
            seconds=seconds,
            output=self.log.output(),
            rank=end.rank,
            traceback=end.traceback,
        )

    def _close(self) -> None:
        if self.result is None:
            self._act(self.decisions.kill("its coordinator was stopped"))
        self._router.stop_serving(self.id)
        self._router.detach(self._endpoint)
        self._endpoint.close()
        for peer in self._hosts:
            self._router.tell(peer, EndJob(self.id))
        if self.spec.home not in self._hosts:
            self._router.close_job(self.id)
        assert self.result is not None
        self._bus.emit(
            JobFinished(
                job=self.id, ok=self.result.ok, exit_code=self.result.exit_code,
                reason=self.result.reason, seconds=round(self.result.seconds, 6),
            )
        )  # fmt: skip
        self._finished.set()
