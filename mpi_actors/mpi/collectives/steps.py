"""Words and small steps that all algorithms share.

Blocks and buffers are contiguous bytes: memory views of format B. Ranks are indices into the members of the
schedule. A step reads memory when its round starts, so what a round computes it can also send.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from ..engine.schedule import Schedule

Reducer = Callable[[memoryview, memoryview], None]
"""`reducer(a, b)` makes b hold `a op b`; a is of lower ranks than b, unless the operation commutes."""

ReducerFor = Callable[[int], Reducer]
"""Gives the reducer for so many items."""

NOTHING = memoryview(bytearray())
"""Memory for messages that carry nothing."""


def fresh(nbytes: int) -> memoryview:
    """New memory."""
    return memoryview(bytearray(nbytes))


def assign(target: memoryview, source: memoryview) -> None:
    """Copy bytes."""
    target[:] = source


def copy(s: Schedule, target: memoryview, source: memoryview) -> None:
    """Add a step that copies bytes."""
    s.compute(partial(assign, target, source))


def assign_all(targets: Iterable[memoryview], sources: Iterable[memoryview]) -> None:
    """Copy several pieces of bytes."""
    for target, source in zip(targets, sources, strict=True):
        target[:] = source


def slices(view: memoryview, sizes: Sequence[int]) -> list[memoryview]:
    """Consecutive parts of a view, of these sizes in bytes."""
    parts, start = [], 0
    for size in sizes:
        parts.append(view[start : start + size])
        start += size
    return parts


def even_counts(count: int, parts: int) -> list[int]:
    """A number of items in so many parts that differ by at most one."""
    least, more = divmod(count, parts)
    return [least + (part < more) for part in range(parts)]


def power_below(size: int) -> int:
    """The greatest power of two that is not above `size`."""
    return 1 << (size.bit_length() - 1)
