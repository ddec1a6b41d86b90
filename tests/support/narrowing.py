"""One value of a union, as the class that a test expects."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

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
