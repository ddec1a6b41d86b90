"""Frames: what two daemons send each other on a data stream. Sans-I/O.

A frame is a fixed header and a payload of at most `MAX_CHUNK` bytes, so that a whole frame fills a few writes
of the size that libp2p's encryption carries best. Longer messages travel as several DATA frames. The decoder
checks lengths before it keeps anything.
"""

from __future__ import annotations

import enum
import struct

import attrs

from ..errors import BadFrame, FrameTooLarge
from ..ids import Incarnation, JobId, Rank

_LAYOUT = struct.Struct("<BBxx8sIIIIQQQI")

HEADER_SIZE = _LAYOUT.size
"""Bytes of a frame's header."""
MAX_WRITE = 65_507
"""Bytes of one write to a stream: they fill one Noise message, which measured as the fastest size."""
MAX_FRAME = 4 * MAX_WRITE
"""Bytes of the largest frame, and bytes that a writer gathers for one write. A frame costs some ten
microseconds on either side, whatever its size; larger frames would make other lanes wait for their turn."""
MAX_CHUNK = MAX_FRAME - HEADER_SIZE
"""Bytes of the largest payload."""


class FrameKind(enum.IntEnum):
    """What a frame says."""

    DATA = 1
    """A piece of message `seq`, `total` bytes long, from byte `offset` on."""
    DIGEST = 2
    """The digest of message `seq`, in place of a payload that the receiver has had: the receiver compares. In
    a report to a coordinator the first bytes of the payload follow, to be shown if it is another one."""
    RESUME = 3
    """"I have delivered your messages below `seq`, which begins at position `total`, and you may send up to
    position `offset`". The payload, 8 bytes with the lowest first, says how many of these your present
    incarnation has sent or named by their digests."""
    CREDIT = 4
    """"You may send up to position `offset`"."""
    TUNNEL_OPEN = 5
    """My end of a tunnel is number `seq`; yours is `total` (0: unknown). You may send up to position
    `offset`. The other tunnel frames name the tunnel in the same way: end `seq` of the sender, end `total`
    of the receiver."""
    TUNNEL_DATA = 6
    """Bytes of the stream, from position `offset` on."""
    TUNNEL_CREDIT = 7
    """"You may send up to position `offset`"."""
    TUNNEL_CLOSE = 8
    """The end of the stream, wherever it is."""
    CHOICES = 9
    """From a host, not from a rank: recorded choices, which this side must have before the next bytes of
    ranks (`wire.choices`). `offset` is 1 if more of them follow, which count only together. `seq` is the
    round of the coordinator's `SealChoices` that this frame answers, and 0 otherwise. With a `total`, the
    frame answers an `AskChoices`: it brings bytes of that rank's stream, from `offset` on."""


TUNNEL_KINDS = frozenset(
    {FrameKind.TUNNEL_OPEN, FrameKind.TUNNEL_DATA, FrameKind.TUNNEL_CREDIT, FrameKind.TUNNEL_CLOSE}
)
"""Frames of tunnels; endpoints send all others."""


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
    """In a RESUME: the sender asks for the receiver's own RESUME."""

    def header(self) -> bytes:
        """Return the `HEADER_SIZE` bytes that go before the payload."""
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
"""Bytes that each message takes from its lane's credit beside its payload, so that credit bounds the number
of empty messages too."""


class FrameDecoder:
    """Turns received bytes into frames, however they were cut."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Bytes of an incomplete frame; at most one frame and one read."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[Frame]:
        """Take received bytes and return the frames that they complete.

        Raises:
            FrameTooLarge: a header announces more than `MAX_CHUNK` bytes.
            BadFrame: a header has an unknown kind or unknown flags.
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
        # most reads hold whole frames: those never enter the buffer
        if buffer is self._buffer:
            del self._buffer[:at]
        else:
            self._buffer += buffer[at:]
        return frames


_KINDS = {int(kind): kind for kind in FrameKind}
