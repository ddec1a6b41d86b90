"""`mpi_actors.replaying`: for programs that take steps outside of their messages."""

from __future__ import annotations

from .engine import engine, started
from .engine.repeating import is_repeating


def replaying() -> bool:
    """Return whether this rank was started again and still repeats what it did before its loss.

    True is certain: another rank has a message that this one has yet to send again, or an outcome is recorded
    that the program has yet to see. False means that nobody knows: the step that follows was not taken
    before, or it was, and the rank was lost before it sent another message. A process that is no rank, or
    whose rank was not started again, gets False.
    """
    return started() and is_repeating(engine())
