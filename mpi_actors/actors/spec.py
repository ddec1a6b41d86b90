"""What a supervisor must know of a child, and the notice of a child's end. The words are OTP's."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

import attrs

from .mailbox import Mailbox
from .snapshot import SupervisorSnapshot

M = TypeVar("M")


class ExitReason(enum.Enum):
    """How a run of a child ended."""

    NORMAL = "normal"
    """It returned by itself."""
    FAILED = "failed"
    """It raised an exception, whether it had to stop or not."""
    STOPPED = "stopped"
    """Its supervisor asked it to stop, and it returned or was cancelled."""


class Restart(enum.Enum):
    """Whether a child is started again when it ends."""

    PERMANENT = "permanent"
    """Always."""
    TRANSIENT = "transient"
    """Unless it ends normally."""
    TEMPORARY = "temporary"
    """Never, not even when it was stopped to restart a group of siblings."""

    def applies_to(self, reason: ExitReason) -> bool:
        """Return whether a child that ended in this way is restarted, unless it was stopped for good."""
        if self is Restart.TRANSIENT:
            return reason is not ExitReason.NORMAL
        return self is Restart.PERMANENT


class Strategy(enum.Enum):
    """Which siblings are started again together with a child that ended."""

    ONE_FOR_ONE = "one for one"
    """None."""
    REST_FOR_ONE = "rest for one"
    """Those that were added after it."""
    ONE_FOR_ALL = "one for all"
    """All."""


@attrs.frozen
class Intensity:
    """How many restarts within `period` seconds a supervisor makes before it fails itself.

    The restart of a group counts once. The intensities of nested supervisors multiply, so let inner ones give
    up sooner: with 10 on three levels, a child restarts a thousand times before the top level fails.
    """

    max_restarts: int = attrs.field(default=3, validator=attrs.validators.ge(0))
    """0: the supervisor fails when the first child would have to be started again."""
    period: float = attrs.field(default=5.0, validator=attrs.validators.gt(0))
    """In seconds."""


@attrs.frozen
class Backoff:
    """Seconds to wait before a child that keeps ending is started again."""

    first: float = attrs.field(default=0.1, validator=attrs.validators.gt(0))
    factor: float = attrs.field(default=2.0, validator=attrs.validators.ge(1))
    longest: float = attrs.field(default=30.0, validator=attrs.validators.gt(0))
    healthy: float = attrs.field(default=60.0, validator=attrs.validators.ge(0))
    """After a run of this many seconds, a child's next wait is `first` again."""

    def after(self, previous: float) -> float:
        """Return the wait that follows a wait of `previous` seconds (0: there was none)."""
        return min(self.longest, previous * self.factor if previous > 0 else self.first)


@attrs.frozen
class Exited:
    """The notice that a run of a child has ended; what death-watch sends."""

    id: str
    generation: int
    """Which run of the child: 0, 1, 2 …"""
    error: Exception | None
    reason: ExitReason
    gone: bool = False
    """Whether the child has gone for good, and its mailbox is closed; if not, it may be started again.

    A second notice of the same generation may say so later: when the child, or its supervisor, is stopped
    while the child waits for its restart."""


class Nested(Protocol):
    """What a supervisor needs of a child that is a supervisor, too."""

    def snapshot(self) -> SupervisorSnapshot:
        """Return the tree below it."""
        ...

    def close(self) -> None:
        """Let go of its children for good: it will not run again."""
        ...


@attrs.frozen(kw_only=True)
class ChildSpec(Generic[M]):
    """How to run one child.

    Two common mistakes: with a `shutdown` above 0, an actor that never looks whether it must stop only delays
    each stop; and a `PERMANENT` child that returns when its work is done is started again.
    """

    id: str
    """Unique among its siblings."""
    run: Callable[[Mailbox[M]], Awaitable[None]]
    """The actor: an async function that owns the mailbox while it runs."""
    restart: Restart = Restart.PERMANENT
    shutdown: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    """Seconds between the request to stop (`Actor.stopping`) and cancellation. 0: cancel at once, which suits
    a child that cleans up in `finally`. `math.inf`: never cancel."""
    mailbox: Mailbox[M] = attrs.field()
    """The address of the child, which outlives restarts; by default a new mailbox with the child's name."""
    backoff: Backoff | None = None
    """How long to wait before a restart that this child causes; None: restart at once."""
    signals_ready: bool = False
    """Start the next sibling only when this child has called `current_actor().ready()`."""
    nested: Nested | None = None
    """The supervisor that this child is, if it is one. `Supervisor.as_child` sets it."""

    @mailbox.default
    def _own_mailbox(self) -> Mailbox[M]:
        return Mailbox(self.id)
