"""The contents of a DLPack capsule, as dlpack.h defines them. Import this late: it loads ctypes."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_int32, c_int64, c_uint8, c_uint16, c_uint32, c_uint64, c_void_p
from typing import Any, NamedTuple


class _Tensor(ctypes.Structure):
    _fields_ = (
        ("data", c_void_p),
        ("device_type", c_int32),
        ("device_id", c_int32),
        ("ndim", c_int32),
        ("code", c_uint8),
        ("bits", c_uint8),
        ("lanes", c_uint16),
        ("shape", POINTER(c_int64)),
        ("strides", POINTER(c_int64)),
        ("byte_offset", c_uint64),
    )


class _Versioned(ctypes.Structure):
    _fields_ = (
        ("major", c_uint32),
        ("minor", c_uint32),
        ("manager_ctx", c_void_p),
        ("deleter", c_void_p),
        ("flags", c_uint64),
        ("tensor", _Tensor),
    )


class Tensor(NamedTuple):
    """A tensor, whose elements have `bits * lanes` bits."""

    address: int
    code: int
    """DLPack's number for the kind of element."""
    bits: int
    lanes: int
    shape: list[int]
    strides: list[int] | None
    """In elements; None: C order."""
    readonly: bool


_VERSION = 1
"""The first major version of versioned capsules."""
_READ_ONLY = 1
"""The flag of a tensor that must not be written to."""

_get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_get_pointer.restype = c_void_p
_get_pointer.argtypes = (ctypes.py_object, ctypes.c_char_p)
_is_valid = ctypes.pythonapi.PyCapsule_IsValid
_is_valid.restype = ctypes.c_int
_is_valid.argtypes = (ctypes.py_object, ctypes.c_char_p)


def tensor_of(capsule: Any, versioned: bool) -> Tensor:
    """Return the tensor in a capsule, whose producer still owns it.

    Raises:
        BufferError: the object is not a capsule, was used before, or is of an unknown version.
    """
    name = b"dltensor_versioned" if versioned else b"dltensor"
    if not _is_valid(capsule, name):
        raise BufferError("dlpack: __dlpack__ returned something that is not a capsule, or was used before")
    pointer = _get_pointer(capsule, name)
    readonly = False
    if versioned:
        managed = _Versioned.from_address(pointer)
        if managed.major < _VERSION:
            raise BufferError(f"dlpack: a versioned capsule of version {managed.major}.{managed.minor}")
        readonly = bool(managed.flags & _READ_ONLY)
        tensor = managed.tensor
    else:
        tensor = _Tensor.from_address(pointer)
    ndim = tensor.ndim
    if ndim < 0 or (ndim > 0 and not tensor.shape):
        raise BufferError("dlpack: the tensor has no shape")
    return Tensor(
        (tensor.data or 0) + tensor.byte_offset,
        tensor.code,
        tensor.bits,
        tensor.lanes,
        tensor.shape[:ndim] if ndim else [],
        tensor.strides[:ndim] if ndim and tensor.strides else None,
        readonly,
    )
