"""A pickle and the buffers that it leaves out (PEP 574), as one message.

A message without such buffers is the pickle itself, so that a program that sends or receives pickles as bytes
can be at the other end. A message with buffers is, in this order: MAGIC; the number of buffers, the length of
the pickle and the length of each buffer, each of 64 bits; the pickle; the buffers, each at a multiple of 16
bytes. Loaded arrays are views of the message.
"""

from __future__ import annotations

from collections.abc import Sequence
from pickle import PickleBuffer, UnpicklingError
from struct import Struct, pack, unpack_from

MAGIC = b"\xf5OOB\xf5v1\x00"
"""Begins a message with buffers. No pickle begins with this byte, nor any text in UTF-8."""

ALIGNMENT = 16
"""Bytes: each buffer begins at a multiple of this, so that arrays of any C type are aligned."""

_HEAD = Struct("<8sQQ")

Bytes = bytes | bytearray | memoryview


def frame(head: bytes, buffers: Sequence[PickleBuffer]) -> tuple[Bytes, ...]:
    """Return a pickle and its buffers as one message, in parts, so that nobody copies the buffers.

    Raises:
        BufferError: a buffer is not contiguous.
    """
    views = [buffer.raw() for buffer in buffers]
    sizes = [view.nbytes for view in views]
    begin = _HEAD.pack(MAGIC, len(views), len(head)) + pack(f"<{len(sizes)}Q", *sizes) + head
    parts: list[Bytes] = [begin + bytes(-len(begin) % ALIGNMENT)]
    for view, size in zip(views, sizes, strict=True):
        parts.append(view)
        if size % ALIGNMENT:
            parts.append(bytes(-size % ALIGNMENT))
    return tuple(parts)


def unframe(message: bytes | bytearray) -> tuple[memoryview, list[memoryview]]:
    """Return the pickle and the buffers of a message that begins with MAGIC. The buffers are writable.

    Raises:
        UnpicklingError: the message does not have the length that its head gives.
    """
    if isinstance(message, bytes):
        message = bytearray(message)
    view = memoryview(message)
    try:
        _, number, size = _HEAD.unpack_from(message)
        sizes = unpack_from(f"<{number}Q", message, _HEAD.size)
    except Exception as error:
        raise UnpicklingError(f"a message of {len(message)} bytes is cut within its head") from error
    at = _HEAD.size + 8 * number
    head = view[at : at + size]
    at += size
    buffers = []
    for length in sizes:
        at += -at % ALIGNMENT
        buffers.append(view[at : at + length])
        at += length
    if at + -at % ALIGNMENT != len(message):
        raise UnpicklingError(f"a message of {len(message)} bytes says that it has {at}")
    return head, buffers
