"""What the Python parts of mpi4py (`util.pkl5`) use beside a communicator: a duplicate, and tags in it.

Their messages cannot be confused with those of the program, which has no handle to the duplicate.
"""

from __future__ import annotations

from typing import Any

from ..constants import GREATEST_TAG
from . import kinds
from .handle import CommHandle
from .making.lineage import duplicate
from .state import Private


def _commctx_intra(comm: CommHandle) -> tuple[Any, int]:
    """Return a duplicate of an intracommunicator, and a tag.

    `pkl5` makes collective operations of point-to-point messages on the duplicate, each with its own tag.
    """
    private = _private(comm)
    return kinds.INTRA._of(private.state), private.tag


def _commctx_inter(comm: CommHandle) -> tuple[Any, int, Any, bool]:
    """Return a duplicate of an intercommunicator, a tag, its local group, and whether that comes first."""
    private = _private(comm)
    state = private.state
    assert state.local is not None
    return kinds.INTER._of(state), private.tag, kinds.INTRA._of(state.local), state.low


def _private(comm: CommHandle) -> Private:
    """Return the duplicate and the next tag. All members call this in the same order, so they agree."""
    state = comm._live()
    with state.engine.lock:
        before = state.pkl5 or Private(duplicate(state, "private"), -1)
        state.pkl5 = Private(before.state, before.tag + 1 if before.tag < GREATEST_TAG else 0)
        return state.pkl5
