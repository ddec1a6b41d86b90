"""The state of one end of a tunnel: both ends' numbers, and how far the bytes have come, both ways. Pure.

Both ends begin alike: each sends its number, and the room that it has, until the other end repeats that
number. Numbers only grow. So the newer of two beginnings is known, and frames of an older one are dropped.
"""

from __future__ import annotations

import enum

from ..config import MIB
from ..errors import BadFrame
from ..wire.frame import Frame

WINDOW = 4 * MIB
"""Bytes under way in one direction of a tunnel, which the daemon of a rank that does not read must keep:
enough to keep a fast link busy, and little beside the memory of a daemon with many tunnels."""


class Opening(enum.Enum):
    """What an OPEN frame means for this end."""

    OURS = enum.auto()
    """The frame is from the end that this one is connected with, now if not before."""
    STALE = enum.auto()
    """The frame is from an older end, or for an older one."""
    NEWER = enum.auto()
    """The other side has a new end: this end is over."""


class Flow:
    """See the module's text.

    Args:
        mine: this end's number, larger than the number of each end before it.
        window: bytes that the other end may send before the rank takes them.
    """

    def __init__(self, mine: int, window: int = WINDOW) -> None:
        self.mine = mine
        self.theirs = 0
        """The other end's number; 0 while it is not known."""
        self.answered = False
        """Whether the other end knows this one's number."""
        self.open_due = True
        """Whether an OPEN frame with this end's number must be sent."""
        self.sent = 0
        """Bytes sent so far."""
        self.received = 0
        """Bytes received so far."""
        self._window = window
        self._may_send = 0
        self._taken = 0
        self._granted = 0

    @property
    def room(self) -> int:
        """The number of bytes that may be sent now."""
        return self._may_send - self.sent

    @property
    def credit_due(self) -> bool:
        """Whether this end's room has grown enough to tell the other end."""
        return self.theirs > 0 and self._taken + self._window - self._granted >= self._window // 4

    def grant(self) -> int:
        """Return the position up to which the other end may send; it must be sent now."""
        self._granted = self._taken + self._window
        return self._granted

    def names(self, frame: Frame) -> bool:
        """Return whether the frame is from the end that this one is connected with, and for this one."""
        return frame.total == self.mine and frame.seq == self.theirs

    def on_open(self, frame: Frame) -> Opening:
        """Take an OPEN frame, which has the other side's number; return what the frame means.

        Raises:
            BadFrame: the frame has no number.
        """
        if frame.seq == 0:
            raise BadFrame("the OPEN frame of a tunnel has no number")
        if frame.total not in (0, self.mine) or frame.seq < self.theirs:
            return Opening.STALE
        if frame.seq > self.theirs > 0:
            return Opening.NEWER
        self.theirs = frame.seq
        self.answered |= frame.total == self.mine
        self.open_due |= frame.ask
        self.on_credit(frame)
        return Opening.OURS

    def on_credit(self, frame: Frame) -> None:
        """Take the position up to which the other end has room; a position before the last one is ignored."""
        self.answered |= frame.total == self.mine
        self._may_send = max(self._may_send, frame.offset)

    def on_data(self, frame: Frame) -> bool:
        """Take a frame with bytes; return False if bytes before them are missing: the stream is broken then.

        Raises:
            BadFrame: the frame has no bytes, or exceeds the credit.
        """
        self.answered = True
        if not frame.payload:
            raise BadFrame("a DATA frame of a tunnel has no byte")
        if frame.offset != self.received:
            return False
        if self.received + len(frame.payload) > self._granted:
            raise BadFrame(f"{len(frame.payload)} bytes came by a tunnel without credit for them")
        self.received += len(frame.payload)
        return True

    def on_taken(self, count: int) -> None:
        """The rank has taken `count` more bytes."""
        self._taken += count
