"""Operations themselves, which several handles may share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakSet

from .objects import FUNCTIONS, ObjectFunction

UserFunction = Callable[[Any, Any, Any], Any]
"""Of two buffers and a datatype: changes the second buffer. Of two objects and None: returns the result."""

MOST_USER_OPERATIONS = 32
"""As many as mpi4py lets a process have at a time; programs and tests rely on there being a bound."""


class OpState:
    """An operation: predefined (it has a name), or the user's (it has a function)."""

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

_users: WeakSet[OpState] = WeakSet()


def create(function: UserFunction, commute: bool) -> OpState:
    """A user's operation.

    Raises:
        RuntimeError: there are too many.
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
    """Forget a user's operation; what has already been started with it goes on."""
    state.freed = True
    _users.discard(state)
