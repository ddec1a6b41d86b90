"""One end of a tunnel: its number and the other's, and how far the bytes have come, both ways. Pure.

Both ends begin alike: each says its number until it hears its own from the other, and the room that it has.
Numbers only grow, so that the newer of two beginnings is known and what is left of an older one is dropped.
"""

from __future__ import annotations

import enum

from ..config import MIB
from ..errors import BadFrame
from ..wire.frame import Frame

WINDOW = 4 * MIB
"""Bytes under way in one direction of a tunnel: received, and not yet taken by the rank."""


class Opening(enum.Enum):
    """What an OPEN frame means to this end."""

    OURS = enum.auto()
    """It is of the end that we are connected with, from now on if not before."""
    STALE = enum.auto()
    """It is of an older end, or for an older one."""
    NEWER = enum.auto()
    """The other side has begun anew: this end is over."""


class Flow:
    """See the module's text.

    Args:
        mine: this end's number, larger than those of all ends before it.
    """

    def __init__(self, mine: int, window: int = WINDOW) -> None:
        self.mine = mine
        self.theirs = 0
        """The other end's number; 0 before it is known."""
        self.answered = False
        """The other end knows this one."""
        self.open_due = True
        """Our number is to be said."""
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
        """Bytes that may be sent now."""
        return self._may_send - self.sent

    @property
    def credit_due(self) -> bool:
        """Has our own room grown enough to tell?"""
        return self.theirs > 0 and self._taken + self._window - self._granted >= self._window // 4

    def grant(self) -> int:
        """The position to tell the other end that it may send up to."""
        self._granted = self._taken + self._window
        return self._granted

    def names(self, frame: Frame) -> bool:
        """Is it from the end that we are connected with, to this one?"""
        return frame.total == self.mine and frame.seq == self.theirs

    def opened(self, frame: Frame) -> Opening:
        """The other side says its number.

        Raises:
            BadFrame: it has none.
        """
        if frame.seq == 0:
            raise BadFrame("an end of a tunnel without a number")
        if frame.total not in (0, self.mine) or frame.seq < self.theirs:
            return Opening.STALE
        if frame.seq > self.theirs > 0:
            return Opening.NEWER
        self.theirs = frame.seq
        self.answered |= frame.total == self.mine
        self.open_due |= frame.ask
        self.credited(frame)
        return Opening.OURS

    def credited(self, frame: Frame) -> None:
        """The other end has room up to that position; old news are ignored."""
        self.answered |= frame.total == self.mine
        self._may_send = max(self._may_send, frame.offset)

    def arrived(self, frame: Frame) -> bool:
        """Bytes have come; False when others before them are missing, and the stream is of no use any more.

        Raises:
            BadFrame: they came without credit, or there are none.
        """
        self.answered = True
        if not frame.payload:
            raise BadFrame("a piece of a tunnel's stream without a byte")
        if frame.offset != self.received:
            return False
        if self.received + len(frame.payload) > self._granted:
            raise BadFrame(f"{len(frame.payload)} bytes by a tunnel without credit for them")
        self.received += len(frame.payload)
        return True

    def taken(self, count: int) -> None:
        """The rank has so many bytes more."""
        self._taken += count
