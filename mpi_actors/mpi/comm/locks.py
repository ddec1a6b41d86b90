"""Locks of a communicator by name, which the Python parts of mpi4py share with our own methods."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from threading import Lock, get_ident
from typing import Concatenate, ParamSpec, TypeVar

from ...errors import ReentrantCall
from .handle import CommHandle
from .state import CommState

P = ParamSpec("P")
R = TypeVar("R")
H = TypeVar("H", bound=CommHandle)


def lock_of(state: CommState, key: Hashable) -> Lock:
    """Return the communicator's lock with this name; the first call makes it."""
    with state.engine.lock:
        return table_of(state).setdefault(key, Lock())


def table_of(state: CommState) -> dict[Hashable, Lock]:
    """Return the communicator's locks by name."""
    if state.locks is None:
        state.locks = {}
    return state.locks


def serialized(name: str) -> Callable[[Callable[Concatenate[H, P], R]], Callable[Concatenate[H, P], R]]:
    """Decorate a method of a communicator so that it holds the lock `name` and one thread at a time runs it.

    If several threads call collective operations of one communicator, all processes must do so in the same
    order. Methods of `mpi4py.util` take the same lock for this purpose. A call in the middle of another one
    of the same thread, by a signal handler or a finalizer, raises ReentrantCall: it would wait for itself.
    """

    def decorate(method: Callable[Concatenate[H, P], R]) -> Callable[Concatenate[H, P], R]:
        @wraps(method)
        def wrapper(self: H, /, *args: P.args, **kwargs: P.kwargs) -> R:
            state, me = self._live(), get_ident()
            lock = lock_of(state, name)
            if not lock.acquire(blocking=False):
                if state.holder == me:
                    raise ReentrantCall(
                        f"{name} was called in the middle of another {name} of the same communicator, by a "
                        "signal handler or a finalizer, and would wait there for ever: do not call it there"
                    )
                lock.acquire()
            state.holder = me
            try:
                return method(self, *args, **kwargs)
            finally:
                state.holder = 0
                lock.release()

        return wrapper

    return decorate


def _comm_lock(comm: CommHandle, key: Hashable | None = None) -> Lock:
    """Return the communicator's lock with this name; the first call makes it."""
    return lock_of(comm._live(), key)


def _comm_lock_table(comm: CommHandle) -> dict[Hashable, Lock]:
    """Return the communicator's locks by name."""
    return table_of(comm._live())
