"""Probes: what has arrived, and waits for a receive."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, TypeVar

from ...replay.choices import NO, YES, ChoiceAnswer
from .giving_up import GivingUp
from .transfer import Receive

if TYPE_CHECKING:
    from .matching import Arrival, Envelope, Matched, Matching

T = TypeVar("T")


class Probing(GivingUp):
    """The probes. They raise what a signal handler raises, and ReentrantCall as `Completion` says."""

    matching: Matching

    def probe(self, source: int, context: int, tag: int) -> Envelope:
        """Wait for a message that fits, and leave it in the queue. Raises as `recv` does."""
        return self._probed(partial(self._await, source, context, tag, "Probe"), "Probe").envelope()

    def iprobe(self, source: int, context: int, tag: int) -> Envelope | None:
        """Return the envelope of a message that fits, if one is here, and leave it in the queue."""
        found = self._probed(partial(self._look, source, context, tag, "Iprobe"), "Iprobe")
        return None if found is None else found.envelope()

    def mprobe(self, source: int, context: int, tag: int) -> Matched:
        """Wait for a message that fits, and take it out of the queue. Raises as `recv` does."""
        return self._probed(partial(self._await, source, context, tag, "Mprobe", take=True), "Mprobe")

    def improbe(self, source: int, context: int, tag: int) -> Matched | None:
        """Take a message that fits out of the queue, if one is here."""
        return self._probed(partial(self._look, source, context, tag, "Improbe", take=True), "Improbe")

    def _probed(self, function: Callable[[], T], call: str) -> T:
        me = get_ident()
        if self.hot == me:
            raise self.reentrant(call)
        with self.lock:
            self.hot = me
            try:
                if me != self.thread:
                    self._on_other_thread()
                return function()
            finally:
                self.hot = 0
                if self.due:
                    self.catch_up()

    def _look(self, source: int, context: int, tag: int, call: str, *, take: bool = False) -> Arrival | None:
        choices = self.choices
        answer = choices.ask(YES, call) if choices.special else None
        if answer is not None:
            if answer.kind == NO:
                self.look_again()
                return None
            return self._taken(self._repeat_probe(answer, source, context, tag), take)
        found = self.matching.find(source, context, tag)
        if found is None:
            if not self.driven:
                self.move()
                found = self.matching.find(source, context, tag)
            if found is None:
                choices.found_nothing()
                return None
        choices.found(found.source if source < 0 else -1)
        return self._taken(found, take)

    def _await(self, source: int, context: int, tag: int, call: str, *, take: bool = False) -> Arrival:
        choices = self.choices
        if source >= 0:
            return self._taken(self._arrived(source, context, tag), take)
        answer = choices.ask(YES, call, negative=False) if choices.special else None
        if answer is not None:
            return self._taken(self._repeat_probe(answer, source, context, tag), take)
        arrival = self._arrived(source, context, tag)
        choices.found(arrival.source)
        return self._taken(arrival, take)

    def _taken(self, arrival: Arrival, take: bool) -> Arrival:
        if take:
            self.matching.remove(arrival)
        return arrival

    def _arrived(self, source: int, context: int, tag: int, *, recorded: bool = False) -> Arrival:
        wanted = Receive(source, context, tag, None)
        wanted.recorded = recorded

        def found() -> bool:
            return self.matching.find(source, context, tag) is not None

        while (arrival := self.matching.find(source, context, tag)) is None:
            self.wait_for(found, wanted.describe)
        return arrival

    def _repeat_probe(self, answer: ChoiceAnswer, source: int, context: int, tag: int) -> Arrival:
        """Return the message that was found, once it is here."""
        if (source < 0) is not bool(answer.value):
            self.choices.diverge("it probed for another source", "it had probed for any, or for one")
        return self._arrived(max(source, answer.value - 1), context, tag, recorded=True)
