"""What a supervisor is told about its children, and what it tells about them. OTP's words."""

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
    """It raised an exception, asked to stop or not."""
    STOPPED = "stopped"
    """Its supervisor asked it to stop, and it returned or was cancelled."""


class Restart(enum.Enum):
    """Whether a child is started again when it ends."""

    PERMANENT = "permanent"
    """Always."""
    TRANSIENT = "transient"
    """Unless it ends normally."""
    TEMPORARY = "temporary"
    """Never: not even when a group restart of its siblings stopped it."""

    def applies_to(self, reason: ExitReason) -> bool:
        """Whether a child that ended so, while its supervisor wants it, is started again."""
        if self is Restart.TRANSIENT:
            return reason is not ExitReason.NORMAL
        return self is Restart.PERMANENT


class Strategy(enum.Enum):
    """Who is started again together with a child that ended."""

    ONE_FOR_ONE = "one for one"
    """Nobody else."""
    REST_FOR_ONE = "rest for one"
    """Those that were added after it."""
    ONE_FOR_ALL = "one for all"
    """All its siblings."""


@attrs.frozen
class Intensity:
    """How many restarts within `period` seconds a supervisor takes before it fails upwards.

    One group restart counts once. The intensities of nested supervisors multiply, so let inner ones give
    up sooner: three levels of 10 make a thousand restarts before anybody above hears of it.
    """

    max_restarts: int = attrs.field(default=3, validator=attrs.validators.ge(0))
    """0: the first child that would have to be started again makes the supervisor fail."""
    period: float = attrs.field(default=5.0, validator=attrs.validators.gt(0))
    """Seconds."""


@attrs.frozen
class Backoff:
    """Seconds to wait before a child that keeps ending is started again."""

    first: float = attrs.field(default=0.1, validator=attrs.validators.gt(0))
    factor: float = attrs.field(default=2.0, validator=attrs.validators.ge(1))
    longest: float = attrs.field(default=30.0, validator=attrs.validators.gt(0))
    healthy: float = attrs.field(default=60.0, validator=attrs.validators.ge(0))
    """A child that lived for so many seconds begins with `first` again."""

    def after(self, previous: float) -> float:
        """The wait that follows a wait of `previous` seconds; 0 = there was none."""
        return min(self.longest, previous * self.factor if previous > 0 else self.first)


@attrs.frozen
class Exited:
    """A run of a child has ended. Also the death-watch message."""

    id: str
    generation: int
    """Which run of the child: 0, 1, 2 …"""
    error: Exception | None
    reason: ExitReason
    gone: bool = False
    """The child has gone for good and its mailbox is closed; otherwise it may be started again.

    When that turns out only later, a second notice of the same generation says it: the child was stopped
    while it waited for its restart, or its supervisor was, and is not started again."""


class Nested(Protocol):
    """What a supervisor needs of a supervisor that is its child."""

    def snapshot(self) -> SupervisorSnapshot:
        """The tree below it."""
        ...

    def close(self) -> None:
        """It will not run again: let go of its children for good."""
        ...


@attrs.frozen(kw_only=True)
class ChildSpec(Generic[M]):
    """How to run one child.

    Common mistakes: a `shutdown` above 0 for an actor that never looks whether it should stop only delays
    every stop; and a `PERMANENT` child that returns when its work is done is started again.
    """

    id: str
    """Unique among its siblings."""
    run: Callable[[Mailbox[M]], Awaitable[None]]
    """The actor: an async function that owns the mailbox while it runs."""
    restart: Restart = Restart.PERMANENT
    shutdown: float = attrs.field(default=0.0, validator=attrs.validators.ge(0))
    """Seconds between asking the child to stop and cancelling it; 0 = cancel at once, which suits whatever
    cleans up in `finally`; `math.inf` = never cancel. How a child sees the request: `Actor.stopping`."""
    mailbox: Mailbox[M] = attrs.field()
    """Its address, which outlives restarts; by default a new one, named like the child."""
    backoff: Backoff | None = None
    """How long to wait before a restart that this child causes; None = restart at once."""
    signals_ready: bool = False
    """Wait with the next sibling until this child calls `current_actor().ready()`."""
    nested: Nested | None = None
    """The supervisor that this child is; set by `Supervisor.as_child`."""

    @mailbox.default
    def _own_mailbox(self) -> Mailbox[M]:
        return Mailbox(self.id)
