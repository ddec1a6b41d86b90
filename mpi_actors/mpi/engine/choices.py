"""Waiting for several transfers, and outcomes that are not the program's own.

Which message matched ANY_SOURCE, or whether a test said yes, depends on timing: a new incarnation could see
something else. Before the first such outcome can have consequences the job's coordinator is told (output
commit: Strom and Yemini, ACM TOCS 3(3), 1985). Such a rank cannot be run again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ...wire.channel import ChannelKind, ChannelMessage
from .progress import Progress
from .transfer import Transfer

if TYPE_CHECKING:
    from .wiring import Wiring


class Choices(Progress):
    """See the module's text."""

    size: int
    wiring: Wiring

    def __init__(self) -> None:
        super().__init__()
        self.noted = False
        """The coordinator knows that this rank has made choices."""
        self.chosen = ""
        """The first choice that it made."""

    def chose(self, what: str) -> None:
        """The program is about to see an outcome that it did not decide."""
        if not self.chosen and self.size > 1:
            self._commit(what)

    def _commit(self, what: str) -> None:
        with self.lock:
            if self.chosen:
                return
            self.chosen = what
            if self.wiring.say(ChannelMessage(ChannelKind.CHOICE, text=what)):
                self.wait_for(lambda: self.noted, lambda: "the coordinator to note a choice")

    def other_thread(self) -> None:
        """Another thread than before makes a call: in which order they come is a choice, too."""
        me = threading.get_ident()
        self.thread = me
        self.chose("calls from several threads")

    # --- waiting ------------------------------------------------------------------------------------------

    def wait(self, transfer: Transfer) -> None:
        """Wait until it is done.

        Raises:
            Exception: what a computation in it raised.
        """
        if not transfer.done:
            with self.lock:
                if not transfer.done:
                    self.wait_for(lambda: transfer.done, transfer.describe)
        if transfer.exception is not None:
            raise transfer.exception

    def wait_all(self, transfers: Sequence[Transfer]) -> None:
        """Wait until all are done; look at each for errors."""
        pending = [transfer for transfer in transfers if not transfer.done]
        if pending:
            with self.lock:

                def all_done() -> bool:
                    while pending and pending[-1].done:
                        pending.pop()
                    return not pending

                self.wait_for(all_done, lambda: _words(pending, "all of"))

    def wait_any(self, transfers: Sequence[Transfer]) -> int:
        """The index of a done one, after waiting for it; -1 if there are none."""
        some = self._wait_for_some(transfers, "Waitany")
        return some[0] if some else -1

    def wait_some(self, transfers: Sequence[Transfer]) -> list[int]:
        """The indices of those that are done, after waiting for one."""
        return self._wait_for_some(transfers, "Waitsome")

    def _wait_for_some(self, transfers: Sequence[Transfer], what: str) -> list[int]:
        if not transfers:
            return []
        with self.lock:
            if len(transfers) > 1:
                self.chose(what)
            if not any(transfer.done for transfer in transfers):
                self.wait_for(
                    lambda: any(transfer.done for transfer in transfers), lambda: _words(transfers, "one of")
                )
            return [index for index, transfer in enumerate(transfers) if transfer.done]

    # --- testing ------------------------------------------------------------------------------------------

    def test(self, transfer: Transfer) -> bool:
        """Is it done?"""
        return self._tested(lambda: transfer.done)

    def test_all(self, transfers: Sequence[Transfer]) -> bool:
        """Are all done?"""
        return self._tested(lambda: all(transfer.done for transfer in transfers))

    def test_any(self, transfers: Sequence[Transfer]) -> int:
        """The index of a done one, or -1."""
        self._tested(lambda: any(transfer.done for transfer in transfers))
        return next((index for index, transfer in enumerate(transfers) if transfer.done), -1)

    def test_some(self, transfers: Sequence[Transfer]) -> list[int]:
        """The indices of those that are done."""
        self._tested(lambda: any(transfer.done for transfer in transfers))
        return [index for index, transfer in enumerate(transfers) if transfer.done]

    def _tested(self, done: Callable[[], bool]) -> bool:
        with self.lock:
            self.chose("a test")
            if not done() and not self.driven:
                self.move()
            return done()


def _words(transfers: Sequence[Transfer], how_many: str) -> str:
    waiting = [transfer.describe() for transfer in transfers if not transfer.done]
    if len(waiting) == 1:
        return waiting[0]
    more = f" and {len(waiting) - 3} more" if len(waiting) > 3 else ""
    return f"{how_many}: {'; '.join(waiting[:3])}{more}"
