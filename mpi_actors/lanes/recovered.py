"""What earlier incarnations of a rank chose, on its way to the host of the next one, if that is much."""

from __future__ import annotations

import attrs
import trio

from ..actors import Bell
from ..errors import BadFrame
from ..ids import Incarnation, JobId, Rank
from ..net.link import Link
from ..replay.page import MOST
from ..wire.frame import Frame, FrameKind


@attrs.define(eq=False)
class Delivery:
    """Frames for the host of a new incarnation, until it has the whole stream."""

    job: JobId
    rank: Rank
    incarnation: Incarnation
    stream: bytes
    at: int
    """The position of the next byte to send."""

    def next_frame(self, link: Link, most: int) -> Frame | None:
        """See `FrameSource`."""
        piece = self.stream[self.at : self.at + most]
        if not piece:
            return None
        position, self.at = self.at, self.at + len(piece)
        return Frame(
            FrameKind.CHOICES, self.job, self.rank, self.rank, self.incarnation, self.incarnation,
            offset=position, total=len(self.stream), payload=piece,
        )  # fmt: skip


class Recovered:
    """The streams that come to this host for its new incarnations."""

    def __init__(self) -> None:
        self._coming: dict[tuple[Rank, Incarnation], bytearray] = {}
        self._bell = Bell()

    def expect(self, rank: Rank, incarnation: Incarnation, begin: bytes) -> None:
        """Take the stream of that incarnation, which begins so."""
        self._coming[rank, incarnation] = bytearray(begin)

    def receive(self, frame: Frame) -> None:
        """Take a frame of a `Delivery`; one that nobody expects is dropped.

        Raises:
            BadFrame: it does not go on where the last one ended, or goes too far.
        """
        data = self._coming.get((frame.src, frame.src_incarnation))
        if data is not None:
            if frame.offset != len(data) or frame.offset + len(frame.payload) > min(frame.total, MOST):
                raise BadFrame(f"byte {frame.offset} of recovered choices came after byte {len(data)}")
            data += frame.payload
            self._bell.ring()

    async def wait(self, rank: Rank, incarnation: Incarnation, size: int) -> bytes:
        """Wait until that many bytes are here, and return them."""
        try:
            while len(self._coming[rank, incarnation]) < size:
                await self._bell.wait()
            await trio.lowlevel.checkpoint()
            return bytes(self._coming[rank, incarnation])
        finally:
            del self._coming[rank, incarnation]
