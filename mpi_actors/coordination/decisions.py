"""The decisions of a job's coordinator: events in, actions out.

There is no clock, no task and no network here: the caller passes the time (seconds, of any clock that only
goes forward) with each event, and carries out the actions that the event returns, in their order.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator

from ..ids import Incarnation, PeerId, Rank, short_peer
from .elect import PeerView, elect
from .gathering import PATIENCE, Gathering
from .kinds import difference, name_moves
from .result import EXIT_JOB_FAILED
from .seats import (
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
    Seat,
)
from .spec import LEAVING, why_log_lost, why_not_replayable
from .spec import JobSpec as JobSpec
from .vacancies import candidates, why_vacant


class JobDecisions:
    """The state of one job at its coordinator, and what the coordinator decides at each event.

    Events of an incarnation that is over change nothing and return no action; nor does any event after the
    job's end.
    """

    def __init__(self, spec: JobSpec) -> None:
        self.spec = spec
        self.seats = [Seat(rank) for rank in range(spec.size)]
        self.peers: dict[PeerId, PeerView] = {}
        """The peers that are present, and what is known of them."""
        self.blame: dict[PeerId, int] = {}
        """The number of ranks that were lost at, or refused by, each peer."""
        self.ended: End | None = None
        """How the job ended; None while it runs."""
        self.gathering = Gathering()
        """Which hosts still have to tell what they know of the choices of lost ranks."""
        self._mpi = False

    # --- events -------------------------------------------------------------------------------------------

    def begin(self, peers: Iterable[PeerView], now: float) -> list[Action]:
        """Start the job, with these peers to choose from."""
        self.peers = {view.peer: view for view in peers}
        for seat in self.seats:
            seat.since = seat.seeking = now
        return self._fill(now)

    def on_peer_changed(self, view: PeerView, now: float) -> list[Action]:
        """A peer joined the pool, or what it offers has changed."""
        old = self.peers.get(view.peer)
        self.peers[view.peer] = view
        gained = old is not None and (not old.able or (view.has_interpreter and not old.has_interpreter))
        if gained and view.able:
            # the peer may have refused a rank because it lacked what it has now
            for seat in self.seats:
                seat.refused.pop(view.peer, None)
        return self._fill(now)

    def on_peer_down(self, peer: PeerId, reason: str, now: float) -> list[Action]:
        """A peer is gone, and every rank that it hosted."""
        self.peers.pop(peer, None)
        if self.ended:
            return []
        actions: list[Action] = []
        for seat in self.seats:
            seat.refused.pop(peer, None)
            if seat.peer == peer:
                actions += self._replace(seat, f"lost its peer: {reason}", now, gather=True)
        if actions:
            actions += self._gather(now)
        elif self.gathering.on_answer(peer, self.gathering.round):
            self._end_gathering(now)
        return actions + self._fill(now)

    def on_sealed(self, peer: PeerId, round: int, now: float) -> list[Action]:
        """A host has told all choices that it knows, for that round of the gathering."""
        if self.gathering.on_answer(peer, round):
            self._end_gathering(now)
        return self._fill(now)

    def on_rank_started(
        self, rank: Rank, incarnation: Incarnation, now: float, *, mpi: bool = False, processor: str = ""
    ) -> list[Action]:
        """A host has started an incarnation.

        Args:
            rank: the incarnation's rank.
            incarnation: its number.
            now: the time.
            mpi: whether the program uses MPI.
            processor: the host's name, as the program was given it.
        """
        seat = self._current(rank, incarnation)
        if seat is None or seat.phase is not Phase.STARTING or seat.peer is None:
            return []
        self._mpi = mpi
        seat.processor = seat.processor or processor
        view = self.peers.get(seat.peer)
        if seat.kind is None and view is not None:
            seat.kind = view.kind
        seat.run(now)
        return [Announce(rank, incarnation, seat.peer)]

    def on_rank_preparing(self, rank: Rank, incarnation: Incarnation, text: str, now: float) -> list[Action]:
        """A host still prepares the start of an incarnation, as `text` says: it gets more time."""
        seat = self._current(rank, incarnation)
        if seat is None or seat.phase is not Phase.STARTING or seat.peer is None:
            return []
        begins = seat.prepare(text, now)
        return [Preparing(rank, incarnation, seat.peer)] if begins else []

    def on_rank_refused(self, rank: Rank, incarnation: Incarnation, reason: str, now: float) -> list[Action]:
        """A host cannot start an incarnation, for the reason that it gives."""
        seat = self._current(rank, incarnation)
        if seat is None or seat.peer is None:
            return []
        seat.refused[seat.peer] = reason
        actions = self._replace(seat, f"refused by its peer: {reason}", now, ran=seat.phase is Phase.RUNNING)
        return actions + self._fill(now)

    def on_rank_chose(self, rank: Rank, incarnation: Incarnation, what: str) -> list[Action]:
        """An incarnation used `what`, whose outcome is not the program's own: it cannot be replaced."""
        seat = self._current(rank, incarnation)
        if seat is None or seat.phase is not Phase.RUNNING or seat.peer is None:
            return []
        seat.choice = seat.choice or what or "a choice"
        return [ChoiceRecorded(rank, incarnation, seat.peer)]

    def on_rank_aborted(
        self, rank: Rank, incarnation: Incarnation, code: int, text: str, traceback: str = ""
    ) -> list[Action]:
        """An incarnation's program has ended the whole job, as `MPI_Abort` does."""
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
        silent: bool = False,
    ) -> list[Action]:
        """An incarnation's program has ended.

        The process of a program that ended well lives on, because other ranks may need its messages again.
        When that process is killed before the job's end, this event comes once more, with `killed`.

        Args:
            rank: the incarnation's rank.
            incarnation: its number.
            killed: whether the process was killed from outside, which counts as a loss.
            code: the exit code, 0 to 255.
            text: how the program ended, for people.
            now: the time.
            traceback: of the program, when it is known.
            silent: whether the process is gone though its program uses MPI and has not said that it ended.
        """
        seat = self._current(rank, incarnation)
        if seat is None or seat.phase is Phase.STARTING or (seat.phase is Phase.ENDED and not killed):
            return []
        if code == 0 and not killed:
            seat.phase, seat.since, seat.left = Phase.ENDED, now, silent
            if why := why_log_lost(self.seats, now):
                return self._end(False, EXIT_JOB_FAILED, why)
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
        """Replace the incarnation of `rank`, as rank `by` asks."""
        if not 0 <= rank < len(self.seats):
            text = f"rank {by} asked to reset rank {rank}, but the ranks are 0 to {len(self.seats) - 1}"
            return self._end(False, EXIT_JOB_FAILED, text)
        seat = self.seats[rank]
        if self.ended or seat.phase is Phase.VACANT:
            return []
        return self._replace(seat, f"reset by rank {by}", now, blame=0) + self._fill(now)

    def on_rank_broke(self, rank: Rank, incarnation: Incarnation, text: str) -> list[Action]:
        """An incarnation cannot go on, and a new incarnation could not either: the job ends."""
        seat = self._current(rank, incarnation)
        if seat is None:
            return []
        return self._end(False, EXIT_JOB_FAILED, text)

    def kill(self, reason: str) -> list[Action]:
        """End the job, as somebody asked."""
        return self._end(False, EXIT_JOB_FAILED, reason)

    def on_time_passed(self, now: float, patience: float) -> list[Action]:
        """Look at the deadlines: of ranks that wait for a host or have left, and of hosts that start a rank.

        Args:
            now: the time.
            patience: seconds without news after which a host that starts a rank is given up.
        """
        if self.ended:
            return []
        limits = self.spec.limits
        actions: list[Action] = []
        for peer in self.gathering.overdue(now, self.spec.home):
            actions += self._give_up(peer, now)
        for seat in self.seats:
            if seat.phase is Phase.STARTING and now >= seat.start_deadline(patience, limits):
                assert seat.peer is not None
                why = seat.refused[seat.peer] = seat.why_not_started(now)
                # it may run all the same, so that others have heard of its choices
                actions += self._replace(seat, f"its peer {why}", now, gather=True)
        if actions:
            actions += self._gather(now)
        actions += self._fill(now)
        for seat in self.seats:
            if seat.phase is Phase.VACANT and not seat.gathering and now >= seat.host_deadline(limits):
                return actions + self._end(
                    False,
                    EXIT_JOB_FAILED,
                    f"no peer could take rank {seat.rank} within {limits.wait_for_host:g} s: "
                    + self.why_vacant(seat),
                )
        return actions

    def next_deadline(self, patience: float) -> float | None:
        """Return when `on_time_passed` must be called at the latest; None if never."""
        if self.ended is not None:
            return None
        limits = self.spec.limits
        times = [self.gathering.deadline(self.spec.home)]
        for seat in self.seats:
            if seat.phase is Phase.VACANT and not seat.gathering:
                times.append(seat.host_deadline(limits))
            elif seat.phase is Phase.STARTING:
                times.append(seat.start_deadline(patience, limits))
            elif seat.left:
                times.append(seat.since + LEAVING)
        return None if min(times) == math.inf else min(times)

    # --- questions ----------------------------------------------------------------------------------------

    def is_current(self, rank: Rank, incarnation: Incarnation) -> bool:
        """Return whether this is the newest incarnation of the rank and still has its host."""
        return self._current(rank, incarnation) is not None

    def hosts(self) -> set[PeerId]:
        """Return the peers at which a rank is now."""
        return {seat.peer for seat in self.seats if seat.peer is not None}

    def placed(self) -> Iterator[Seat]:
        """Return the seats whose incarnation has been started."""
        return (seat for seat in self.seats if seat.phase in (Phase.RUNNING, Phase.ENDED))

    def why_vacant(self, seat: Seat) -> str:
        """Return why no peer can take this rank, with a reason for each peer."""
        return why_vacant(seat, self.peers.values(), self.spec.program)

    # --- inside -------------------------------------------------------------------------------------------

    def _current(self, rank: Rank, incarnation: Incarnation) -> Seat | None:
        if self.ended or not 0 <= rank < len(self.seats):
            return None
        seat = self.seats[rank]
        return seat if seat.incarnation == incarnation and seat.phase is not Phase.VACANT else None

    def _count(
        self, seat: Seat, times: deque[float], most: int, period: float, text: str, now: float
    ) -> list[Action]:
        """Replace the incarnation, if `period` seconds have seen at most `most` such ends."""
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
        return self._replace(seat, text, now) + self._fill(now)

    def _replace(
        self, seat: Seat, reason: str, now: float, *, blame: int = 1, gather: bool = False, ran: bool = True
    ) -> list[Action]:
        """End the seat's incarnation; a new one gets a host in `_fill`.

        Args:
            seat: the rank's seat.
            reason: for people.
            now: the time.
            blame: how much the loss tells against its peer.
            gather: whether choices of the incarnation may be known to other hosts only.
            ran: whether the incarnation can have had consequences.
        """
        if self.ended:
            return []
        assert seat.peer is not None
        peer = seat.peer
        if why := why_not_replayable(self.spec, seat, reason, ran=ran):
            return self._end(False, EXIT_JOB_FAILED, why, seat.rank)
        self.blame[peer] = self.blame.get(peer, 0) + blame
        seat.again = seat.again or ran
        seat.gathering = gather and self._mpi
        seat.tried.add(peer)
        seat.vacate(now)
        return [Fence(seat.rank, seat.incarnation, peer, reason)]

    def _gather(self, now: float) -> list[Action]:
        """Ask all hosts what they know of the choices of lost ranks, again if they were asked before."""
        lost = tuple((seat.rank, seat.incarnation) for seat in self.seats if seat.gathering)
        if self.ended or not lost:
            return []
        hosts = self.hosts()
        self.gathering.begin(hosts, now)
        if not hosts:
            self._end_gathering(now)
        return [Seal(self.gathering.round, lost, tuple(sorted(hosts)))]

    def _end_gathering(self, now: float) -> None:
        for seat in self.seats:
            if seat.gathering:
                seat.gathering, seat.seeking = False, now

    def _give_up(self, peer: PeerId, now: float) -> list[Action]:
        """Treat a host that does not answer as lost, with all its ranks."""
        why = f"did not tell which choices it knows within {PATIENCE:g} s"
        actions: list[Action] = [Drop(peer)]
        for seat in self.seats:
            seat.refused[peer] = why
            if seat.peer == peer:
                actions += self._replace(seat, f"its peer {why}", now, gather=True)
        return actions

    def _fill(self, now: float) -> list[Action]:
        """Choose a host for each rank that has none."""
        if self.ended:
            return []
        if why := why_log_lost(self.seats, now):
            return self._end(False, EXIT_JOB_FAILED, why)
        actions: list[Action] = []
        for seat in self.seats:
            if seat.phase is not Phase.VACANT or seat.gathering:
                continue
            prefer = self.spec.home if seat.rank == 0 else None
            peer = elect(
                candidates(seat, self.seats, self.peers.values()),
                prefer=prefer,
                blame=self.blame,
                tried=seat.tried,
                like=seat.kind,
            )
            if peer is None:
                continue
            seat.start(peer, now)
            actions.append(PlaceRank(seat.rank, seat.incarnation, peer))
            seat.moved = "" if seat.kind is None else difference(seat.kind, self.peers[peer].kind)
            if seat.moved:
                actions.append(Moved(seat.rank, seat.moved))
        return actions

    def _end(
        self, ok: bool, exit_code: int, reason: str, rank: Rank | None = None, traceback: str = ""
    ) -> list[Action]:
        if self.ended:
            return []
        self.ended = End(ok, exit_code, name_moves(reason, self.seats), rank, traceback)
        return [self.ended]
