"""The frames on a lane between two ranks' processes: a fixed header, then `length` bytes for some kinds.

A message keeps its number (`seq`) for ever. The other frames have none of their own and may be sent again.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import NamedTuple

from ...errors import BadFrame

HEADER = struct.Struct("<BBHiQQQ")
"""kind, note, flags, tag, context, seq, length. `note`: the kind of the collective
operation that a message belongs to; 0 for a point-to-point message."""
HEADER_SIZE = HEADER.size

DATA = 1
"""Message `seq`, all of it: `length` bytes follow."""
ANNOUNCE = 2
"""Message `seq` has `length` bytes, and waits at its sender until it is pulled. Nothing follows."""
PULL = 3
"""From the receiver: a receive has matched message `seq`; send its body."""
BODY = 4
"""The body of message `seq`, which was announced: `length` bytes follow."""
MATCHED = 5
"""From the receiver: a receive has matched message `seq`, which was sent synchronously and is here."""
DIGEST = 6
"""In place of message `seq`, which the receiver has: its mark and size (`MARK`) follow, for comparison."""
CREDIT = 7
"""From the receiver: receives have taken `length` bytes of what was sent unasked."""
HELLO = 8
"""The first frame in each direction on each lane: a `StreamHello` follows."""
BYE = 9
"""The sender's program has ended. Sent only where no daemon says when the job is over."""
CHECK = 10
"""From a new incarnation whose program has ended: say when all before this has been compared. `length`:
messages of non-blocking collective operations that are still to come."""
CHECKED = 11
"""The answer to CHECK: all before it was read, and is what it was before."""

WITH_PAYLOAD = frozenset({DATA, BODY, DIGEST, HELLO})
"""The kinds of which `length` bytes follow the header."""

SYNC = 1
"""Flag of DATA, ANNOUNCE, BODY and DIGEST: the send is synchronous. Its sender waits for MATCHED."""
AHEAD = 2
"""Flag of DATA and ANNOUNCE: a message with a lower number leaves later, when its operation is there."""

MARK = struct.Struct("<16sQ")
"""What a DIGEST says of a message beside the envelope in its header: mark (see `marks`), size in bytes."""

HAD = 4
"""Flag of DATA and ANNOUNCE: a receive of an earlier incarnation has matched this message, and its sender,
which has sent it synchronously, knows that. So a receive has to match it again."""

MOST_BEYOND = 1_000_000
"""Message numbers that a greeting lists at the most (8 bytes each): far more than messages are under way."""
LANE_VERSION = 2
"""The version of this format: both ends of a lane must have the same."""

_HELLO = struct.Struct("<H8sIIQI")
"""version, job, rank, incarnation, expected, length of `beyond`."""


class StreamHello(NamedTuple):
    """Who is at this end of a lane, and which messages of the other end it has."""

    job: bytes
    rank: int
    incarnation: int
    expected: int
    """All messages below this number are here …"""
    beyond: tuple[int, ...]
    """… and those with these numbers."""

    def encode(self) -> bytes:
        """Return the greeting as a whole frame."""
        beyond = tuple(self.beyond)
        fixed = _HELLO.pack(LANE_VERSION, self.job, self.rank, self.incarnation, self.expected, len(beyond))
        body = fixed + struct.pack(f"<{len(beyond)}Q", *beyond)
        return HEADER.pack(HELLO, 0, 0, 0, 0, 0, len(body)) + body


def decode_hello(body: bytes) -> StreamHello:
    """Decode the bytes that follow a HELLO header.

    Raises:
        BadFrame: they are not a greeting, or one of another version.
    """
    if len(body) < _HELLO.size:
        raise BadFrame(f"a greeting on a lane has only {len(body)} bytes")
    version, job, rank, incarnation, expected, count = _HELLO.unpack_from(body)
    if version != LANE_VERSION:
        raise BadFrame(
            f"the other end of a lane has version {version}, not {LANE_VERSION}: install the same release"
        )
    if count > MOST_BEYOND or len(body) != _HELLO.size + 8 * count:
        raise BadFrame("a greeting on a lane has the wrong length")
    return StreamHello(job, rank, incarnation, expected, struct.unpack_from(f"<{count}Q", body, _HELLO.size))


def control(kind: int, seq: int = 0, length: int = 0) -> bytes:
    """Return a frame that has neither an envelope nor a payload."""
    return HEADER.pack(kind, 0, 0, 0, 0, seq, length)


def hello_frame(job: bytes, rank: int, incarnation: int, expected: int, beyond: Collection[int]) -> bytes:
    """Return a greeting as a frame; see `StreamHello`."""
    return StreamHello(job, rank, incarnation, expected, tuple(sorted(beyond))).encode()
