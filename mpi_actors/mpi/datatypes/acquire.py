"""The memory of buffers of all kinds: Python's buffer protocol, DLPack, the CUDA array interface."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

from .exports import raw
from .interfaces import cuda_array, dlpack

NATIVE_ORDER = "<" if sys.byteorder == "little" else ">"


class Acquired(NamedTuple):
    """Contiguous memory: a one-dimensional view of bytes, and what they are.

    `format` is as in the buffer protocol, without a prefix for the native byte order; empty if there is none
    for the elements. `device` is DLPack's number for the kind of device, 0 for the buffer protocol.
    """

    view: memoryview
    format: str
    device: int


HOST_DEVICES = (0, 1, 3, 11, 13)
"""DLPack's numbers of memory that the processor reaches: its own, pinned, and managed."""


def native(format: str) -> str:
    """A format without its prefix; BufferError if it is for the other byte order."""
    order = format[:1]
    if order in ("@", NATIVE_ORDER) and len(format) > 1:
        return format[1:]
    if order in ("<", ">", "!") and len(format) > 1:
        raise BufferError(f"the elements (format {format!r}) are not in the native byte order")
    return format


def acquire(obj: Any, writable: bool, with_format: bool) -> Acquired:
    """The memory of a buffer. `with_format`: it matters, and must be of the native byte order.

    Raises:
        TypeError: not a buffer.
        BufferError: not contiguous, not writable though it must be, or of the other byte order.
    """
    try:
        view = raw(obj)
    except (TypeError, ValueError, BufferError) as error:
        return _other_protocol(obj, writable, with_format, error)
    if writable and view.readonly:
        raise BufferError("the buffer is read-only")
    return Acquired(view, native(memoryview(obj).format) if with_format else "", 0)


def _other_protocol(obj: Any, writable: bool, with_format: bool, error: Exception) -> Acquired:
    """An object without the buffer protocol, or whose elements it cannot describe."""
    if type(obj).__module__ == "numpy":
        if isinstance(error, ValueError) and not with_format and hasattr(obj, "view"):
            return acquire(obj.view("u1"), writable, False)  # dates: a type that the protocol has no name for
        raise error
    from .memory import check_reachable, view_at

    if hasattr(obj, "__dlpack__") and hasattr(obj, "__dlpack_device__"):
        taken = dlpack(obj)
    elif hasattr(obj, "__cuda_array_interface__"):
        taken = cuda_array(obj, with_format)
    else:
        raise error
    address, nbytes, format, readonly, device = taken
    if writable and readonly:
        raise BufferError("the buffer is read-only")
    if device not in HOST_DEVICES:
        check_reachable(address, nbytes)
    return Acquired(view_at(address, nbytes, readonly, obj), format, device)
