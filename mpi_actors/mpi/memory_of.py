"""Sizes, addresses and numbers of handles: what mpi4py's users in C ask for."""

from __future__ import annotations

from typing import Any

from .constants import F_STATUS_SIZE
from .status import Status

HANDLE_SIZE = 8


def _is_handle(cls: type) -> bool:
    return hasattr(cls, "fromhandle") and hasattr(cls, "handle")


def _sizeof(arg: Any) -> int:
    """The bytes that a handle or a status has in C; of an object or a class. TypeError for others."""
    cls = arg if isinstance(arg, type) else type(arg)
    if issubclass(cls, Status):
        return 4 * F_STATUS_SIZE
    if _is_handle(cls):
        return HANDLE_SIZE
    raise TypeError(f"expected an MPI object or class, got {cls.__name__}")


def _addressof(arg: Any) -> int:
    """A number that tells this object from others, not 0. There is no C memory behind it."""
    _sizeof(type(arg))
    return id(arg)


def _handleof(arg: Any) -> int:
    """The handle of an MPI object as a number; for a status its address."""
    if isinstance(arg, Status):
        return id(arg)
    _sizeof(type(arg))
    return int(arg.handle)
