"""What follows from a coordinator's decisions: messages to hosts, and events for people."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..coordination.decisions import JobDecisions
from ..coordination.result import JobResult, LogLine
from ..coordination.seats import (
    Action,
    Announce,
    ChoiceRecorded,
    Drop,
    End,
    Fence,
    Moved,
    Phase,
    PlaceRank,
    Preparing,
    Seal,
)
from ..events import (
    EventBus,
    JobFinished,
    JobStarted,
    Log,
    Notice,
    RankInstalling,
    RankLost,
    RankStarted,
    RankWaiting,
)
from ..ids import Incarnation, PeerId, Rank
from ..lanes.router import Router
from ..replay.holder import ChoiceHolder
from ..wire.fields import MAX_CHOICES, LostRank
from ..wire.messages import (
    ChoiceNoted,
    EndJob,
    Placed,
    Placement,
    RankIsUp,
    SealChoices,
    StartRank,
    StopRank,
)

_WHERE_MOVED = (
    "no host like the first one of rank {rank} can take it: it goes on with {difference}. If its arithmetic "
    "differs there in the last bits, the job will fail with ReplayDivergence"
)


class Effects:
    """Carries out what one job's coordinator decides.

    Args:
        decisions: the coordinator's decisions; effects only read them.
        router: takes messages to hosts, and knows the ranks' places.
        bus: takes the events.
        holder: has the recorded choices of the ranks.
        on_end: called when the decision is that the job ends.
    """

    def __init__(
        self,
        decisions: JobDecisions,
        router: Router,
        bus: EventBus,
        holder: ChoiceHolder,
        on_end: Callable[[End], None],
    ) -> None:
        self._decisions = decisions
        self._spec = decisions.spec
        self._router = router
        self._bus = bus
        self._holder = holder
        self._on_end = on_end
        self.hosts: set[PeerId] = set()
        """Every peer that got an order: it must learn of the job's end."""
        self._waiting_shown: set[tuple[Rank, Incarnation]] = set()

    def begin(self) -> None:
        """Show that the job starts."""
        self._bus.emit(JobStarted(job=self._spec.job, program=self._spec.program, ranks=self._spec.size))

    def carry_out(self, actions: Iterable[Action]) -> None:
        """Carry out these decisions, in order, and then show which ranks have begun to wait for a host."""
        job = self._spec.job
        for action in actions:
            match action:
                case PlaceRank(rank, incarnation, peer):
                    self.hosts.add(peer)
                    self._router.tell(peer, self._order(rank, incarnation, peer))
                case Announce(rank, incarnation, peer):
                    self._router.place(job, rank, incarnation, peer)
                    news = Placed(job, Placement(rank, incarnation, peer))
                    for host in self._decisions.hosts() - {self._spec.home}:
                        self._router.tell(host, news)
                case Fence(rank, incarnation, peer, reason):
                    self._bus.emit(
                        RankLost(job=job, rank=rank, incarnation=incarnation, peer=peer, reason=reason)
                    )
                    if peer in self._decisions.peers:
                        self._router.tell(peer, StopRank(job, rank, incarnation))
                case Seal(round, lost, hosts):
                    ranks = tuple(LostRank(*each) for each in lost)
                    self._router.seal(job, ranks)
                    for host in hosts:
                        self._router.tell(host, SealChoices(job, round, ranks))
                case Drop(peer):
                    self._router.tell(peer, EndJob(job))
                case Preparing(rank, incarnation, peer):
                    self._bus.emit(
                        RankInstalling(
                            job=job, rank=rank, incarnation=incarnation,
                            peer=peer, program=self._spec.program,
                        )
                    )  # fmt: skip
                case ChoiceRecorded(rank, incarnation, peer):
                    self._router.tell(peer, ChoiceNoted(job, rank, incarnation))
                case Moved(rank, difference):
                    self._bus.emit(Notice(text=_WHERE_MOVED.format(rank=rank, difference=difference)))
                case End():
                    self._on_end(action)
        self._show_waiting()

    def show_started(self, message: RankIsUp, peer: PeerId) -> None:
        """Show that an incarnation runs at `peer`."""
        self._bus.emit(
            RankStarted(
                job=self._spec.job, rank=message.rank, incarnation=message.incarnation,
                peer=peer, pid=message.pid, daemon_pid=message.daemon_pid,
            )
        )  # fmt: skip

    def show_line(self, line: LogLine) -> None:
        """Show a line of the job's log."""
        self._bus.emit(
            Log(job=self._spec.job, rank=line.rank, text=line.text, stream=line.stream, ended=line.ended)
        )

    def warn(self, text: str) -> None:
        """Show a text that people should read."""
        self._bus.emit(Notice(text=text))

    def show_notices(self, texts: Iterable[str]) -> None:
        """Show what people should know of the job besides its result."""
        for text in texts:
            self._bus.emit(Notice(text=text))

    def finish(self, result: JobResult) -> None:
        """Have every host drop the job, and show how it ended."""
        for peer in self.hosts:
            self._router.tell(peer, EndJob(self._spec.job))
        if self._spec.home not in self.hosts:
            # no host here has closed it
            self._router.close_job(self._spec.job)
        self._bus.emit(
            JobFinished(
                job=result.job, ok=result.ok, exit_code=result.exit_code,
                reason=result.reason, seconds=round(result.seconds, 6),
            )
        )  # fmt: skip

    def _order(self, rank: Rank, incarnation: Incarnation, peer: PeerId) -> StartRank:
        recorded = self._holder.begin(rank, incarnation)
        return StartRank(
            job=self._spec.job,
            rank=rank,
            incarnation=incarnation,
            size=self._spec.size,
            program=self._spec.program,
            args=self._spec.args,
            placements=tuple(
                Placement(seat.rank, seat.incarnation, seat.peer)
                for seat in self._decisions.placed()
                if seat.peer is not None
            ),
            processor=self._decisions.seats[rank].processor,
            choices=recorded if peer == self._spec.home else recorded[:MAX_CHOICES],
            recorded=len(recorded),
            replay=self._spec.replay,
            secret=self._spec.secret,
        )

    def _show_waiting(self) -> None:
        """Show each rank that has no host, once for each incarnation that it lost."""
        if self._decisions.ended is not None:
            return
        for seat in self._decisions.seats:
            key = (seat.rank, seat.incarnation)
            if seat.phase is Phase.VACANT and not seat.gathering and key not in self._waiting_shown:
                self._waiting_shown.add(key)
                self._bus.emit(
                    RankWaiting(
                        job=self._spec.job, rank=seat.rank,
                        seconds=self._spec.limits.wait_for_host, reason=self._decisions.why_vacant(seat),
                    )
                )  # fmt: skip
