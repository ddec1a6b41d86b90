"""What each rank of a job does or waits for (`why JOB`): asked of the hosts, and told by the decisions."""

from __future__ import annotations

import trio

from ..coordination.decisions import JobDecisions
from ..coordination.seats import Phase
from ..ids import PeerId, Rank, short_peer
from ..lanes.router import Router
from ..wire.messages import AskRank, RankState


class Inquiry:
    """Asks the hosts of a job's ranks, and collects what they answer."""

    def __init__(self, decisions: JobDecisions, router: Router) -> None:
        self._decisions = decisions
        self._router = router
        self._questions = 0
        self._answers: dict[int, dict[Rank, str]] = {}
        self._news = trio.Event()

    async def ask(self, patience: float) -> list[str]:
        """A text for each rank, whose further lines are indented; hosts have `patience` seconds to answer."""
        self._questions += 1
        question = self._questions
        answers = self._answers[question] = {}
        asked = {
            seat.rank: seat.peer
            for seat in self._decisions.seats
            if seat.peer is not None and seat.phase is not Phase.STARTING
        }
        for rank, peer in asked.items():
            self._router.tell(peer, AskRank(self._decisions.spec.job, rank, question))
        with trio.move_on_after(patience):
            while len(answers) < len(asked) and not self._decisions.ended:
                await self._news.wait()
        del self._answers[question]
        return [self._why(rank, answers.get(rank)) for rank in range(self._decisions.spec.size)]

    def answered(self, state: RankState, sender: PeerId) -> None:
        """A host has answered. A late answer of an earlier one is no crime, and of no use."""
        if state.rank < self._decisions.spec.size and self._decisions.seats[state.rank].peer == sender:
            self._answers.get(state.question, {})[state.rank] = state.text
            self._news.set()
            self._news = trio.Event()

    def _why(self, rank: Rank, answer: str | None) -> str:
        seat, now = self._decisions.seats[rank], trio.current_time()
        where = f"rank {rank}: "
        if seat.phase is Phase.VACANT:
            left = max(0.0, seat.waits_until(self._decisions.spec.limits) - now)
            time = f"for {now - seat.seeking:.1f} s, {left:.0f} s left"
            return f"{where}waits for a peer that can take it, {time}: {self._decisions.why_vacant(seat)}"
        where += f"incarnation {seat.incarnation} on {short_peer(seat.peer)}, "
        if seat.phase is Phase.STARTING and seat.preparing:
            return f"{where}{seat.preparing} for {now - seat.preparing_since:.1f} s"
        if seat.phase is Phase.STARTING:
            return f"{where}starting for {now - seat.since:.1f} s"
        # what a rank says may have more lines, such as the calls that it is in
        first, *others = (answer or "which does not answer").splitlines()
        return "\n".join((where + first, *(f"    {line.strip()}" for line in others)))
