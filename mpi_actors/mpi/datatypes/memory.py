"""Addresses and memory at an address. Both need ctypes, which is imported at the first use only."""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from pickle import PickleBuffer
from typing import Any

GREATEST = sys.maxsize
"""Bytes that a view can have at most."""

_byte: Any = None
_everything: memoryview | None = None


def _byte_type() -> Any:
    """A type of one byte whose arrays are views of format "B"; those of c_ubyte are of format "<B"."""
    global _byte
    if _byte is None:
        import ctypes

        class Byte(ctypes.Union):
            _fields_ = [("value", ctypes.c_ubyte)]  # as ctypes wants it

        _byte = Byte
    return _byte


@lru_cache(64)
def _bytes_type(nbytes: int) -> Any:
    return _byte_type() * nbytes


def array_at(address: int, nbytes: int, owner: object = None) -> Any:
    """An array of ctypes in somebody's memory. It keeps `owner` alive; nothing checks the address."""
    array = _bytes_type(nbytes).from_address(address)
    array.owner = owner
    return array


def view_at(address: int, nbytes: int, readonly: bool = False, owner: object = None) -> memoryview:
    """A view of somebody's memory, as `array_at`."""
    view = memoryview(array_at(address, nbytes, owner))
    return view.toreadonly() if readonly else view


def everything() -> memoryview:
    """A view in which the address of each byte is its index: what displacements from MPI.BOTTOM refer to."""
    global _everything
    if _everything is None:
        _everything = view_at(0, GREATEST)
    return _everything


def address_of(obj: Any) -> int:
    """The address of the first byte of a contiguous buffer, of any object with the buffer protocol."""
    import ctypes

    view = PickleBuffer(obj).raw()
    if not view.readonly and view.nbytes:
        return ctypes.addressof(ctypes.c_char.from_buffer(view))
    info = (ctypes.c_void_p * 16)()  # a Py_buffer, whose first field is the address, is at most so large
    get, release = ctypes.pythonapi.PyObject_GetBuffer, ctypes.pythonapi.PyBuffer_Release
    get.argtypes = (ctypes.py_object, ctypes.c_void_p, ctypes.c_int)
    release.argtypes = (ctypes.c_void_p,)
    release.restype = None
    get(view, info, 0)
    address = info[0] or 0
    release(info)
    return address


def check_reachable(address: int, nbytes: int) -> None:
    """BufferError unless the processor can read the first and last byte of what claims to be a device's.

    Reading it without asking would end the process if it is really on a device.
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
