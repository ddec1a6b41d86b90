"""Objects as messages: with MPI.pickle as the program has it, or as it is by default, which is faster.

By default, large parts of an object (arrays …) are sent from where they are, as out-of-band buffers of
pickle protocol 5, and loaded as views of the message that has come.
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
"""The object that MPI.pickle is at first: a program changes it in place."""

OUT_OF_BAND_FROM = 4096
"""Bytes: a smaller buffer is copied into the pickle, which is quicker."""


def dumps(obj: Any) -> Data:
    """The object as a message, which may refer to the object's memory: for calls that block."""
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
    """The object as a message that no later change of the object changes."""
    return plain_dumps(obj, 5) if _PICKLE.plain else _PICKLE.dumps(obj)


def loads(payload: Data | None) -> Any:
    """The object of a message; None of an empty one.

    Raises:
        Exception: whatever loading it raises.
    """
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
