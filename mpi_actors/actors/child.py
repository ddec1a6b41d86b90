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
"""Characters of a child's last error that are kept: as many as a console shows."""


@attrs.define(eq=False)
class ChildRun:
    """One run of a child: from its start to its end."""

    actor: Actor
    since: float
    """When the run started, by trio's clock."""
    scope: trio.CancelScope = attrs.field(factory=lambda: trio.CancelScope(shield=True))
    """Shielded: a cancelled supervisor stops its children in order, each by its scope."""
    done: trio.Event = attrs.field(factory=trio.Event)

    def ask_to_stop(self, grace: float) -> None:
        """Ask the run to stop within `grace` seconds; then cancel it. A second call gives no more time."""
        if self.actor.stopping.is_set():
            return
        self.actor.stopping.set()
        if grace > 0:
            self.scope.deadline = trio.current_time() + grace
        else:
            self.scope.cancel()


@attrs.define(eq=False)
class Recovery:
    """A group of children that one task stops and starts again."""

    members: tuple[Child, ...]
    """In start order."""
    delay: float = 0.0
    """Seconds to wait between stop and start."""
    first: bool = False
    """Whether this is the first start of the supervisor's children, not a restart."""
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    done: trio.Event = attrs.field(factory=trio.Event)


@attrs.define(eq=False)
class Child:
    """One child over all its runs."""

    spec: ChildSpec[Any]
    initial: bool
    """Whether each run of the supervisor begins with this child."""
    generation: int = -1
    restarts: int = 0
    last_error: str = ""
    run: ChildRun | None = None
    recovery: Recovery | None = None
    """The recovery that will start the child. Until then, the end of the child causes no other."""
    unwanted: bool = False
    """Whether the child was stopped for good."""
    gone: trio.Event = attrs.field(factory=trio.Event)
    _wait: float = 0.0

    def renew(self) -> None:
        """Prepare the child for a new run of the supervisor."""
        self.restarts = 0
        self.recovery = None
        self.unwanted = False
        self.gone = trio.Event()
        self._wait = 0.0

    def begin(self, supervisor: str) -> ChildRun:
        """Make and return the next run: the next generation behind the same address."""
        self.recovery = None
        self.generation += 1
        self.spec.mailbox.reopen()
        self.run = ChildRun(Actor(supervisor, self.spec.id, self.generation), trio.current_time())
        return self.run

    def ask_to_stop(self) -> None:
        """Ask the current run, if there is one, to stop."""
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
        """Note how `run` ended; return the notice of its end."""
        self.run = None
        if error is not None:
            self.last_error = describe(error)
        if error is not None or run.scope.cancelled_caught:
            self.spec.mailbox.drop_in_hand()
        if error is not None:
            return self.exited(ExitReason.FAILED, error)
        return self.exited(ExitReason.STOPPED if run.actor.stopping.is_set() else ExitReason.NORMAL)

    def exited(self, reason: ExitReason, error: Exception | None = None) -> Exited:
        """Return the notice of the end of the last run."""
        return Exited(self.spec.id, self.generation, error, reason)

    def restart_delay(self, lived: float) -> float:
        """Return the seconds to wait before the restart after a run of `lived` seconds."""
        backoff = self.spec.backoff
        if backoff is None:
            return 0.0
        self._wait = backoff.after(0.0 if lived >= backoff.healthy else self._wait)
        return self._wait

    @property
    def state(self) -> ChildState:
        """What the child is doing."""
        if self.run is None:
            return ChildState.IDLE if self.recovery is None else ChildState.WAITING
        if self.run.actor.stopping.is_set():
            return ChildState.STOPPING
        return ChildState.RUNNING if self.run.actor.is_ready else ChildState.STARTING

    def snapshot(self) -> ChildSnapshot:
        """Return a frozen copy, as a console shows it."""
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
    """Return an exception in one line of bounded length, even if its `__str__` fails."""
    return format_exception_only(error)[0].strip().splitlines()[0].rstrip(": ")[:MAX_ERROR_TEXT]
