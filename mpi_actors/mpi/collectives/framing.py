"""Several payloads as one message: their number, the length of each, and they, at multiples of 16 bytes.

The alignment lets arrays that are unpickled from a payload use its memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from struct import Struct, pack

from ..engine.schedule import Data

Bytes = bytes | bytearray | memoryview

ALIGNMENT = 16

_NUMBER = Struct("<Q")


def length(payload: Data) -> int:
    """Bytes of a payload."""
    return sum(map(len, payload)) if isinstance(payload, tuple) else len(payload)


def framed(payloads: Iterable[Data]) -> tuple[Bytes, ...]:
    """One message of these payloads, without copying them."""
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
    """The payloads of a message, as parts of its memory.

    Raises:
        ValueError: it is not such a message.
    """
    view = memoryview(b"".join(message) if isinstance(message, tuple) else message)
    if len(view) < 8:
        raise ValueError(f"a message of {len(view)} bytes is no frame of payloads")
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
        raise ValueError(f"a message of {len(view)} bytes is said to have {at}")
    return payloads
