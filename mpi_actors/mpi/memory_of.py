"""Sizes, addresses and numbers of handles, which users of mpi4py in C ask for."""

from __future__ import annotations

from typing import Any

from .constants import F_STATUS_SIZE
from .status import Status

HANDLE_SIZE = 8
"""Bytes of a handle in C: as many as a pointer has, as with Open MPI."""


def _is_handle(cls: type) -> bool:
    return hasattr(cls, "fromhandle") and hasattr(cls, "handle")


def _sizeof(arg: Any) -> int:
    """Return the bytes that a handle or a status, given as object or class, has in C.

    Raises:
        TypeError: the argument is neither of these.
    """
    cls = arg if isinstance(arg, type) else type(arg)
    if issubclass(cls, Status):
        return 4 * F_STATUS_SIZE
    if _is_handle(cls):
        return HANDLE_SIZE
    raise TypeError(f"expected an MPI object or class, got {cls.__name__}")


def _addressof(arg: Any) -> int:
    """Return a number, not 0, that differs between objects. There is no memory of C behind it."""
    _sizeof(type(arg))
    return id(arg)


def _handleof(arg: Any) -> int:
    """Return the handle of an MPI object as a number; for a status its address."""
    if isinstance(arg, Status):
        return id(arg)
    _sizeof(type(arg))
    return int(arg.handle)
