"""Locks of a communicator by name, which the Python parts of mpi4py share with our own methods."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from threading import Lock
from typing import Concatenate, ParamSpec, TypeVar

from .handle import CommHandle
from .state import CommState

P = ParamSpec("P")
R = TypeVar("R")
H = TypeVar("H", bound=CommHandle)


def lock_of(state: CommState, key: Hashable) -> Lock:
    """The lock of a communicator with this name."""
    with state.engine.lock:
        return table_of(state).setdefault(key, Lock())


def table_of(state: CommState) -> dict[Hashable, Lock]:
    """The locks of a communicator by name."""
    if state.locks is None:
        state.locks = {}
    return state.locks


def serialized(name: str) -> Callable[[Callable[Concatenate[H, P], R]], Callable[Concatenate[H, P], R]]:
    """Decorate a method of a communicator that one thread at a time may be in: it holds the lock `name`.

    Threads that call a collective operation together must do so in the same order everywhere, which the
    methods of `mpi4py.util` with the same lock then do, too.
    """

    def decorate(method: Callable[Concatenate[H, P], R]) -> Callable[Concatenate[H, P], R]:
        @wraps(method)
        def wrapper(self: H, /, *args: P.args, **kwargs: P.kwargs) -> R:
            with lock_of(self._live(), name):
                return method(self, *args, **kwargs)

        return wrapper

    return decorate


def _comm_lock(comm: CommHandle, key: Hashable | None = None) -> Lock:
    """The lock of a communicator with this name."""
    return lock_of(comm._live(), key)


def _comm_lock_table(comm: CommHandle) -> dict[Hashable, Lock]:
    """The locks of a communicator by name."""
    return table_of(comm._live())
