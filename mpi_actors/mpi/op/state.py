"""The operation itself, to which several handles may refer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from .objects import FUNCTIONS, ObjectFunction

UserFunction = Callable[[Any, Any, Any], Any]
"""Takes two buffers and a datatype, and changes the second buffer; or two objects and None, and returns the
result."""

MOST_USER_OPERATIONS = 32
"""How many operations of its own a program may have at a time: as in mpi4py; some rely on a limit."""


class OpState:
    """An operation: a predefined one has a name, a user's has a function."""

    __slots__ = ("__weakref__", "commute", "freed", "function", "name", "objects")

    def __init__(self, name: str, commute: bool, objects: ObjectFunction) -> None:
        self.name = name
        self.commute = commute
        self.objects = objects
        self.function: UserFunction | None = None
        self.freed = False


PREDEFINED = {
    name: OpState(name, name not in ("REPLACE", "NO_OP"), function) for name, function in FUNCTIONS.items()
}

"""The predefined operations, by name."""

_users: WeakSet[OpState] = WeakSet()
"""The operations that the program has made and that something still refers to."""


def create(function: UserFunction, commute: bool) -> OpState:
    """Make a user's operation.

    Raises:
        RuntimeError: there are `MOST_USER_OPERATIONS` already.
    """
    if len(_users) >= MOST_USER_OPERATIONS:
        raise RuntimeError(
            f"there are {MOST_USER_OPERATIONS} user-defined reduction operations: Free those not needed"
        )
    state = OpState("", commute, lambda x, y: function(x, y, None))
    state.function = function
    _users.add(state)
    return state


def free(state: OpState) -> None:
    """Free a user's operation. Reductions that have started with it go on."""
    state.freed = True
    _users.discard(state)
