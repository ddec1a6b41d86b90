"""The memory of buffers of all kinds: by Python's buffer protocol, DLPack or the CUDA array interface."""

from __future__ import annotations

import sys
from typing import Any, NamedTuple

from .exports import raw
from .interfaces import cuda_array, dlpack

NATIVE_ORDER = "<" if sys.byteorder == "little" else ">"
"""The prefix of formats in this machine's byte order."""


class Acquired(NamedTuple):
    """Contiguous memory, and what is in it."""

    view: memoryview
    """All bytes, in one dimension, of format B."""
    format: str
    """The format of the elements, as in the buffer protocol, without a prefix for the native byte order;
    empty if the elements have no format."""
    device: int
    """DLPack's number for the kind of device; 0 for the buffer protocol."""


HOST_DEVICES = (0, 1, 3, 11, 13)
"""DLPack's numbers for memory that the processor can read: its own, pinned, and managed memory."""


def native(format: str) -> str:
    """Return a format without its prefix for the byte order.

    Raises:
        BufferError: it is of the other byte order.
    """
    order = format[:1]
    if order in ("@", NATIVE_ORDER) and len(format) > 1:
        return format[1:]
    if order in ("<", ">", "!") and len(format) > 1:
        raise BufferError(f"the elements (format {format!r}) are not in the native byte order")
    return format


def acquire(obj: Any, writable: bool, with_format: bool) -> Acquired:
    """Return the memory of a buffer.

    Args:
        obj: an object with one of the protocols.
        writable: the caller will write to the memory.
        with_format: the caller needs the format, which must be of the native byte order.

    Raises:
        TypeError: it is not a buffer.
        BufferError: it is not contiguous, or read-only and `writable`, or of the other byte order.
    """
    try:
        view = raw(obj)
    except (TypeError, ValueError, BufferError) as error:
        return _other_protocol(obj, writable, with_format, error)
    if writable and view.readonly:
        raise BufferError("the buffer is read-only")
    return Acquired(view, native(memoryview(obj).format) if with_format else "", 0)


def _other_protocol(obj: Any, writable: bool, with_format: bool, error: Exception) -> Acquired:
    """Return the memory of an object without the buffer protocol, or with elements that it cannot
    describe.
    """
    if type(obj).__module__ == "numpy":
        if isinstance(error, ValueError) and not with_format and hasattr(obj, "view"):
            return acquire(obj.view("u1"), writable, False)  # dates, which have no format in the protocol
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
