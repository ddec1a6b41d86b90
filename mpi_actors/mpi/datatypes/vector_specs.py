"""Specifications of messages of several blocks, whose sizes (and types) may differ.

    buf | [buf, type] | [buf, counts] | [buf, (counts, displs)] | … | [buf, counts, displs, type]
    [buf, types] | [buf, (counts, displs), types] | [buf, counts, displs, types]     blocks with types of
    their own

Counts may be one number for all blocks; displacements may be one number, the items from block to block.
Without counts, the blocks share the items evenly, and the first ones get one more. Without displacements,
blocks follow each other.
"""

from __future__ import annotations

from operator import index
from typing import Any

from ..constants import PROC_NULL
from .datatype import Datatype
from .memory import everything
from .message import VMessage, WMessage
from .predefined import BYTE
from .sentinels import BOTTOM
from .specs import KINDS, NOTHING, SEQUENCES, extent_of, located, unusable, whole


def parse_send_v(spec: Any, blocks: int, *, rank: int = 0) -> VMessage:
    """Parse a message to send in `blocks` blocks. If `rank` is PROC_NULL, it is not looked at."""
    return _parse(spec, False, blocks, rank)


def parse_recv_v(spec: Any, blocks: int, *, rank: int = 0) -> VMessage:
    """Parse a message to receive in `blocks` blocks, whose memory must be writable; see `parse_send_v`."""
    return _parse(spec, True, blocks, rank)


def parse_send_w(spec: Any, blocks: int) -> WMessage:
    """Parse a message to send in `blocks` blocks, each with its own type."""
    return _parse_w(spec, False, blocks)


def parse_recv_w(spec: Any, blocks: int) -> WMessage:
    """Parse a message to receive in `blocks` blocks, each with its own type; the memory must be writable."""
    return _parse_w(spec, True, blocks)


def _parse(spec: Any, writable: bool, blocks: int, rank: int) -> VMessage:
    if rank == PROC_NULL:
        return VMessage(NOTHING, [0] * blocks, [0] * blocks, BYTE)
    counts = displs = kind = None
    if isinstance(spec, SEQUENCES):
        given = len(spec)
        if given == 2:
            buf, counts = spec
            if isinstance(counts, KINDS):
                kind, counts = counts, None
            elif isinstance(counts, tuple):
                counts, displs = counts
        elif given == 3:
            buf, counts, kind = spec
            if isinstance(counts, tuple):
                counts, displs = counts
        elif given == 4:
            buf, counts, displs, kind = spec
        else:
            raise ValueError(f"a message is described by 2 to 4 items, not {given}")
    else:
        buf = whole(spec)
    view, datatype = located(buf, kind, writable)
    numbers = _counts(counts, 0 if buf is BOTTOM else len(view), datatype, blocks)
    places = _displs(displs, numbers, blocks)
    if datatype._h is None or not datatype._h.ready:
        unusable(datatype)
    return VMessage(view, numbers, places, datatype)


def _counts(counts: Any, length: int, datatype: Datatype, blocks: int) -> list[int]:
    if counts is None:
        total = 0
        if length:
            extent = extent_of(datatype, "the count")
            total, rest = divmod(length, extent)
            if rest:
                raise ValueError(f"{length} bytes are not a whole number of items of extent {extent}")
        if not blocks:
            return []
        each, more = divmod(total, blocks)
        return [each + (number < more) for number in range(blocks)]
    if is_integral(counts):
        return [index(counts)] * blocks
    return listed(counts, blocks)


def _displs(displs: Any, counts: list[int], blocks: int) -> list[int]:
    if displs is None:
        places, place = [], 0
        for count in counts:
            places.append(place)
            place += count
        return places
    if is_integral(displs):
        step = index(displs)
        return [step * number for number in range(blocks)]
    return listed(displs, blocks)


def _parse_w(spec: Any, writable: bool, blocks: int) -> WMessage:
    given = len(spec)
    counts = displs = None
    if given == 2:
        buf, kinds = spec
    elif given == 3:
        buf, (counts, displs), kinds = spec
    elif given == 4:
        buf, counts, displs, kinds = spec
    else:
        raise ValueError(f"a message is described by 2 to 4 items, not {given}")
    if buf is None or buf is BOTTOM:
        if counts is None or displs is None:
            raise ValueError("MPI.BOTTOM needs counts and displacements")
        view = everything()
    else:
        view, _ = located(buf, BYTE, writable)
    if counts is None and displs is None:
        numbers, places = [1] * blocks, [0] * blocks
    else:
        numbers, places = listed(counts, blocks), listed(displs, blocks)
    if len(kinds) != blocks:
        raise ValueError(f"expecting {blocks} items, got {len(kinds)}")
    for kind in kinds:
        if not isinstance(kind, Datatype):
            raise TypeError(f"expected Datatype, got {type(kind).__name__}")
        if kind._h is None or not kind._h.ready:
            unusable(kind)
    return WMessage(view, numbers, places, list(kinds))


def is_integral(value: Any) -> bool:
    """Return whether a value is one integer, or an array without dimensions."""
    if not hasattr(value, "__index__"):
        return False
    if not hasattr(value, "__len__"):
        return True
    try:
        len(value)
    except TypeError:
        try:
            index(value)
        except TypeError:
            return False
        return True
    return False


def listed(values: Any, blocks: int) -> list[int]:
    """Return integers, one for each block.

    Raises:
        TypeError: a value is not an integer.
        ValueError: they are not as many as blocks.
    """
    if len(values) != blocks:
        raise ValueError(f"expecting {blocks} items, got {len(values)}")
    return [index(values[number]) for number in range(blocks)]
