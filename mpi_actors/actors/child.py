"""What a supervisor keeps of each child: the record, its current run, and its place in a recovery."""

from __future__ import annotations

from traceback import format_exception_only
from typing import Any

import attrs
import trio

from .context import Actor
from .snapshot import ChildSnapshot, ChildState
from .spec import ChildSpec, Exited, ExitReason

MAX_ERROR_TEXT = 300
"""Characters of a child's last error that are kept to be shown."""


@attrs.define(eq=False)
class ChildRun:
    """One run of a child: from its start to its end."""

    actor: Actor
    since: float
    """When it was started, by trio's clock."""
    scope: trio.CancelScope = attrs.field(factory=lambda: trio.CancelScope(shield=True))
    """Shielded: a supervisor that is cancelled stops its children one after the other, by this."""
    done: trio.Event = attrs.field(factory=trio.Event)

    def ask_to_stop(self, grace: float) -> None:
        """Let it end within `grace` seconds, or be cancelled. Asking again does not give more time."""
        if self.actor.stopping.is_set():
            return
        self.actor.stopping.set()
        if grace > 0:
            self.scope.deadline = trio.current_time() + grace
        else:
            self.scope.cancel()


@attrs.define(eq=False)
class Recovery:
    """A group of children on the way from stopped to started: a task that conducts it owns this."""

    members: tuple[Child, ...]
    """In start order."""
    delay: float = 0.0
    """Seconds between stopped and started."""
    first: bool = False
    """Not a restart: the supervisor begins."""
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    done: trio.Event = attrs.field(factory=trio.Event)


@attrs.define(eq=False)
class Child:
    """One child over all its runs."""

    spec: ChildSpec[Any]
    initial: bool
    """It is among those with which every run of the supervisor begins."""
    generation: int = -1
    restarts: int = 0
    last_error: str = ""
    run: ChildRun | None = None
    recovery: Recovery | None = None
    """The recovery that will start it. Until then, its end is no news."""
    unwanted: bool = False
    """Somebody stopped it for good."""
    gone: trio.Event = attrs.field(factory=trio.Event)
    _wait: float = 0.0

    def renew(self) -> None:
        """A new run of the supervisor begins."""
        self.restarts = 0
        self.recovery = None
        self.unwanted = False
        self.gone = trio.Event()
        self._wait = 0.0

    def begin(self, supervisor: str) -> ChildRun:
        """Make the next run: the next generation behind the same address."""
        self.recovery = None
        self.generation += 1
        self.spec.mailbox.reopen()
        self.run = ChildRun(Actor(supervisor, self.spec.id, self.generation), trio.current_time())
        return self.run

    def ask_to_stop(self) -> None:
        """Begin the orderly stop of the current run, if there is one."""
        if self.run is not None:
            self.run.ask_to_stop(self.spec.shutdown)
            self.spec.mailbox.halt()

    async def halt(self) -> None:
        """Stop the current run, if there is one, and wait for its end."""
        run = self.run
        if run is not None:
            self.ask_to_stop()
            await run.done.wait()

    def end(self, run: ChildRun, error: Exception | None) -> Exited:
        """Note how `run` ended."""
        self.run = None
        if error is not None:
            self.last_error = describe(error)
        if error is not None or run.scope.cancelled_caught:
            self.spec.mailbox.drop_in_hand()
        if error is not None:
            return self.exited(ExitReason.FAILED, error)
        return self.exited(ExitReason.STOPPED if run.actor.stopping.is_set() else ExitReason.NORMAL)

    def exited(self, reason: ExitReason, error: Exception | None = None) -> Exited:
        """The notice of the end of the last run."""
        return Exited(self.spec.id, self.generation, error, reason)

    def restart_delay(self, lived: float) -> float:
        """Seconds to wait before the restart that follows a run that `lived` so long."""
        backoff = self.spec.backoff
        if backoff is None:
            return 0.0
        self._wait = backoff.after(0.0 if lived >= backoff.healthy else self._wait)
        return self._wait

    @property
    def state(self) -> ChildState:
        """What it is doing."""
        if self.run is None:
            return ChildState.IDLE if self.recovery is None else ChildState.WAITING
        if self.run.actor.stopping.is_set():
            return ChildState.STOPPING
        return ChildState.RUNNING if self.run.actor.is_ready else ChildState.STARTING

    def snapshot(self) -> ChildSnapshot:
        """A frozen copy to be shown."""
        return ChildSnapshot(
            id=self.spec.id,
            state=self.state,
            restart=self.spec.restart.value,
            generation=self.generation,
            restarts=self.restarts,
            last_error=self.last_error,
            mailbox=self.spec.mailbox.statistics(),
            nested=None if self.spec.nested is None else self.spec.nested.snapshot(),
        )


def describe(error: Exception) -> str:
    """An exception in one line of bounded length, whatever its `__str__` does."""
    return format_exception_only(error)[0].strip().splitlines()[0].rstrip(": ")[:MAX_ERROR_TEXT]
