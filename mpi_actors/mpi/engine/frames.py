"""What travels on a lane between two ranks' processes: a fixed header, then `length` bytes of some kinds.

Messages are numbered (`seq`), once and for all; what moves their bytes about is not, and can be said again.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import NamedTuple

from ...errors import BadFrame

HEADER = struct.Struct("<BBHiQQQ")
"""kind, note, flags, tag, context, seq, length. `note` says which collective operation a message is of."""
HEADER_SIZE = HEADER.size

DATA = 1
"""Message `seq`, whole: `length` bytes follow."""
ANNOUNCE = 2
"""Message `seq` is `length` bytes long, and waits until it is pulled: none follow."""
PULL = 3
"""Receiver: message `seq` has found its receive; send its body."""
BODY = 4
"""The body of message `seq`: `length` bytes follow."""
MATCHED = 5
"""Receiver: message `seq`, sent synchronously, has found its receive."""
DIGEST = 6
"""In place of message `seq`, which the receiver has: its digest follows, to be compared."""
CREDIT = 7
"""Receiver: `length` bytes of what was sent unasked have been taken."""
HELLO = 8
"""The first frame both ways on each lane: `StreamHello` follows."""
BYE = 9
"""The sender's program has ended (only where no daemon tells when all have)."""

WITH_PAYLOAD = frozenset({DATA, BODY, DIGEST, HELLO})

SYNC = 1
"""Flag of DATA and DIGEST: the sender waits for MATCHED."""
LARGE = 2
"""Flag of DIGEST: the message was announced, and may have to be pulled."""

MOST_BEYOND = 1_000_000
LANE_VERSION = 1

_HELLO = struct.Struct("<H8sIIQI")


class StreamHello(NamedTuple):
    """Who is at this end of a lane, and what it has of the other's messages."""

    job: bytes
    rank: int
    incarnation: int
    expected: int
    beyond: tuple[int, ...]

    def encode(self) -> bytes:
        """As a whole frame."""
        beyond = tuple(self.beyond)
        fixed = _HELLO.pack(LANE_VERSION, self.job, self.rank, self.incarnation, self.expected, len(beyond))
        body = fixed + struct.pack(f"<{len(beyond)}Q", *beyond)
        return HEADER.pack(HELLO, 0, 0, 0, 0, 0, len(body)) + body


def decode_hello(body: bytes) -> StreamHello:
    """The reverse of `StreamHello.encode`, of what follows the header.

    Raises:
        BadFrame: it is none, or of another version.
    """
    if len(body) < _HELLO.size:
        raise BadFrame(f"a greeting of {len(body)} bytes on a lane")
    version, job, rank, incarnation, expected, count = _HELLO.unpack_from(body)
    if version != LANE_VERSION:
        raise BadFrame(f"a lane of version {version}; this is {LANE_VERSION}: install the same release")
    if count > MOST_BEYOND or len(body) != _HELLO.size + 8 * count:
        raise BadFrame("a greeting on a lane whose length is wrong")
    return StreamHello(job, rank, incarnation, expected, struct.unpack_from(f"<{count}Q", body, _HELLO.size))


def control(kind: int, seq: int = 0, length: int = 0) -> bytes:
    """A frame without envelope or payload."""
    return HEADER.pack(kind, 0, 0, 0, 0, seq, length)


def hello_frame(job: bytes, rank: int, incarnation: int, expected: int, beyond: Collection[int]) -> bytes:
    """See `StreamHello`."""
    return StreamHello(job, rank, incarnation, expected, tuple(sorted(beyond))).encode()
