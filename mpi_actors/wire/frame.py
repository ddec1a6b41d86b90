"""Frames: what travels on a data stream, one lane's news at a time.

A frame is a fixed header and a payload of at most `MAX_CHUNK` bytes, so that a whole frame fills a few writes
of the size that libp2p's encryption carries best. Longer messages travel as several DATA frames. Lengths are
checked before anything is kept.
"""

from __future__ import annotations

import enum
import struct

import attrs

from ..errors import BadFrame, FrameTooLarge
from ..ids import Incarnation, JobId, Rank

_LAYOUT = struct.Struct("<BBxx8sIIIIQQQI")

HEADER_SIZE = _LAYOUT.size
MAX_WRITE = 65_507
"""Bytes of one write to a stream: what fits one noise message, measured to be the fastest size."""
MAX_FRAME = 4 * MAX_WRITE
"""Bytes of the largest frame, and of what is gathered to be written at once. A frame costs some ten
microseconds on either side, whatever its size; larger ones would make others wait for their turn."""
MAX_CHUNK = MAX_FRAME - HEADER_SIZE


class FrameKind(enum.IntEnum):
    """What a frame says."""

    DATA = 1
    """A piece of message `seq`, `total` bytes long, from byte `offset` on."""
    DIGEST = 2
    """In place of message `seq`, which the receiver has: its digest, to be compared."""
    RESUME = 3
    """"I have delivered your messages below `seq`, which begins at position `total`, and you may send up to
    position `offset`"."""
    CREDIT = 4
    """"You may send up to position `offset`"."""
    TUNNEL_OPEN = 5
    """My end of a tunnel is number `seq`; yours is `total` (0: I do not know). You may send up to position
    `offset`. What follows concerns the tunnel between end `seq` of the sender and end `total` of the
    receiver."""
    TUNNEL_DATA = 6
    """Bytes of the stream, from position `offset` on."""
    TUNNEL_CREDIT = 7
    """"You may send up to position `offset`"."""
    TUNNEL_CLOSE = 8
    """The end of the stream, wherever it is."""


TUNNEL_KINDS = frozenset(
    {FrameKind.TUNNEL_OPEN, FrameKind.TUNNEL_DATA, FrameKind.TUNNEL_CREDIT, FrameKind.TUNNEL_CLOSE}
)
"""What tunnels say; all else is said by endpoints."""


@attrs.frozen
class Frame:
    """One frame from a rank's incarnation to another's.

    Positions count payload bytes since a lane's beginning, plus `MESSAGE_COST` for each message.
    """

    kind: FrameKind
    job: JobId
    src: Rank
    dst: Rank
    src_incarnation: Incarnation
    dst_incarnation: Incarnation
    seq: int = 0
    offset: int = 0
    total: int = 0
    payload: bytes | memoryview = b""
    ask: bool = False
    """RESUME only: the sender wants the receiver's own RESUME in return."""

    def header(self) -> bytes:
        """The `HEADER_SIZE` bytes that go before the payload."""
        return _LAYOUT.pack(
            self.kind,
            1 if self.ask else 0,
            bytes.fromhex(self.job),
            self.src,
            self.dst,
            self.src_incarnation,
            self.dst_incarnation,
            self.seq,
            self.offset,
            self.total,
            len(self.payload),
        )


MESSAGE_COST = 64
"""What a message counts against its lane's credit beyond its bytes, so that empty ones are bounded too."""


class FrameDecoder:
    """Turns received bytes into frames, however they were cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Bytes received that are not yet a whole frame; bounded by one frame and one read."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """Take received bytes, return the frames that they complete.

        Raises:
            FrameTooLarge: a header announces more than `MAX_CHUNK` bytes.
            BadFrame: a header is none of ours.
        """
        buffer: bytes | bytearray = data
        if self._buffer:
            self._buffer += data
            buffer = self._buffer
        frames: list[Frame] = []
        at = 0
        with memoryview(buffer) as view:
            while len(buffer) - at >= HEADER_SIZE:
                (kind, flags, job, src, dst, src_inc, dst_inc, seq, offset, total, length) = (
                    _LAYOUT.unpack_from(buffer, at)
                )
                if length > MAX_CHUNK:
                    raise FrameTooLarge(f"a frame of {length} bytes; the limit is {MAX_CHUNK}")
                if kind not in _KINDS or flags > 1:
                    raise BadFrame(f"a frame of unknown kind {kind} or flags {flags:#x}")
                end = at + HEADER_SIZE + length
                if end > len(buffer):
                    break
                payload = bytes(view[at + HEADER_SIZE : end])
                frames.append(
                    Frame(
                        _KINDS[kind], JobId(job.hex()), src, dst, src_inc, dst_inc,
                        seq, offset, total, payload, bool(flags),
                    )
                )  # fmt: skip
                at = end
        # most reads hold whole frames, which are cut out of them without another copy
        if buffer is self._buffer:
            del self._buffer[:at]
        else:
            self._buffer += buffer[at:]
        return frames


_KINDS = {int(kind): kind for kind in FrameKind}
