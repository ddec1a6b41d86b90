"""What an actor can find out about itself."""

from __future__ import annotations

from contextvars import ContextVar

import attrs
import trio


@attrs.frozen(eq=False)
class Actor:
    """One run of one child, as the child and its subtasks see it.

    A child with a `shutdown` above 0 can stop in good order: an `async for` over the mailbox ends by itself;
    a task that waits for something else waits for `stopping`, too.
    """

    supervisor: str
    """The name of the supervisor."""
    id: str
    generation: int
    """Which run of this child: 0, 1, 2 …"""
    stopping: trio.Event = attrs.field(factory=trio.Event)
    """Set when this run must end. `ChildSpec.shutdown` seconds later the supervisor cancels it."""
    _begun: trio.Event = attrs.field(factory=trio.Event)

    def ready(self) -> None:
        """Tell the supervisor that this child is up, for `ChildSpec.signals_ready`."""
        self._begun.set()

    async def wait_ready(self) -> None:
        """Wait until the child is up, or has ended without being up."""
        await self._begun.wait()

    @property
    def is_ready(self) -> bool:
        """Whether the child is up, or has ended without being up."""
        return self._begun.is_set()


_current: ContextVar[Actor] = ContextVar("mpi_actors_current_actor")


def current_actor() -> Actor:
    """Return the actor to which the calling task belongs.

    Raises:
        LookupError: the task belongs to no actor.
    """
    return _current.get()


def enter(actor: Actor) -> None:
    """Make `actor` the current one for the calling task and the tasks that it will start."""
    _current.set(actor)
