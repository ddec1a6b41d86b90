"""A schedule that is being run: its rounds start one after the other, as the steps complete."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from .outlet import MOST_QUICK
from .schedule import Box, ReceiveStep, Schedule, SendStep
from .transfer import STANDARD, Receive, Sending, Transfer, size_of

if TYPE_CHECKING:
    from .home import Home


class ScheduleRun(Transfer):
    """One run of a schedule.

    A step that fails does not stop the run, because other ranks wait for the steps after it. The first
    failure is kept.

    Args:
        engine: this rank's engine.
        schedule: what to run.
        context: the context of the run's messages.
        tag: the tag of the run's messages.
        members: the world rank of each index in the schedule.
    """

    __slots__ = (
        "_at", "_context", "_engine", "_label", "_members", "_numbers", "_own", "_pending", "_rounds",
        "kind", "receive",
    )  # fmt: skip

    def __init__(
        self,
        engine: Home,
        schedule: Schedule,
        context: int,
        tag: int,
        members: Sequence[int],
    ) -> None:
        super().__init__()
        self.kind = schedule.kind
        self.receive: Receive | None = None
        """The last receive that this round has started; the caller looks at its stream first."""
        self._engine = engine
        self._context = context
        self._label = tag
        self._members = members
        self._rounds = schedule.rounds
        self._at = 0
        self._pending = 0
        self._numbers: list[int] | None = None
        self._own = False

    def reserve(self) -> None:
        """Give the messages of all rounds to come their numbers: the program may make other calls before.

        The engine calls this before the run begins, or when nobody waits for it any more.
        """
        outlets, here, members = self._engine.outlets, self._engine.rank, self._members
        steps = [step for steps in self._rounds[self._at :] for step in steps if type(step) is SendStep]
        dests = [members[step.dest] for step in steps]
        self._numbers = [-1 if dest == here else outlets[dest].reserve() for dest in dests]
        self._numbers.reverse()

    def detach(self) -> None:
        """Let the run end by itself: a signal handler has raised out of the call that waited for it."""
        self._own = True
        if not self.done:
            self.reserve()

    @property
    def own(self) -> bool:
        """Whether a computation to come may be the program's own: the helper thread must not run it."""
        steps = (step for steps in self._rounds[self._at :] for step in steps)
        return self._own or any(getattr(getattr(step, "func", None), "own", False) for step in steps)

    def go_on(self) -> None:
        """Start the next round, and the rounds after it while no step has to be waited for."""
        rounds = self._rounds
        while self._at < len(rounds):
            steps = rounds[self._at]
            self._at += 1
            self._pending = 1
            for step in steps:
                if type(step) is SendStep:
                    self._send(step)
                elif type(step) is ReceiveStep:
                    self._receive(step)
                else:
                    self._compute(step)  # type: ignore[arg-type]
            self._pending -= 1
            if self._pending:
                return
        self._engine.kick()
        self.receive = None  # break the reference cycle: only the garbage collector would free it
        self.finish()

    def _compute(self, step: Callable[[], None]) -> None:
        """Compute. Nothing is half done, so the program's operation and its signal handlers may call us."""
        engine = self._engine
        hot, engine.hot = engine.hot, 0
        try:
            step()
        except BaseException as error:  # noqa: BLE001 - the caller raises it when the other ranks have theirs
            self.exception = self.exception or error
        finally:
            engine.hot = hot

    def _send(self, step: SendStep) -> None:
        engine = self._engine
        data = step.data.value if type(step.data) is Box else step.data
        dest = self._members[step.dest]
        seq = self._numbers.pop() if self._numbers is not None else -1
        size = size_of(data)  # type: ignore[arg-type]
        if seq < 0 and size <= MOST_QUICK and dest != engine.rank:
            small = data if type(data) is bytes else b"".join(data) if type(data) is tuple else bytes(data)  # type: ignore[arg-type]
            if engine.outlets[dest].quick(self._context, self._label, self.kind, small):
                return
        sending = Sending(dest, self._context, self._label, data, size, STANDARD, self.kind)  # type: ignore[arg-type]
        self._pending += 1
        sending.on_done = self._on_step_done
        engine.post_send(sending, seq)

    def _receive(self, step: ReceiveStep) -> None:
        into = step.into
        box = into if type(into) is Box else None
        memory = None if box is not None else into
        receive = Receive(self._members[step.source], self._context, self._label, memory, self.kind)  # type: ignore[arg-type]
        self._pending += 1
        if box is None:
            receive.on_done = self._on_step_done
        else:
            receive.on_done = lambda transfer: self._on_box_received(transfer, box)
        self.receive = receive
        self._engine.post_receive(receive)

    def _on_box_received(self, transfer: Transfer, box: Box) -> None:
        if transfer.payload is not None:
            box.value = transfer.payload
        self._on_step_done(transfer)

    def _on_step_done(self, transfer: Transfer) -> None:
        if transfer.error and not self.error:
            self.error = transfer.error
            self.exception = self.exception or transfer.exception
        self._pending -= 1
        if not self._pending:
            self._engine.runnable.append(self)
