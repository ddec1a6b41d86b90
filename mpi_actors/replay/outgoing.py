"""The sending half of a lane: it numbers messages, and sends those that the receiver lacks.

Of messages that the receiver has from an earlier incarnation, it sends the digests.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from ..wire.frame import MESSAGE_COST
from .log import SendLog, Stored
from .sequence import SentNumbers, digest


@attrs.frozen
class Piece:
    """What to send next: a piece of a message, or a digest of a whole one."""

    seq: int
    """The message's number."""
    offset: int
    """Where in the message the piece begins, in bytes."""
    total: int
    """Bytes of the whole message."""
    payload: bytes | memoryview
    """The piece, or the digest."""
    is_digest: bool = False
    """The payload is the digest of the whole message, and the message's beginning if that is wanted."""


class Outgoing(SentNumbers):
    """Messages from this incarnation to one other rank.

    Nothing is sent before the receiver has said what it has (`on_resume`). Of messages below `known`, which
    the receiver has from an earlier incarnation of this rank, only digests are sent.

    Positions count the bytes of a rank's messages from the first one, with `MESSAGE_COST` for each.

    Args:
        log: keeps the messages.
        beginning: bytes of a message that go with its digest, for people who are to see both messages.
    """

    def __init__(self, log: SendLog, beginning: int = 0) -> None:
        super().__init__()
        self._log = log
        self._beginning = beginning
        self._stored: list[Stored] = []
        """The messages, as the log keeps them, by number."""
        self._starts: list[int] = [0]
        """The position at which each message begins, and at which the next one will."""
        self._cursor = 0
        """The message to send next …"""
        self._offset = 0
        """… and how many of its bytes are sent."""
        self._reading: tuple[int, bytes | memoryview] | None = None
        """A message that is being sent, and its payload."""
        self._confirmed = 0
        """Of what the receiver has, it has compared the messages below this number with what is sent here."""
        self._known_at = 0
        """The position at which message `known` begins, by the receiver's count."""
        self.credit = 0
        """The position up to which the receiver has room, by the receiver's count."""
        self.on_progress: Callable[[], None] | None = None
        """Called whenever `backlog` has become less."""

    @property
    def count(self) -> int:
        """How many messages were appended."""
        return len(self._stored)

    @property
    def unsent(self) -> int:
        """How many of them are not wholly sent to the receiver's present incarnation."""
        return len(self._stored) - self._cursor

    @property
    def backlog(self) -> int:
        """Bytes of messages that are not wholly sent, with `MESSAGE_COST` for each."""
        return self._starts[-1] - self._starts[self._cursor]

    @property
    def missing(self) -> int:
        """How many messages the receiver has from an earlier incarnation that this one has not appended."""
        return self.missing_from(len(self._stored))

    @property
    def compared(self) -> bool:
        """Whether the receiver has said that it has compared all that it has of earlier incarnations."""
        return self.open and self._confirmed >= self.known

    @property
    def told(self) -> bool:
        """Whether the digests of all that are sent."""
        return self.open and self._cursor >= self.known

    def append(self, payload: bytes) -> None:
        """Number a message and log it.

        Raises:
            SendLogFull: a limit of the log is reached.
        """
        self._stored.append(self._log.add(payload))
        self._starts.append(self._starts[-1] + len(payload) + MESSAGE_COST)

    def forget(self) -> None:
        """Begin anew: the receiver is a new incarnation and has nothing."""
        super().forget()
        self._confirmed = self._known_at = self.credit = 0

    def on_resume(self, delivered: int, credit: int, position: int, confirmed: int = 0) -> None:
        """The receiver says what it has: go on from there. A late message never lowers what is known.

        Args:
            delivered: it has delivered the messages below this number.
            credit: the position up to which it has room.
            position: where message `delivered` begins by its count. The count here may differ: an earlier
                incarnation may have sent longer lines.
            confirmed: of those, it has compared the messages below this number with what is sent here.
        """
        if self.reopen(delivered):
            self._known_at = position
        self._confirmed = max(self._confirmed, confirmed)
        self.credit = max(self.credit, credit)
        self._cursor = min(self.known, confirmed, len(self._stored))
        self._offset = 0
        if self.on_progress is not None:
            self.on_progress()

    def on_credit(self, credit: int) -> None:
        """The receiver has room up to position `credit`. A word that comes late takes nothing back."""
        self.credit = max(self.credit, credit)

    @property
    def ready(self) -> bool:
        """Whether something may be sent now."""
        if not self.open or self._cursor >= len(self._stored):
            return False
        if self._cursor < self.known:
            return True
        beyond = self._starts[self._cursor] + self._offset - self._starts[self.known]
        return self._known_at + beyond < self.credit

    def next_piece(self, most: int) -> Piece | None:
        """Return what to send next, at most `most` bytes of a message, or None if nothing may be sent now."""
        if not self.ready:
            return None
        seq = self._cursor
        payload = self._payload(seq)
        if seq < self.known:
            self._advance(seq)
            mark = digest(payload) + bytes(payload[: self._beginning])
            return Piece(seq, 0, len(payload), mark, is_digest=True)
        offset = self._offset
        end = min(offset + most, len(payload))
        self._offset = end
        if end == len(payload):
            self._advance(seq)
        part = payload if offset == 0 and end == len(payload) else memoryview(payload)[offset:end]
        return Piece(seq, offset, len(payload), part)

    def _advance(self, seq: int) -> None:
        self._cursor = seq + 1
        self._offset = 0
        self._reading = None
        if self.on_progress is not None:
            self.on_progress()

    def _payload(self, seq: int) -> bytes | memoryview:
        # a large message is sent in many pieces: read it from the spill file once
        if self._reading is None or self._reading[0] != seq:
            self._reading = (seq, self._log.read(self._stored[seq]))
        return self._reading[1]
