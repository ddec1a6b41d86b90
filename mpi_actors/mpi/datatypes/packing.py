"""Packing and unpacking: copies between the bytes that a layout describes and contiguous bytes.

The copies are slices of memoryviews. If the program has imported numpy and loops are long, one strided copy
of numpy does a run of the body for all rounds of the loops around it.
"""

from __future__ import annotations

import sys
from typing import Any

from ..constants import ERR_BUFFER
from ..errors.exception import Exception as MPIException
from .layout import Body, Layout, Loop, looped

FEWEST_RUNS_FOR_NUMPY = 16
"""Runs: below, slices take less time than the first call of numpy."""
GAIN_FOR_NUMPY = 4
"""Runs that one run of the body must stand for: a strided copy costs about as much as four slices."""

DEEPEST_FOR_NUMPY = 24
"""Loops around loops, each of which is a dimension: releases of numpy before 2.0 have at most 32."""

WORDS = {1: "u1", 2: "u2", 4: "u4", 8: "u8"}
"""Numpy's types for runs of these bytes, which it copies fastest."""


def span(layout: Layout, count: int, offset: int) -> tuple[int, int]:
    """Return the first byte, and the one after the last, of `count` items, the first at `offset`."""
    last = (count - 1) * (layout.ub - layout.lb)
    return offset + layout.true_lb + min(last, 0), offset + layout.true_ub + max(last, 0)


def check(layout: Layout, view: memoryview, count: int, offset: int) -> None:
    """Check that all bytes of items are in the memory that the program gave.

    Raises:
        MPI.Exception: ERR_BUFFER, if some are not.
    """
    start, stop = span(layout, count, offset)
    if start < 0 or stop > len(view):
        raise MPIException(
            ERR_BUFFER, f"{count} items need bytes {start} to {stop} of a buffer of {len(view)} bytes"
        )


def pack(layout: Layout, view: memoryview, count: int, offset: int = 0) -> memoryview | bytearray:
    """Return the bytes of `count` items, the first at `offset`, without a copy if they are contiguous.

    Raises:
        MPI.Exception: ERR_BUFFER, if some are not in the memory.
    """
    total = count * layout.size
    if total == 0:
        return memoryview(b"")
    check(layout, view, count, offset)
    extent = layout.ub - layout.lb
    if layout.start is not None and (count == 1 or extent == layout.size):
        start = offset + layout.start
        return view[start : start + total]
    body = looped(layout.body, count, extent, layout.size)
    numpy = _numpy_for(layout, count)
    if numpy is not None:
        packed = bytearray(total)
        _copy(numpy, body, view, offset, packed, 0, [], True)
        return packed
    runs: list[tuple[int, int]] = []
    flatten(body, offset, runs)
    return bytearray().join([view[start:stop] for start, stop in runs])


def unpack(layout: Layout, packed: Any, view: memoryview, count: int, offset: int = 0) -> None:
    """Put contiguous bytes, at most those of `count` items, into their places; fewer fill the first items.

    Raises:
        MPI.Exception: ERR_BUFFER, if some places are not in the memory.
    """
    if type(packed) is not memoryview:
        packed = memoryview(packed)
    total = min(count * layout.size, len(packed))
    if total == 0:
        return
    whole, rest = divmod(total, layout.size)
    check(layout, view, whole + (rest > 0), offset)
    extent = layout.ub - layout.lb
    if whole:
        body = looped(layout.body, whole, extent, layout.size)
        numpy = _numpy_for(layout, whole)
        if numpy is not None:
            _copy(numpy, body, view, offset, packed, 0, [], False)
        else:
            _scatter(body, offset, packed[: whole * layout.size], view)
    if rest:
        _scatter(layout.body, offset + whole * extent, packed[total - rest : total], view)


def _scatter(body: Body, offset: int, packed: memoryview, view: memoryview) -> None:
    runs: list[tuple[int, int]] = []
    flatten(body, offset, runs)
    place = 0
    total = len(packed)
    for start, stop in runs:
        end = place + stop - start
        if end > total:
            view[start : start + total - place] = packed[place:]
            return
        view[start:stop] = packed[place:end]
        place = end


def flatten(body: Body, base: int, runs: list[tuple[int, int]]) -> None:
    """Append the runs of a body, as pairs of the first byte and the one after the last."""
    for node in body:
        start = base + node.disp
        if not isinstance(node, Loop):
            runs.append((start, start + node.nbytes))
            continue
        stride, inner = node.stride, node.body
        starts = [start + k * stride for k in range(node.rounds)]
        pieces = [(part.disp, part.disp + part.nbytes) for part in inner if not isinstance(part, Loop)]
        if len(pieces) == len(inner):
            runs += [(place + first, place + end) for place in starts for first, end in pieces]
        else:
            for place in starts:
                flatten(inner, place, runs)


def _numpy_for(layout: Layout, count: int) -> Any:
    """Return the module numpy if it is loaded and faster than slices here, else None."""
    runs = count * layout.runs
    if runs < max(FEWEST_RUNS_FOR_NUMPY, GAIN_FOR_NUMPY * layout.leaves) or layout.depth > DEEPEST_FOR_NUMPY:
        return None
    numpy = sys.modules.get("numpy")
    return numpy if hasattr(numpy, "ndarray") else None


def _copy(
    numpy: Any,
    body: Body,
    view: memoryview,
    offset: int,
    packed: memoryview | bytearray,
    place: int,
    dims: list[tuple[int, int, int]],
    packing: bool,
) -> None:
    """Copy a body, once for each combination of rounds of the loops around it.

    Args:
        dims: for each loop around, the outermost first: rounds, and bytes from round to round in memory and
        in
            the packed bytes.
        packing: copy from memory to the packed bytes; else back.
    """
    for node in body:
        if isinstance(node, Loop):
            around = [*dims, (node.rounds, node.stride, node.nbytes)]
            _copy(numpy, node.body, view, offset + node.disp, packed, place, around, packing)
            place += node.rounds * node.nbytes
            continue
        word = WORDS.get(node.nbytes) or f"V{node.nbytes}"
        shape = [count for count, _, _ in dims]
        spread = numpy.ndarray(shape, word, view, offset + node.disp, [stride for _, stride, _ in dims])
        dense = numpy.ndarray(shape, word, packed, place, [step for _, _, step in dims])
        if packing:
            dense[...] = spread
        else:
            spread[...] = dense
        place += node.nbytes
