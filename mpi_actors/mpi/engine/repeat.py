"""Repeats the choices of earlier incarnations: each call has the outcome that it had, and waits until it can.

A wildcard receive that matched becomes one of a named source; one that was cancelled is never queued, so that
nothing has to be taken back. A receive of which the record says nothing stays as it is: what matched in the
record did not fit it.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NoReturn

from ...errors import ReplayDivergence
from ...replay.choices import NAMES, NO, ChoiceAnswer, Recorded
from .transfer import Receive

if TYPE_CHECKING:
    from .home import ChoiceHome

_PATIENCE = 60.0
"""Seconds that a call waits for its recorded outcome while nothing arrives. All that it needs was sent before
and lies in the logs of the other ranks, so it comes as fast as they can send."""
_MOVES = 16
"""Repeated answers of "nothing yet" between two looks at the streams, which cost more than the answer."""


class Repeat:
    """The recorded choices of one rank that have not been repeated yet. All calls need the engine's lock.

    Args:
        home: the engine.
        recorded: the choices of the incarnations before.
    """

    __slots__ = (
        "_answers", "_heard", "_home", "_noes", "_since", "_sources", "_waiting_for", "_withdrawn",
    )  # fmt: skip

    def __init__(self, home: ChoiceHome, recorded: Recorded) -> None:
        self._home = home
        self._answers = deque(recorded.answers)
        self._noes = 0
        """How many of the first answer, which is NO, have been repeated."""
        self._sources = dict(recorded.sources)
        self._withdrawn = set(recorded.withdrawn)
        self._waiting_for: dict[int, Receive] = {}
        """Receives, by ordinal, that have their recorded source and perhaps not their message …"""
        self._heard = -1
        self._since = 0.0

    @property
    def asks(self) -> bool:
        """Whether there are answers to give."""
        return bool(self._answers)

    @property
    def posts(self) -> bool:
        """Whether receives must be looked at that the program posts."""
        return bool(self._sources or self._withdrawn)

    @property
    def is_open(self) -> bool:
        """Whether something recorded has not happened again yet."""
        return bool(self._answers or self._sources or self._withdrawn or self._waiting_for)

    def take(self, kind: int, what: str, *, negative: bool) -> ChoiceAnswer | None:
        """Return the recorded answer of the call that the program makes; None if the record ends here.

        Args:
            kind: the kind of a positive answer.
            what: the call, for people.
            negative: whether the call may also find nothing.
        """
        if not self._answers:
            return None
        answer = self._answers[0]
        if answer.kind == NO and negative:
            self._noes += 1
            if self._noes == answer.value:
                self._noes = 0
                self._answers.popleft()
            return answer
        if answer.kind != kind:
            self.diverge(f"it called {what}", f"{NAMES[answer.kind]} was recorded")
        return self._answers.popleft()

    def is_turn_to_move(self) -> bool:
        """Return whether to look at the streams before one more negative answer."""
        return self._noes % _MOVES == 0

    def post(self, receive: Receive) -> bool:
        """Give a receive its recorded source. Return False if it must not be queued: it was cancelled."""
        ordinal = receive.ordinal
        source = self._sources.pop(ordinal, None)
        if source is not None:
            if receive.want_source >= 0:
                self.diverge(
                    f"receive {ordinal} names rank {receive.want_source}",
                    f"a receive from any rank matched a message of rank {source}",
                )
            receive.want_source = source
            receive.recorded = True
            self._waiting_for[ordinal] = receive
            return True
        if ordinal in self._withdrawn:
            self._withdrawn.discard(ordinal)
            return False
        return True

    def diverge(self, does: str, did: str) -> NoReturn:
        """Give up: the program does something else than before."""
        home = self._home
        home.give_up(
            ReplayDivergence(
                f"rank {home.rank} was started again (incarnation {home.incarnation}) and {does}, where "
                f"{did}. Its program is not deterministic between its receives"
            )
        )

    def left(self) -> str:
        """Return what has not been repeated, in words for people; empty if all has."""
        parts = []
        if self._answers:
            parts.append(f"{NAMES[self._answers[0].kind]} and {len(self._answers) - 1} more answers")
        if self._sources:
            parts.append(f"{len(self._sources)} receives from any rank")
        if self._withdrawn:
            parts.append(f"{len(self._withdrawn)} cancelled receives")
        return ", ".join(parts)

    def judge(self, now: float) -> None:
        """Give up if what is recorded cannot happen any more; the engine's helper asks now and then.

        Where another rank was replaced as well, what this one waits for may have to be computed again, which
        takes its time.

        Args:
            now: seconds by a monotonic clock.
        """
        home = self._home
        for ordinal, receive in tuple(self._waiting_for.items()):
            if receive.done or receive.arrival is not None:
                del self._waiting_for[ordinal]
        heard = home.heard()
        if heard != self._heard or not home.waiting or not home.is_settled() or not self.is_open:
            self._heard, self._since = heard, now
        elif now - self._since > _PATIENCE:
            words = "; ".join(words() for words, _ in home.waiting.values())
            self.diverge(f"waits for {words}", f"it went on, and then {self.left() or 'received that'}")
