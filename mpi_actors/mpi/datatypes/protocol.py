"""The buffer protocol for classes that are written in Python.

From Python 3.12 on, a class only needs a method `__buffer__`. Before, only types written in C have the
protocol, and programs pass `MPI.buffer` objects to numpy and memoryview. So this module puts the protocol
into the type object, once, at the first use. The places are those of Python's documented structures
PyTypeObject and PyBufferProcs; the module checks what it finds there.
"""

from __future__ import annotations

import sys
from pickle import PickleBuffer
from typing import Any

WORD = 8
"""Bytes of a pointer: the offsets below hold for 64-bit machines only."""
BASICSIZE, AS_BUFFER, FLAGS = 32, 160, 168
"""Offsets in PyTypeObject with 8-byte pointers: tp_basicsize, tp_as_buffer, tp_flags."""

BUF_FORMAT, BUF_ND, BUF_STRIDES = 0x4, 0x8, 0x10 | 0x8
"""Flags of a request for a buffer: which of its fields the caller wants (PyBUF_…)."""

NATIVE = sys.version_info >= (3, 12)
"""Python itself asks `__buffer__`."""

_kept: list[Any] = []
"""What type objects point to, which must never be freed."""


def _procs(cls: type) -> Any:
    """Return the two function pointers of a type's PyBufferProcs as a writable array.

    Raises:
        NotImplementedError: the type object does not look as expected.
    """
    import ctypes

    if ctypes.sizeof(ctypes.c_void_p) != WORD or sys.implementation.name != "cpython":
        raise NotImplementedError("MPI.buffer needs CPython on a 64-bit machine, or Python 3.12")

    def word(offset: int) -> int:
        return ctypes.c_size_t.from_address(id(cls) + offset).value

    if word(BASICSIZE) != cls.__basicsize__ or word(FLAGS) != cls.__flags__ or not word(AS_BUFFER):
        raise NotImplementedError("unknown layout of type objects: use Python 3.12 or later")
    return (ctypes.c_void_p * 2).from_address(word(AS_BUFFER))


def export_second_slot(cls: type) -> None:
    """Let instances export the object in their second slot (in alphabetical order), which has the protocol.

    The function of PickleBuffer does this: it passes the request on to the object to which the second word
    after the header refers, and each slot is one word.
    """
    if not NATIVE:
        _procs(cls)[0] = _procs(PickleBuffer)[0]


def export_nothing_at(cls: type, address: int) -> None:
    """Let instances export zero bytes at an address, which belong to no object."""
    if NATIVE:
        return
    import ctypes

    class Request(ctypes.Structure):
        _fields_ = (
            ("buf", ctypes.c_void_p),
            ("obj", ctypes.c_void_p),
            ("len", ctypes.c_ssize_t),
            ("itemsize", ctypes.c_ssize_t),
            ("readonly", ctypes.c_int),
            ("ndim", ctypes.c_int),
            ("format", ctypes.c_char_p),
            ("shape", ctypes.c_void_p),
            ("strides", ctypes.c_void_p),
            ("suboffsets", ctypes.c_void_p),
            ("internal", ctypes.c_void_p),
        )

    numbers = (ctypes.c_ssize_t * 2)(0, 1)  # the shape and the strides

    def fill(_self: int, request: Any, flags: int) -> int:
        view = request.contents
        view.buf = address
        view.obj = view.suboffsets = view.internal = None
        view.len, view.itemsize, view.readonly, view.ndim = 0, 1, 0, 1
        view.format = b"B" if flags & BUF_FORMAT else None
        view.shape = ctypes.addressof(numbers) if flags & BUF_ND else None
        view.strides = ctypes.addressof(numbers) + WORD if flags & BUF_STRIDES == BUF_STRIDES else None
        return 0

    function = ctypes.PYFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(Request), ctypes.c_int)(fill)
    _kept.extend((function, numbers))
    _procs(cls)[0] = ctypes.cast(function, ctypes.c_void_p).value
