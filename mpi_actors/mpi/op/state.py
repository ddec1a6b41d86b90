"""Operations themselves, which several handles may share, and the numbers that stand for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from .objects import FUNCTIONS, ObjectFunction

UserFunction = Callable[[Any, Any, Any], Any]
"""Of two buffers and a datatype: changes the second buffer. Of two objects and None: returns the result."""

MOST_USER_OPERATIONS = 32
"""As many as mpi4py lets a process have at a time; programs and tests rely on there being a bound."""


class OpState:
    """An operation: predefined (it has a name), or the user's (it has a function)."""

    __slots__ = ("__weakref__", "commute", "freed", "function", "name", "number", "objects")

    def __init__(self, number: int, name: str, commute: bool, function: UserFunction | None = None) -> None:
        self.number = number
        self.name = name
        self.commute = commute
        self.function = function
        self.objects: ObjectFunction | None = FUNCTIONS.get(name)
        if function is not None:
            self.objects = lambda x, y: function(x, y, None)
        self.freed = False


_states: WeakValueDictionary[int, OpState] = WeakValueDictionary()

PREDEFINED = {
    name: OpState(number, name, name not in ("OP_NULL", "REPLACE", "NO_OP"))
    for number, name in enumerate(("OP_NULL", *FUNCTIONS))
}
NULL = PREDEFINED["OP_NULL"]
_states.update({state.number: state for state in PREDEFINED.values()})


def create(function: UserFunction, commute: bool) -> OpState:
    """A user's operation.

    Raises:
        RuntimeError: there are too many.
    """
    for number in range(len(PREDEFINED), len(PREDEFINED) + MOST_USER_OPERATIONS):
        if number not in _states:
            state = _states[number] = OpState(number, "", commute, function)
            return state
    raise RuntimeError(
        f"a process can have {MOST_USER_OPERATIONS} user-defined reduction operations: Free those not needed"
    )


def free(state: OpState) -> None:
    """Forget a user's operation; what has already been started with it goes on."""
    state.freed = True
    if _states.get(state.number) is state:
        del _states[state.number]


def state_of(number: int) -> OpState | None:
    """The operation that a number stands for."""
    return _states.get(number)
