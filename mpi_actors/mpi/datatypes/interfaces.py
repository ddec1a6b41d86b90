"""Protocols of array libraries for memory that may be on a device: DLPack and the CUDA array interface.

The facts of DLPack are from its header (version 1.0) and the Python Array API standard; those of the CUDA
array interface are from the documentation of numba.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Any

DLPACK_VERSION = (1, 0)
"""The newest version of capsules that `dlpack` understands."""
CPU, CUDA = 1, 2
"""DLPack's numbers for kinds of devices."""
FOR_ANY_STREAM = -1
"""The argument `stream` that asks the producer not to wait for a stream."""
UNKNOWN = ""
"""The format of elements that have none in the buffer protocol."""

_FORMATS = """
b1=? i1=b i2=h i4=i i8=l u1=B u2=H u4=I u8=L f2=e f4=f f8=d f16=g c4=Ze c8=Zf c16=Zd c32=Zg
"""
FORMATS: dict[str, str] = dict(item.split("=") for item in _FORMATS.split())
"""Formats of the buffer protocol by numpy's type strings, without the byte order."""

DLPACK_KINDS = {0: "i", 1: "u", 2: "f", 5: "c", 6: "b"}
"""The letters of numpy's type strings by DLPack's numbers for kinds of elements."""

MANDATORY = (("data", tuple), ("typestr", str), ("shape", tuple))
OPTIONAL = (("strides", tuple), ("descr", list))
"""Keys of the CUDA array interface, and the types of their values."""

Taken = tuple[int, int, str, bool, int]
"""Memory: address, bytes, format of the elements, whether it is read-only, DLPack's number for its device."""


def contiguous(shape: Sequence[int], strides: Sequence[int], itemsize: int) -> bool:
    """Return whether elements at these strides (in bytes) fill their memory, in C or Fortran order."""
    axes = list(zip(shape, strides, strict=False))
    return _dense(axes, itemsize) or _dense(axes[::-1], itemsize)


def _dense(axes: list[tuple[int, int]], step: int) -> bool:
    for length, stride in axes:
        if length > 1 and stride != step:
            return False
        step *= length
    return True


def product(shape: Sequence[int]) -> int:
    """Return how many elements an array of a shape has."""
    total = 1
    for length in shape:
        total *= length
    return total


def dlpack(obj: Any) -> Taken:
    """Return the memory of an object with the methods `__dlpack__` and `__dlpack_device__`.

    Raises:
        TypeError: the methods return objects of wrong types.
        BufferError: the memory is not contiguous, or not supported.
    """
    from .dlpack import tensor_of

    device, number = obj.__dlpack_device__()
    if not (isinstance(device, int) and isinstance(number, int)):
        raise TypeError("dlpack: a device is two integers, its kind and its number")
    stream = {} if device == CPU else {"stream": FOR_ANY_STREAM}
    try:
        capsule = obj.__dlpack__(**stream, max_version=DLPACK_VERSION, copy=False)
        versioned = True
    except TypeError:  # the producer is older than versions
        capsule = obj.__dlpack__(**stream)
        versioned = False
    tensor = tensor_of(capsule, versioned)
    if any(length < 0 for length in tensor.shape) or any(stride < 0 for stride in tensor.strides or ()):
        raise BufferError("dlpack: a negative length or stride")
    if tensor.strides is not None and not contiguous(tensor.shape, tensor.strides, 1):
        raise BufferError("dlpack: the tensor is not contiguous")
    itemsize = (tensor.bits * tensor.lanes + 7) // 8
    kind, size = DLPACK_KINDS.get(tensor.code, ""), tensor.bits // 8
    if tensor.lanes == 2 and kind == "f" and size > 2:
        kind, size = "c", 2 * size  # the way to describe complex numbers before they had a code
    elif tensor.lanes != 1:
        kind = ""
    format = FORMATS.get(f"{kind}{size}", UNKNOWN)
    return tensor.address, product(tensor.shape) * itemsize, format, tensor.readonly, int(device)


def cuda_array(obj: Any, with_format: bool) -> Taken:
    """Return the memory of an object with the attribute `__cuda_array_interface__`.

    `with_format`: the caller needs the format, which must be of the native byte order.

    Raises:
        KeyError: a key is missing.
        TypeError: a value has the wrong type.
        BufferError: the memory is not contiguous, or not supported.
    """
    described = obj.__cuda_array_interface__
    if not isinstance(described, dict):
        raise TypeError("__cuda_array_interface__ is not a dict")
    data, typestr, shape = (_typed(described, key, kind) for key, kind in MANDATORY)
    strides, descr = (
        None if described.get(key) is None else _typed(described, key, kind) for key, kind in OPTIONAL
    )
    address, readonly = data
    nbytes = product(shape)
    itemsize = int(typestr[2:])
    if with_format and typestr[0] not in ("|", "<" if sys.byteorder == "little" else ">"):
        raise BufferError(f"__cuda_array_interface__: {typestr!r} is not of the native byte order")
    if described.get("mask") is not None:
        raise BufferError("__cuda_array_interface__: masked arrays are not supported")
    if nbytes < 0:
        raise BufferError(f"__cuda_array_interface__: a negative length in the shape {shape}")
    if strides is not None and not contiguous(shape, strides, itemsize):
        raise BufferError(f"__cuda_array_interface__: not contiguous (shape {shape}, strides {strides})")
    if descr is not None and descr != [("", typestr)]:
        warnings.warn("__cuda_array_interface__: 'descr' is ignored", RuntimeWarning, stacklevel=2)
    format = FORMATS.get(typestr[1:], UNKNOWN)
    return address or 0, nbytes * itemsize, format, bool(readonly), CUDA


def _typed(described: dict[str, Any], key: str, kind: type) -> Any:
    value = described[key]
    if not isinstance(value, kind):
        raise TypeError(f"__cuda_array_interface__: {key!r} is not a {kind.__name__}")
    return value
