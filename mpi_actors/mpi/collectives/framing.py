"""Several payloads in one message: how many there are, the length of each, and the payloads themselves.

All numbers have 8 bytes. Each payload begins at a multiple of `ALIGNMENT`.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct, pack

from ..engine.schedule import Data

Bytes = bytes | bytearray | memoryview

ALIGNMENT = 16
"""Bytes: the alignment that arrays need which are unpickled from a payload and use its memory."""

_NUMBER = Struct("<Q")


def length(payload: Data) -> int:
    """Return how many bytes a payload has."""
    return sum(map(len, payload)) if isinstance(payload, tuple) else len(payload)


def framed(payloads: Iterable[Data]) -> tuple[Bytes, ...]:
    """Return one message of several payloads, without copying them."""
    payloads = list(payloads)
    sizes = [length(payload) for payload in payloads]
    head = pack(f"<{len(sizes) + 1}Q", len(sizes), *sizes)
    parts: list[Bytes] = [head + bytes(-len(head) % ALIGNMENT)]
    for payload, size in zip(payloads, sizes, strict=True):
        parts.extend(payload) if isinstance(payload, tuple) else parts.append(payload)
        if size % ALIGNMENT:
            parts.append(bytes(-size % ALIGNMENT))
    return tuple(parts)


def unframed(message: Data) -> list[memoryview]:
    """Return the payloads of a message that `framed` made, as parts of its memory.

    Raises:
        ValueError: the lengths in the message contradict its size.
    """
    view = memoryview(b"".join(message) if isinstance(message, tuple) else message)
    if len(view) < 8:
        raise ValueError(f"a message of {len(view)} bytes is too short to have payloads")
    (number,) = _NUMBER.unpack_from(view)
    at = 8 * (number + 1)
    if at > len(view):
        raise ValueError(f"a message of {len(view)} bytes cannot have {number} payloads")
    payloads = []
    for size in view[8:at].cast("Q"):
        at += -at % ALIGNMENT
        payloads.append(view[at : at + size])
        at += size
    if at + -at % ALIGNMENT != len(view):
        raise ValueError(f"a message of {len(view)} bytes has payloads that end at byte {at}")
    return payloads
