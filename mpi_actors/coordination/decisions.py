"""The decisions of a job's coordinator: events in, actions out.

No clock, no tasks, no network: the time comes with each event, and what is to be done goes back as a list.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

import attrs

from ..config import JobLimits, RestartPolicy
from ..errors import NotReplayable
from ..ids import Incarnation, JobId, PeerId, Rank, short_peer
from .elect import PeerView, elect
from .result import EXIT_JOB_FAILED
from .seats import Action, Announce, ChoiceRecorded, End, Fence, PlaceRank, Preparing, SeatRecord
from .seats import Phase as Phase


@attrs.frozen(kw_only=True)
class JobSpec:
    """One run of a program."""

    job: JobId
    program: str
    size: int
    args: tuple[str, ...] = ()
    restart: RestartPolicy | None = None
    """None: `lost` if the program uses MPI, else `failed`."""
    home: PeerId
    """The peer that starts the job; it hosts rank 0."""
    limits: JobLimits = attrs.field(factory=JobLimits)


class JobDecisions:
    """The state of one job at its coordinator."""

    def __init__(self, spec: JobSpec) -> None:
        self.spec = spec
        self.seats = [SeatRecord(rank) for rank in range(spec.size)]
        self.peers: dict[PeerId, PeerView] = {}
        self.blame: dict[PeerId, int] = {}
        self.ended: End | None = None
        self._mpi = False

    # --- events -------------------------------------------------------------------------------------------

    def begin(self, peers: Iterable[PeerView], now: float) -> list[Action]:
        """The job starts with these peers to choose from."""
        self.peers = {view.peer: view for view in peers}
        for seat in self.seats:
            seat.since = seat.seeking = now
        return self._fill(now)

    def on_peer_changed(self, view: PeerView, now: float) -> list[Action]:
        """A peer joined, or what it offers changed."""
        old = self.peers.get(view.peer)
        self.peers[view.peer] = view
        gained = old is not None and (not old.able or (view.has_interpreter and not old.has_interpreter))
        if gained and view.able:
            # it may have refused for want of what it has now
            for seat in self.seats:
                seat.refused.pop(view.peer, None)
        return self._fill(now)

    def on_peer_down(self, peer: PeerId, reason: str, now: float) -> list[Action]:
        """A peer is gone, and all that it hosted."""
        self.peers.pop(peer, None)
        if self.ended:
            return []
        actions: list[Action] = []
        for seat in self.seats:
            seat.refused.pop(peer, None)
            if seat.peer == peer:
                actions += self._vacate(seat, f"lost its peer: {reason}", now)
        return actions + self._fill(now)

    def on_rank_started(
        self, rank: Rank, incarnation: Incarnation, now: float, *, mpi: bool = False, processor: str = ""
    ) -> list[Action]:
        """A host, of that name, has started an incarnation, of a program that uses MPI or not."""
        seat = self._current(rank, incarnation)
        if seat is None or seat.phase is not Phase.STARTING or seat.peer is None:
            return []
        self._mpi = mpi
        seat.processor = seat.processor or processor
        seat.runs(now)
        return [Announce(rank, incarnation, seat.peer)]

    def on_rank_preparing(self, rank: Rank, incarnation: Incarnation, text: str, now: float) -> list[Action]:
        """A host is not yet ready to start an incarnation, but at work on it: it gets more time."""
        seat = self._current(rank, incarnation)
        if seat is None or seat.phase is not Phase.STARTING or seat.peer is None:
            return []
        begins = seat.prepares(text, now)
        return [Preparing(rank, incarnation, seat.peer)] if begins else []

    def on_rank_refused(self, rank: Rank, incarnation: Incarnation, reason: str, now: float) -> list[Action]:
        """A host cannot start an incarnation."""
        seat = self._current(rank, incarnation)
        if seat is None or seat.peer is None:
            return []
        seat.refused[seat.peer] = reason
        actions = self._vacate(seat, f"refused by its peer: {reason}", now)
        return actions + self._fill(now)

    def on_rank_chose(self, rank: Rank, incarnation: Incarnation, what: str) -> list[Action]:
        """An incarnation's program makes a choice that is not its own: it cannot be replaced any more."""
        seat = self._current(rank, incarnation)
        if seat is None or seat.phase is not Phase.RUNNING or seat.peer is None:
            return []
        seat.choice = seat.choice or what or "a choice"
        return [ChoiceRecorded(rank, incarnation, seat.peer)]

    def on_rank_aborted(
        self, rank: Rank, incarnation: Incarnation, code: int, text: str, traceback: str = ""
    ) -> list[Action]:
        """An incarnation's program has ended the whole job."""
        seat = self._current(rank, incarnation)
        if seat is None or seat.phase is not Phase.RUNNING:
            return []
        text = f"rank {rank} on {short_peer(seat.peer)} ended the job: {text}"
        return self._end(False, code, text, rank, traceback)

    def on_rank_exited(
        self,
        rank: Rank,
        incarnation: Incarnation,
        *,
        killed: bool,
        code: int,
        text: str,
        now: float,
        traceback: str = "",
    ) -> list[Action]:
        """An incarnation's program has ended. Its process may live on, since others may need its messages
        again; when that is killed before the job's end, this is called once more."""
        seat = self._current(rank, incarnation)
        if seat is None or seat.phase is Phase.STARTING or (seat.phase is Phase.ENDED and not killed):
            return []
        if code == 0 and not killed:
            seat.phase, seat.since = Phase.ENDED, now
            if all(other.phase is Phase.ENDED for other in self.seats):
                return self._end(True, 0, "every rank has ended well")
            return []
        if killed:
            return self._count(
                seat, seat.losses, self.spec.limits.losses, self.spec.limits.losses_period, text, now
            )
        if (self.spec.restart or ("lost" if self._mpi else "failed")) == "lost":
            text = f"rank {rank} failed on {short_peer(seat.peer)}: {text}"
            return self._end(False, code, text, rank, traceback)
        return self._count(
            seat, seat.failures, self.spec.limits.failures, self.spec.limits.failures_period, text, now
        )

    def reset(self, rank: Rank, by: Rank, now: float) -> list[Action]:
        """Rank `by` asks that another incarnation of `rank` take over."""
        if not 0 <= rank < len(self.seats):
            text = f"rank {by} asked to reset rank {rank}, but the ranks are 0 to {len(self.seats) - 1}"
            return self._end(False, EXIT_JOB_FAILED, text)
        seat = self.seats[rank]
        if self.ended or seat.phase is Phase.VACANT:
            return []
        return self._vacate(seat, f"reset by rank {by}", now, blame=0) + self._fill(now)

    def on_rank_broke(self, rank: Rank, incarnation: Incarnation, text: str) -> list[Action]:
        """An incarnation cannot go on, and a new one could not either."""
        seat = self._current(rank, incarnation)
        if seat is None:
            return []
        return self._end(False, EXIT_JOB_FAILED, text)

    def kill(self, reason: str) -> list[Action]:
        """Somebody wants the job to end."""
        return self._end(False, EXIT_JOB_FAILED, reason)

    def on_time_passed(self, now: float, start_deadline: float) -> list[Action]:
        """Look at the deadlines: waiting for a host, starting."""
        if self.ended:
            return []
        limits = self.spec.limits
        actions: list[Action] = []
        for seat in self.seats:
            if seat.phase is Phase.STARTING and now >= seat.starts_until(start_deadline, limits):
                assert seat.peer is not None
                why = seat.refused[seat.peer] = seat.why_not_started(now)
                actions += self._vacate(seat, f"its peer {why}", now)
        actions += self._fill(now)
        for seat in self.seats:
            if seat.phase is Phase.VACANT and now >= seat.waits_until(limits):
                return actions + self._end(
                    False,
                    EXIT_JOB_FAILED,
                    f"no peer could take rank {seat.rank} within {limits.wait_for_host:g} s: "
                    + self.why_vacant(seat),
                )
        return actions

    def next_deadline(self, start_deadline: float) -> float | None:
        """When `on_time_passed` is to be called at the latest."""
        if self.ended is not None:
            return None
        limits = self.spec.limits
        vacant = (seat.waits_until(limits) for seat in self.seats if seat.phase is Phase.VACANT)
        starting = (
            seat.starts_until(start_deadline, limits) for seat in self.seats if seat.phase is Phase.STARTING
        )
        return min((*vacant, *starting), default=None)

    # --- questions ----------------------------------------------------------------------------------------

    def is_current(self, rank: Rank, incarnation: Incarnation) -> bool:
        """Is this the newest incarnation of the rank, and not over?"""
        return self._current(rank, incarnation) is not None

    def hosts(self) -> set[PeerId]:
        """The peers that have a seat now."""
        return {seat.peer for seat in self.seats if seat.peer is not None}

    def placed(self) -> Iterator[SeatRecord]:
        """The seats whose incarnation has been started."""
        return (seat for seat in self.seats if seat.phase in (Phase.RUNNING, Phase.ENDED))

    def why_vacant(self, seat: SeatRecord) -> str:
        """Why no peer can take this rank, a reason for each peer."""
        reasons = []
        for view in self.peers.values():
            if view.peer in seat.refused:
                reason = f"refused: {seat.refused[view.peer]}"
            elif not view.offers:
                reason = f"does not offer {self.spec.program!r}"
            else:
                reason = "takes no more ranks"
            reasons.append(f"{short_peer(view.peer)} {reason}")
        return "; ".join(reasons) or "no peer is left"

    # --- inside -------------------------------------------------------------------------------------------

    def _current(self, rank: Rank, incarnation: Incarnation) -> SeatRecord | None:
        if self.ended or not 0 <= rank < len(self.seats):
            return None
        seat = self.seats[rank]
        return seat if seat.incarnation == incarnation and seat.phase is not Phase.VACANT else None

    def _count(
        self, seat: SeatRecord, times: deque[float], most: int, period: float, text: str, now: float
    ) -> list[Action]:
        times.append(now)
        while times[0] < now - period:
            times.popleft()
        if len(times) > most:
            return self._end(
                False,
                EXIT_JOB_FAILED,
                f"rank {seat.rank} was given up after {len(times)} ends within {period:g} s, the last on "
                f"{short_peer(seat.peer)}: {text}",
            )
        return self._vacate(seat, text, now) + self._fill(now)

    def _vacate(self, seat: SeatRecord, reason: str, now: float, *, blame: int = 1) -> list[Action]:
        if self.ended:
            return []
        assert seat.peer is not None
        peer = seat.peer
        if seat.choice:
            error = NotReplayable(
                f"rank {seat.rank} used {seat.choice} and was lost on {short_peer(peer)} ({reason}). Its run "
                "cannot be repeated: what such a call answered is not recorded, which is not supported yet. "
                "Name the source and the tag of each message that is received, and wait instead of testing"
            )
            return self._end(False, EXIT_JOB_FAILED, f"{type(error).__name__}: {error}", seat.rank)
        self.blame[peer] = self.blame.get(peer, 0) + blame
        seat.tried.add(peer)
        seat.leaves(now)
        return [Fence(seat.rank, seat.incarnation, peer, reason)]

    def _fill(self, now: float) -> list[Action]:
        if self.ended:
            return []
        actions: list[Action] = []
        for seat in self.seats:
            if seat.phase is not Phase.VACANT:
                continue
            prefer = self.spec.home if seat.rank == 0 else None
            peer = elect(self._candidates(seat), prefer=prefer, blame=self.blame, tried=seat.tried)
            if peer is None:
                continue
            seat.starts(peer, now)
            actions.append(PlaceRank(seat.rank, seat.incarnation, peer))
        return actions

    def _candidates(self, seat: SeatRecord) -> Iterator[PeerView]:
        """The peers that have not refused the rank, each with the ranks that this job has given it."""
        given: dict[PeerId, int] = {}
        for other in self.seats:
            if other.peer is not None and other.phase is not Phase.ENDED:
                given[other.peer] = given.get(other.peer, 0) + 1
        for view in self.peers.values():
            if view.peer not in seat.refused:
                # a peer's own count is late by a heartbeat or so
                yield view.with_at_least(given.get(view.peer, 0))

    def _end(
        self, ok: bool, exit_code: int, reason: str, rank: Rank | None = None, traceback: str = ""
    ) -> list[Action]:
        if self.ended:
            return []
        self.ended = End(ok, exit_code, reason, rank, traceback)
        return [self.ended]
