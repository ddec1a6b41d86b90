"""Types and small steps that all algorithms share.

Blocks and buffers are contiguous bytes: memory views of format B. Ranks are indices of the members of the
schedule. A step reads memory when its round starts, so that a send can follow a computation in one round.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from ..engine.schedule import Schedule

Reducer = Callable[[memoryview, memoryview], None]
"""`reducer(a, b)` puts `a op b` into b. a is of lower ranks than b, unless the operation commutes."""

ReducerFor = Callable[[int], Reducer]
"""Returns the reducer for a number of items."""

NOTHING = memoryview(bytearray())
"""Memory for messages that carry no bytes."""


def fresh(nbytes: int) -> memoryview:
    """Return new memory of `nbytes` bytes."""
    return memoryview(bytearray(nbytes))


def assign(target: memoryview, source: memoryview) -> None:
    """Copy bytes from source to target, which have the same size."""
    target[:] = source


def copy(s: Schedule, target: memoryview, source: memoryview) -> None:
    """Add a step that copies bytes."""
    s.compute(partial(assign, target, source))


def assign_all(targets: Iterable[memoryview], sources: Iterable[memoryview]) -> None:
    """Copy several pieces of bytes, each to the target of the same index."""
    for target, source in zip(targets, sources, strict=True):
        target[:] = source


def slices(view: memoryview, sizes: Sequence[int]) -> list[memoryview]:
    """Return consecutive parts of a view, whose sizes are given in bytes."""
    parts, start = [], 0
    for size in sizes:
        parts.append(view[start : start + size])
        start += size
    return parts


def even_counts(count: int, parts: int) -> list[int]:
    """Divide `count` items into parts that differ by at most one item; return the items of each part."""
    least, more = divmod(count, parts)
    return [least + (part < more) for part in range(parts)]


def power_below(size: int) -> int:
    """Return the greatest power of two that is not above `size`."""
    return 1 << (size.bit_length() - 1)
