"""What the Python parts of mpi4py use beside a communicator: a duplicate of their own, and tags in it."""

from __future__ import annotations

from typing import Any

from ..constants import GREATEST_TAG
from . import kinds
from .handle import CommHandle
from .making.lineage import duplicate
from .state import Private


def _commctx_intra(comm: CommHandle) -> tuple[Any, int]:
    """A duplicate for collective operations made of point-to-point messages, and the tag of the next one."""
    private = _private(comm)
    return kinds.INTRA._of(private.state), private.tag


def _commctx_inter(comm: CommHandle) -> tuple[Any, int, Any, bool]:
    """The same of an intercommunicator; then its local group, and whether that is the first of the two."""
    private = _private(comm)
    state = private.state
    assert state.local is not None
    return kinds.INTER._of(state), private.tag, kinds.INTRA._of(state.local), state.low


def _private(comm: CommHandle) -> Private:
    """All members call it alike, so they agree on the tag."""
    state = comm._live()
    with state.engine.lock:
        before = state.pkl5 or Private(duplicate(state, "private"), -1)
        state.pkl5 = Private(before.state, before.tag + 1 if before.tag < GREATEST_TAG else 0)
        return state.pkl5
