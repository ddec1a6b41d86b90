"""Short cuts for the simplest calls: contiguous buffers within one group, and nothing to unpack.

Each function returns False, and does nothing, for any other call, right or wrong. The caller then uses the
plan, which does the operation or explains the error.
"""

from __future__ import annotations

from typing import Any

from ... import collectives
from ...datatypes import BOTTOM, IN_PLACE, _typedict, fast_target, fast_view
from ...engine.schedule import Schedule
from ...op import Op
from ..state import CommState
from .call import Combine, execute
from .reductions import combine

_combines: dict[tuple[Any, str], Combine] = {}
"""How predefined operations combine, by (state of the operation, format of the buffer's elements)."""


def quick_barrier(state: CommState) -> bool:
    """Do a barrier within one group. Return False if the plan must do it."""
    if not state.live or state.remote is not None:
        return False
    schedule = Schedule(collectives.KIND_BARRIER)
    collectives.barrier(schedule, state.rank, len(state.members))
    execute(state, schedule)
    return True


def quick_bcast(state: CommState, buf: Any, root: int) -> bool:
    """Broadcast a whole buffer within one group. Return False if the plan must do it."""
    size = len(state.members)
    if state.remote is not None or not 0 <= root < size or not state.live:
        return False
    view = fast_view(buf) if root == state.rank else fast_target(buf)
    if view is None:
        return False
    schedule = Schedule(collectives.KIND_BCAST)
    collectives.bcast(schedule, state.rank, size, view, root)
    execute(state, schedule)
    return True


def quick_allreduce(state: CommState, sendbuf: Any, recvbuf: Any, op: object) -> bool:
    """Reduce whole buffers with a predefined operation. Return False if the plan must do it."""
    if state.remote is not None or not state.live or recvbuf is IN_PLACE or recvbuf is BOTTOM:
        return False
    if not isinstance(op, Op):
        return False
    try:
        result = memoryview(recvbuf)
        how = _combines.get((op._h, result.format)) or _known(op, result.format)
        if how is None or result.readonly or not result.c_contiguous:
            return False
        view = result.cast("B")
        if sendbuf is not IN_PLACE and sendbuf is not None:
            given = memoryview(sendbuf)
            if given.format != result.format or given.nbytes != len(view) or sendbuf is BOTTOM:
                return False
            view[:] = given.cast("B")
    except (TypeError, ValueError, BufferError):
        return False
    schedule = Schedule(collectives.KIND_ALLREDUCE)
    collectives.allreduce(schedule, state.rank, len(state.members), view, *how)
    execute(state, schedule)
    return True


def _known(op: Op, format: str) -> Combine | None:
    """Find and remember how a predefined operation combines elements of a format of one character."""
    if not op.is_predefined or not op or len(format) != 1 or format not in _typedict:
        return None
    how = _combines[op._h, format] = combine(op, _typedict[format])
    return how
