"""Waiting for transfers, and testing them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import get_ident
from typing import TYPE_CHECKING

from .progress import Progress
from .transfer import describe_many

if TYPE_CHECKING:
    from .choices import Choices
    from .transfer import Transfer


class Completion(Progress):
    """What a program asks of transfers that it has begun.

    All calls raise ReentrantCall if a finalizer makes them in the middle of another call, and what a signal
    handler raises; the transfers then go on.
    """

    choices: Choices

    def wait(self, transfer: Transfer) -> None:
        """Wait until a transfer is done. The caller looks at it for errors."""
        if not transfer.done:
            self._wait(lambda: transfer.done, transfer.describe)

    def wait_all(self, transfers: Sequence[Transfer]) -> None:
        """Wait until all are done. The caller looks at each for errors."""
        pending = [transfer for transfer in transfers if not transfer.done]
        if not pending:
            return

        def all_done() -> bool:
            while pending and pending[-1].done:
                pending.pop()
            return not pending

        self._wait(all_done, lambda: describe_many(pending, "all of"))

    def _wait(self, done: Callable[[], bool], words: Callable[[], str]) -> None:
        me = get_ident()
        if self.hot == me:
            raise self.reentrant("Wait")
        with self.lock:
            self.hot = me
            try:
                self.wait_for(done, words)
            finally:
                self.hot = 0
                if self.due:
                    self.catch_up()

    def wait_any(self, transfers: Sequence[Transfer]) -> int:
        """Wait until one is done; return the lowest index of those that are, or -1 if there are none."""
        some = self._wait_for_some(transfers, "Waitany")
        return some[0] if some else -1

    def wait_some(self, transfers: Sequence[Transfer]) -> list[int]:
        """Wait until one is done; return the indices of all that are."""
        return self._wait_for_some(transfers, "Waitsome")

    def _wait_for_some(self, transfers: Sequence[Transfer], what: str) -> list[int]:
        if not transfers:
            return []
        me = get_ident()
        if self.hot == me:
            raise self.reentrant(what)
        with self.lock:
            self.hot = me
            try:
                if len(transfers) > 1:
                    self.choices.commit(what)
                if not any(transfer.done for transfer in transfers):
                    self.wait_for(
                        lambda: any(transfer.done for transfer in transfers),
                        lambda: describe_many(transfers, "one of"),
                    )
                return [index for index, transfer in enumerate(transfers) if transfer.done]
            finally:
                self.hot = 0
                if self.due:
                    self.catch_up()

    def test(self, transfer: Transfer) -> bool:
        """Return whether a transfer is done, after moving bytes once if it was not."""
        return bool(self._tested((transfer,), all))

    def test_all(self, transfers: Sequence[Transfer]) -> bool:
        """Return whether all are done; see `test`."""
        return len(self._tested(transfers, all)) == len(transfers)

    def test_any(self, transfers: Sequence[Transfer]) -> int:
        """Return the lowest index of those that are done, or -1; see `test`."""
        some = self._tested(transfers, any)
        return some[0] if some else -1

    def test_some(self, transfers: Sequence[Transfer]) -> list[int]:
        """Return the indices of those that are done; see `test`."""
        return self._tested(transfers, any)

    def _tested(self, transfers: Sequence[Transfer], enough: Callable[[list[bool]], bool]) -> list[int]:
        """Return the indices of those that are done. Move bytes once if they are not `enough`.

        The answer is read under the lock: what another thread does afterwards is for the next test.
        """
        me = get_ident()
        if self.hot == me:
            raise self.reentrant("a test")
        with self.lock:
            self.hot = me
            try:
                self.choices.commit("a test")
                if not enough([transfer.done for transfer in transfers]) and not self.driven:
                    self.move()
                return [index for index, transfer in enumerate(transfers) if transfer.done]
            finally:
                self.hot = 0
                if self.due:
                    self.catch_up()
