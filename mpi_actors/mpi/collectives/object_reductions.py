"""Reductions of Python objects: a rank loads payloads, combines the objects, and dumps what it sends on.

`cell.value` is the rank's object before, and the result afterwards where there is one. Operands are
combined in the order of ranks, whether or not the operation commutes. Each operand is a copy of its own,
because an operation may change and return its operands.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..engine.schedule import Box, Data, Schedule
from .objects import bcast_object, set_value
from .trees import children, parent

Combine = Callable[[Any, Any], Any]
"""The operation: `combine(a, b)`, where a is of lower ranks than b."""
Dumps = Callable[[Any], Data]
"""Makes a payload of an object."""
Loads = Callable[[Data], Any]
"""Makes an object of a payload."""


class Cell:
    """Holds a Python object."""

    __slots__ = ("value",)

    def __init__(self, value: Any = None) -> None:
        self.value = value


def reduce_objects(
    s: Schedule, rank: int, size: int, cell: Cell, combine: Combine, dumps: Dumps, loads: Loads, root: int
) -> None:
    """Combine the objects of all ranks into the root's cell. The other cells hold anything afterwards.

    The objects go up a binomial tree to rank 0, which keeps the order of ranks, and from there to the root.
    """
    reduce_to_first(s, rank, size, cell, combine, dumps, loads)
    if root == 0:
        return
    box = Box()
    if rank == 0:
        set_value(s, box, lambda: dumps(cell.value))
        s.send(root, box)
        s.fence()
    elif rank == root:
        s.recv(0, box)
        s.fence()
        set_cell(s, cell, lambda: loads(box.value))


def allreduce_objects(
    s: Schedule, rank: int, size: int, cell: Cell, combine: Combine, dumps: Dumps, loads: Loads
) -> None:
    """Combine the objects of all ranks into every cell. Rank 0 alone does it, so that all have the same."""
    reduce_to_first(s, rank, size, cell, combine, dumps, loads)
    if size > 1:
        box = Box()
        if rank == 0:
            set_value(s, box, lambda: dumps(cell.value))
        bcast_object(s, rank, size, box, 0)
        if rank:
            set_cell(s, cell, lambda: loads(box.value))


def scan_objects(
    s: Schedule, rank: int, size: int, cell: Cell, combine: Combine, dumps: Dumps, loads: Loads
) -> None:
    """Combine the objects of the ranks up to this one, itself included (see scan_recursive_doubling)."""
    set_cell(s, cell, lambda: loads(dumps(cell.value)))
    distance = 1
    while distance < size:
        came = _pass_up(s, rank, size, distance, cell, dumps)
        if came is not None:
            _combine_with(s, cell, came, combine, loads)
        distance <<= 1


def exscan_objects(
    s: Schedule, rank: int, size: int, cell: Cell, combine: Combine, dumps: Dumps, loads: Loads
) -> None:
    """Combine the objects of the ranks before this one; the result at rank 0 is None."""
    with_own = Cell()
    set_cell(s, with_own, lambda: loads(dumps(cell.value)))
    set_cell(s, cell, lambda: None)
    distance = 1
    while distance < size:
        came = _pass_up(s, rank, size, distance, with_own, dumps)
        if came is not None:
            if rank + 2 * distance < size:  # the next round sends it
                _combine_with(s, with_own, came, combine, loads)
            if distance == 1:
                _combine_with(s, cell, came, lambda came, nothing: came, loads)
            else:
                _combine_with(s, cell, came, combine, loads)
        distance <<= 1


def reduce_to_first(
    s: Schedule, rank: int, size: int, cell: Cell, combine: Combine, dumps: Dumps, loads: Loads
) -> None:
    """Combine the objects of all ranks into the cell of rank 0, up a binomial tree."""
    below = children(rank, size)
    if rank == 0 or below:
        set_cell(s, cell, lambda: loads(dumps(cell.value)))
    for child in below:
        came = Box()
        s.recv(child, came)
        s.fence()
        _combine_with(s, cell, came, lambda came, own: combine(own, came), loads)
    if rank:
        out = Box()
        set_value(s, out, lambda: dumps(cell.value))
        s.send(parent(rank), out)
        s.fence()


def _pass_up(s: Schedule, rank: int, size: int, distance: int, cell: Cell, dumps: Dumps) -> Box | None:
    """Send the cell's value `distance` ranks up; return the box for what comes from below, if anything."""
    if rank + distance < size:
        out = Box()
        set_value(s, out, lambda: dumps(cell.value))
        s.send(rank + distance, out)
    came = None
    if rank >= distance:
        came = Box()
        s.recv(rank - distance, came)
    s.fence()
    return came


def _combine_with(s: Schedule, cell: Cell, came: Box, combine: Combine, loads: Loads) -> None:
    set_cell(s, cell, lambda: combine(loads(came.value), cell.value))


def set_cell(s: Schedule, cell: Cell, value: Callable[[], Any]) -> None:
    """Add a step that puts what `value` returns into a cell."""

    def fill() -> None:
        cell.value = value()

    s.compute(fill)
