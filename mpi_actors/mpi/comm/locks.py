"""What the Python parts of mpi4py use of a communicator: locks by name, and a context of their own."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import wraps
from threading import Lock
from typing import TYPE_CHECKING, Concatenate, NamedTuple, ParamSpec, TypeVar

from ..constants import GREATEST_TAG
from .making.lineage import duplicate
from .state import CommState

if TYPE_CHECKING:
    from .communicator import Comm, Intercomm, Intracomm
    from .handle import CommHandle

P = ParamSpec("P")
R = TypeVar("R")
H = TypeVar("H", bound="CommHandle")


class Private(NamedTuple):
    """A communicator beside another one, and the tag that was used last in it."""

    state: CommState
    tag: int


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


def _comm_lock(comm: Comm, key: Hashable | None = None) -> Lock:
    """The lock of a communicator with this name."""
    return lock_of(comm._live(), key)


def _comm_lock_table(comm: Comm) -> dict[Hashable, Lock]:
    """The locks of a communicator by name."""
    return table_of(comm._live())


def _commctx_intra(comm: Intracomm) -> tuple[Intracomm, int]:
    """A duplicate for collective operations made of point-to-point messages, and the tag of the next one."""
    from .communicator import Intracomm

    private = _private(comm)
    return Intracomm._of(private.state), private.tag


def _commctx_inter(comm: Intercomm) -> tuple[Intercomm, int, Intracomm, bool]:
    """The same of an intercommunicator; then its local group, and whether that is the first of the two."""
    from .communicator import Intercomm, Intracomm

    private = _private(comm)
    state = private.state
    assert state.local is not None
    return Intercomm._of(state), private.tag, Intracomm._of(state.local), state.low


def _private(comm: Comm) -> Private:
    """All members call it alike, so they agree on the tag."""
    state = comm._live()
    with state.engine.lock:
        before = state.pkl5 or Private(duplicate(state, "private"), -1)
        state.pkl5 = Private(before.state, before.tag + 1 if before.tag < GREATEST_TAG else 0)
        return state.pkl5
