"""What a type checker cannot see: the class of a value, and that a property changes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from mpi_actors.events import EventBus

T = TypeVar("T")


def one(items: Iterable[object], kind: type[T]) -> T:
    """Return the only item, which must be of that class."""
    (item,) = items
    assert isinstance(item, kind)
    return item


def each(items: Iterable[object], kind: type[T]) -> list[T]:
    """Return all items, which must be of that class."""
    found = []
    for item in items:
        assert isinstance(item, kind)
        found.append(item)
    return found


def held(bus: EventBus) -> bool:
    """Whether the bus is held now. For a type checker, the property keeps the answer that it gave before."""
    return bus.held
