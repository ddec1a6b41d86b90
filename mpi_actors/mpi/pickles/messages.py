"""Objects as messages, by `MPI.pickle`; there is a faster way while the program has not changed that.

In the faster way, large parts of an object (arrays …) are out-of-band buffers of pickle protocol 5: the
sender sends them from where they are, and the receiver loads them as views of the message.
"""

from __future__ import annotations

from pickle import PickleBuffer
from pickle import dumps as plain_dumps
from pickle import loads as plain_loads
from typing import TYPE_CHECKING, Any

from .outofband import MAGIC, frame, unframe
from .pickle import pickle

if TYPE_CHECKING:
    from ..engine import Data

_PICKLE = pickle
"""The object that `MPI.pickle` is at first. A program changes its attributes."""

OUT_OF_BAND_FROM = 4096
"""Bytes of the smallest buffer that is sent beside the pickle: copying a smaller one into it is quicker."""


def dumps(obj: Any) -> Data:
    """Return an object as a message that may refer to the object's memory: for calls that block."""
    if not _PICKLE.plain:
        return _PICKLE.dumps(obj)
    buffers: list[PickleBuffer] = []

    def keep(item: PickleBuffer) -> bool:
        if item.raw().nbytes < OUT_OF_BAND_FROM:
            return True
        buffers.append(item)
        return False

    head = plain_dumps(obj, 5, buffer_callback=keep)
    return frame(head, buffers) if buffers else head


def dumps_bytes(obj: Any) -> bytes:
    """Return an object as a message of its own: later changes of the object do not change the message."""
    return plain_dumps(obj, 5) if _PICKLE.plain else _PICKLE.dumps(obj)


def loads(payload: Data | None) -> Any:
    """Return the object of a message; None for an empty message. Errors of unpickling pass through."""
    if payload and payload[0] != MAGIC[0] and _PICKLE.plain and not isinstance(payload, tuple):
        return plain_loads(payload)
    if isinstance(payload, tuple):
        payload = bytearray().join(payload)
    elif isinstance(payload, memoryview):
        payload = bytearray(payload)
    if not payload:
        return None
    if payload.startswith(MAGIC):
        head, buffers = unframe(payload)
        return plain_loads(head, buffers=buffers)
    return plain_loads(payload) if _PICKLE.plain else _PICKLE.loads(payload)
