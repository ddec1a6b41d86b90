"""Addresses, and memory at an address. Both need ctypes, which is slow to load: the first use imports it."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pickle import PickleBuffer
from typing import Any

GREATEST = sys.maxsize
"""Bytes of the largest view (Py_ssize_t)."""

_byte: Any = None
_everything: memoryview | None = None


def _byte_type() -> Any:
    """Return a type of one byte whose arrays have format "B"; arrays of c_ubyte have format "<B"."""
    global _byte
    if _byte is None:
        import ctypes

        class Byte(ctypes.Union):
            _fields_ = [("value", ctypes.c_ubyte)]  # ctypes wants a list

        _byte = Byte
    return _byte


@lru_cache(64)
def _bytes_type(nbytes: int) -> Any:
    return _byte_type() * nbytes


def array_at(address: int, nbytes: int, owner: object = None) -> Any:
    """Return a ctypes array of the memory at an address.

    It keeps `owner` alive; nothing checks the address.
    """
    array = _bytes_type(nbytes).from_address(address)
    array.owner = owner
    return array


def view_at(address: int, nbytes: int, readonly: bool = False, owner: object = None) -> memoryview:
    """Return a view of the memory at an address; see `array_at`."""
    view = memoryview(array_at(address, nbytes, owner))
    return view.toreadonly() if readonly else view


def everything() -> memoryview:
    """Return a view of all memory, in which a byte's index is its address: for MPI.BOTTOM."""
    global _everything
    if _everything is None:
        _everything = view_at(0, GREATEST)
    return _everything


def address_of(obj: Any) -> int:
    """Return the address of the first byte of a contiguous object with the buffer protocol."""
    import ctypes

    view = PickleBuffer(obj).raw()
    if not view.readonly and view.nbytes:
        return ctypes.addressof(ctypes.c_char.from_buffer(view))
    info = (ctypes.c_void_p * 16)()  # large enough for a Py_buffer, whose first field is the address
    get, release = ctypes.pythonapi.PyObject_GetBuffer, ctypes.pythonapi.PyBuffer_Release
    get.argtypes = (ctypes.py_object, ctypes.c_void_p, ctypes.c_int)
    release.argtypes = (ctypes.c_void_p,)
    release.restype = None
    get(view, info, 0)
    address = info[0] or 0
    release(info)
    return address


def check_reachable(address: int, nbytes: int) -> None:
    """Check that the processor can read memory that is said to be a device's, by its first and last byte.

    The kernel reads them: if this process read memory that is really on a device, it would crash.

    Raises:
        BufferError: the memory cannot be read.
    """
    if nbytes == 0:
        return
    try:
        memory = os.open("/proc/self/mem", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        raise BufferError("buffers in the memory of a device are not supported here") from None
    try:
        for place in (address, address + nbytes - 1):
            os.pread(memory, 1, place)
    except (OSError, OverflowError):
        raise BufferError("the buffer is in the memory of a device: copy it to the host's first") from None
    finally:
        os.close(memory)
