"""The answer to `why JOB`: what each rank does or waits for, from its host and from the decisions."""

from __future__ import annotations

import trio

from ..actors import Bell
from ..coordination.decisions import JobDecisions
from ..coordination.seats import Phase
from ..ids import PeerId, Rank, short_peer
from ..lanes.router import Router
from ..wire.messages import AskRank, RankState


class Inquiry:
    """Asks the hosts of a job's ranks what the ranks do, and collects the answers.

    Args:
        decisions: the job's state.
        router: carries the questions.
    """

    def __init__(self, decisions: JobDecisions, router: Router) -> None:
        self._decisions = decisions
        self._router = router
        self._questions = 0
        self._answers: dict[int, dict[Rank, str]] = {}
        """Answers that came so far, by question."""
        self._answered = Bell()

    async def ask(self, patience: float) -> list[str]:
        """Return one text for each rank; further lines of a text are indented.

        Args:
            patience: seconds that hosts have to answer.
        """
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
                await self._answered.wait()
        del self._answers[question]
        return [self._why(rank, answers.get(rank)) for rank in range(self._decisions.spec.size)]

    def on_answer(self, state: RankState, sender: PeerId) -> None:
        """Take a host's answer. Answers to earlier questions are ignored: they only came late."""
        if state.rank < self._decisions.spec.size and self._decisions.seats[state.rank].peer == sender:
            self._answers.get(state.question, {})[state.rank] = state.text
            self._answered.ring()

    def _why(self, rank: Rank, answer: str | None) -> str:
        seat, now = self._decisions.seats[rank], trio.current_time()
        where = f"rank {rank}: "
        if seat.gathering:
            return where + self._decisions.gathering.why(now)
        if seat.phase is Phase.VACANT:
            left = max(0.0, seat.host_deadline(self._decisions.spec.limits) - now)
            time = f"for {now - seat.seeking:.1f} s, {left:.0f} s left"
            return f"{where}waits for a peer that can take it, {time}: {self._decisions.why_vacant(seat)}"
        where += f"incarnation {seat.incarnation} on {short_peer(seat.peer)}, "
        if seat.phase is Phase.STARTING and seat.preparing:
            return f"{where}{seat.preparing} for {now - seat.preparing_since:.1f} s"
        if seat.phase is Phase.STARTING:
            return f"{where}starting for {now - seat.since:.1f} s"
        # a rank's answer may have more lines, such as the MPI calls that it is in
        first, *others = (answer or "which does not answer").splitlines()
        return "\n".join((where + first, *(f"    {line.strip()}" for line in others)))
