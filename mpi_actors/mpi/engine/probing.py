"""Probes: what has arrived, and waits for a receive."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from threading import get_ident
from typing import TYPE_CHECKING, TypeVar

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
        return self._probed(partial(self._await, source, context, tag), "Probe").envelope()

    def iprobe(self, source: int, context: int, tag: int) -> Envelope | None:
        """Return the envelope of a message that fits, if one is here, and leave it in the queue."""
        found = self._probed(partial(self._look, source, context, tag, "Iprobe"), "Iprobe")
        return None if found is None else found.envelope()

    def mprobe(self, source: int, context: int, tag: int) -> Matched:
        """Wait for a message that fits, and take it out of the queue. Raises as `recv` does."""
        return self._probed(partial(self._await, source, context, tag, take=True), "Mprobe")

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
                return function()
            finally:
                self.hot = 0
                if self.due:
                    self.catch_up()

    def _look(self, source: int, context: int, tag: int, call: str, *, take: bool = False) -> Arrival | None:
        self.choices.commit(call)
        found = self.matching.find(source, context, tag)
        if found is None and not self.driven:
            self.move()
            found = self.matching.find(source, context, tag)
        if take and found is not None:
            self.matching.remove(found)
        return found

    def _await(self, source: int, context: int, tag: int, *, take: bool = False) -> Arrival:
        def found() -> bool:
            return self.matching.find(source, context, tag) is not None

        if source < 0:
            self.choices.commit("ANY_SOURCE")
        while (arrival := self.matching.find(source, context, tag)) is None:
            self.wait_for(found, Receive(source, context, tag, None).describe)
        if take:
            self.matching.remove(arrival)
        return arrival
