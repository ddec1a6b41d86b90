"""What an actor can find out about itself."""

from __future__ import annotations

from contextvars import ContextVar

import attrs
import trio


@attrs.frozen(eq=False)
class Actor:
    """One run of one child, as the child sees it. Its subtasks see the same.

    How to stop in an orderly way, for a child with a `shutdown` above 0: an `async for` over the mailbox
    simply ends. Whoever waits for something else waits for `stopping` too.
    """

    supervisor: str
    """The supervisor's name."""
    id: str
    generation: int
    """Which run of this child: 0, 1, 2 …"""
    stopping: trio.Event = attrs.field(factory=trio.Event)
    """Set when the supervisor wants this run to end; `ChildSpec.shutdown` seconds later it is cancelled."""
    _begun: trio.Event = attrs.field(factory=trio.Event)

    def ready(self) -> None:
        """Say that this child is up, so that the next sibling may start (`ChildSpec.signals_ready`)."""
        self._begun.set()

    async def wait_ready(self) -> None:
        """Wait until the child is up, or has ended before it was."""
        await self._begun.wait()

    @property
    def is_ready(self) -> bool:
        """Whether it is up, or has ended before it was."""
        return self._begun.is_set()


_current: ContextVar[Actor] = ContextVar("mpi_actors_current_actor")


def current_actor() -> Actor:
    """The actor that the calling task belongs to.

    Raises:
        LookupError: it belongs to none.
    """
    return _current.get()


def enter(actor: Actor) -> None:
    """Make `actor` the current one, for the calling task and those that it will start."""
    _current.set(actor)
