"""How many items, or basic elements, a number of received bytes is (MPI 4.1, section 5.1.11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..constants import UNDEFINED

if TYPE_CHECKING:
    from .datatype import Datatype
    from .definition import Definition


def count(datatype: Datatype, nbytes: int) -> int:
    """Return how many items are in `nbytes` bytes; UNDEFINED if the last one is not complete.

    Raises:
        MPI.Exception: ERR_TYPE, if the datatype is null.
    """
    items, rest = _items(datatype, nbytes)
    return UNDEFINED if rest else items


def elements(datatype: Datatype, nbytes: int) -> int:
    """Return how many basic elements are in `nbytes` bytes; UNDEFINED if the last one is not complete.

    Raises:
        MPI.Exception: ERR_TYPE, if the datatype is null.
    """
    items, rest = _items(datatype, nbytes)
    definition = datatype._require()
    total = items * definition.elements
    if rest == 0:
        return total
    partial = _partial(definition, rest)
    return UNDEFINED if partial is None else total + partial


def bytes_of(datatype: Datatype, count: int) -> int:
    """Return how many bytes `count` basic elements have, from the first of an item on: for Set_elements."""
    definition = datatype._require()
    items, rest = divmod(count, definition.elements or 1)
    return items * definition.size + _first(definition, rest)


def _items(datatype: Datatype, nbytes: int) -> tuple[int, int]:
    definition = datatype._require()
    if definition.size == 0:
        return (0, 0) if nbytes == 0 else (0, nbytes)
    return divmod(nbytes, definition.size)


def _partial(definition: Definition, nbytes: int) -> int | None:
    """Return the elements in the first bytes of one item; None if the bytes end within one."""
    total = 0
    for number, part in definition.parts:
        if nbytes == 0:
            break
        if part.size == 0:
            continue
        whole = min(number, nbytes // part.size)
        total += whole * part.elements
        nbytes -= whole * part.size
        if whole < number and nbytes:
            inner = _partial(part, nbytes)
            return None if inner is None else total + inner
    return total if nbytes == 0 else None


def _first(definition: Definition, elements: int) -> int:
    """Return the bytes of the first elements of one item."""
    total = 0
    for number, part in definition.parts:
        if elements == 0 or part.elements == 0:
            continue
        whole = min(number, elements // part.elements)
        total += whole * part.size
        elements -= whole * part.elements
        if whole < number and elements:
            return total + _first(part, elements)
    return total
