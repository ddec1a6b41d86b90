"""Waiting for transfers, and testing them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import get_ident
from typing import TYPE_CHECKING

from ...replay.choices import INDEX, NO, SET, YES, ChoiceAnswer
from .progress import Progress
from .transfer import Receive, describe_many

if TYPE_CHECKING:
    from .choices import Choices
    from .partner import Partner
    from .transfer import Transfer


class Completion(Progress):
    """What a program asks of transfers that it has begun.

    All calls raise ReentrantCall if a finalizer makes them in the middle of another call, and what a signal
    handler raises; the transfers then go on.
    """

    choices: Choices
    partners: list[Partner]

    def wait(self, transfer: Transfer) -> None:
        """Wait until a transfer is done. The caller looks at it for errors."""
        if transfer.done:
            return
        source = transfer.want_source if isinstance(transfer, Receive) else -1
        if source >= 0:
            partner = self.partners[source]
            self._wait(lambda: partner.has_brought(transfer), transfer.describe)
        else:
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
        some = self._wait_for_some(transfers, INDEX, "Waitany")
        return some[0] if some else -1

    def wait_some(self, transfers: Sequence[Transfer]) -> list[int]:
        """Wait until one is done; return the indices of all that are."""
        return self._wait_for_some(transfers, SET, "Waitsome")

    def _wait_for_some(self, transfers: Sequence[Transfer], kind: int, call: str) -> list[int]:
        if not transfers:
            return []
        me = get_ident()
        if self.hot == me:
            raise self.reentrant(call)
        with self.lock:
            self.hot = me
            try:
                if me != self.thread:
                    self._on_other_thread()
                choices = self.choices
                chooses = len(transfers) > 1
                if chooses and choices.special:
                    answer = choices.ask(kind, call, negative=False)
                    if answer is not None:
                        return self._repeat(answer, transfers)
                if not any(transfer.done for transfer in transfers):
                    self.wait_for(
                        lambda: any(transfer.done for transfer in transfers),
                        lambda: describe_many(transfers, "one of"),
                    )
                found = [index for index, transfer in enumerate(transfers) if transfer.done]
                if chooses:
                    self._record(kind, found)
                return found
            finally:
                self.hot = 0
                if self.due:
                    self.catch_up()

    def test(self, transfer: Transfer) -> bool:
        """Return whether a transfer is done, after moving bytes once if it was not."""
        return bool(self._tested((transfer,), YES))

    def test_all(self, transfers: Sequence[Transfer]) -> bool:
        """Return whether all are done; see `test`."""
        return not transfers or bool(self._tested(transfers, YES))

    def test_any(self, transfers: Sequence[Transfer]) -> int:
        """Return the lowest index of those that are done, or -1; see `test`."""
        some = self._tested(transfers, INDEX)
        return some[0] if some else -1

    def test_some(self, transfers: Sequence[Transfer]) -> list[int]:
        """Return the indices of those that are done; see `test`."""
        return self._tested(transfers, SET)

    def _tested(self, transfers: Sequence[Transfer], kind: int) -> list[int]:
        """Return the indices of those that are done; none if they are not enough. Move bytes once if so.

        The answer is read under the lock: what another thread does afterwards is for the next test.

        Args:
            kind: of a positive answer (`replay.choices`); YES: all must be done.
        """
        me = get_ident()
        if self.hot == me:
            raise self.reentrant("a test")
        with self.lock:
            self.hot = me
            try:
                if me != self.thread:
                    self._on_other_thread()
                choices = self.choices
                if choices.special:
                    answer = choices.ask(kind, "a test")
                    if answer is not None:
                        return self._repeat(answer, transfers)
                enough = all if kind == YES else any
                if not enough([transfer.done for transfer in transfers]):
                    if not self.driven:
                        self.move()
                    if not enough([transfer.done for transfer in transfers]):
                        choices.found_nothing()
                        return []
                found = [index for index, transfer in enumerate(transfers) if transfer.done]
                self._record(kind, found)
                return found
            finally:
                self.hot = 0
                if self.due:
                    self.catch_up()

    # --- choices ------------------------------------------------------------------------------------------

    def _on_other_thread(self) -> None:
        """Another thread calls than before: the order of their calls is a choice, too."""
        if self.closed:
            self.stop_here()
        self.thread = get_ident()
        self.choices.on_other_thread()

    def _record(self, kind: int, found: list[int]) -> None:
        if kind == YES:
            self.choices.found()
        elif kind == INDEX:
            self.choices.found_one(found[0])
        else:
            self.choices.found_some(found)

    def _repeat(self, answer: ChoiceAnswer, transfers: Sequence[Transfer]) -> list[int]:
        """Return the indices that were recorded, once these transfers are done; none for "nothing"."""
        if answer.kind == NO:
            self.look_again()
            return []
        if answer.kind == YES:
            found = list(range(len(transfers)))
        else:
            found = [answer.value] if answer.kind == INDEX else list(answer.more)
        if found[-1] >= len(transfers) or (answer.kind == YES and answer.value):
            self.choices.diverge(f"it tested {len(transfers)} operations", "it had tested other ones")
        chosen = [transfers[index] for index in found]
        self.wait_for(
            lambda: all(transfer.done for transfer in chosen),
            lambda: f"{describe_many(chosen, 'all of')}, as recorded",
        )
        return found

    def look_again(self) -> None:
        """Nothing was found, as recorded: look at the streams now and then, as a program does that tests."""
        if self.choices.is_turn_to_move() and not self.driven:
            self.move()
