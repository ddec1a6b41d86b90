"""The numbers of control messages on the wire. Sans-I/O."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

_T = TypeVar("_T", bound=type)

REGISTRY: dict[int, type] = {}
"""Message classes by their number on the wire."""


def numbered(number: int) -> Callable[[_T], _T]:
    """Give a class of messages its number, which is never used again."""

    def register(cls: _T) -> _T:
        if number in REGISTRY:
            raise ValueError(f"{cls.__name__} and {REGISTRY[number].__name__} both claim number {number}")
        REGISTRY[number] = cls
        return cls

    return register
