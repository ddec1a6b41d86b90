"""The sending half of a lane: numbers messages, sends what the receiver lacks, proves what it has."""

from __future__ import annotations

import attrs

from ..wire.frame import MESSAGE_COST
from .log import SendLog, Stored
from .sequence import SentNumbers, digest


@attrs.frozen
class Piece:
    """The next thing to send of a lane's messages."""

    seq: int
    offset: int
    total: int
    payload: bytes | memoryview
    is_digest: bool = False


class Outgoing(SentNumbers):
    """Messages from this incarnation to one other rank.

    Nothing is sent before the receiver has said where to go on (`resume`). Messages below `known` are ones
    that the receiver has had from an earlier incarnation of this rank: only their digests are sent.
    """

    def __init__(self, log: SendLog) -> None:
        super().__init__()
        self._log = log
        self._stored: list[Stored] = []
        self._starts: list[int] = [0]
        self._cursor = 0
        self._offset = 0
        self._sent = 0
        self._reading: tuple[int, bytes | memoryview] | None = None
        self._known_at = 0
        self.credit = 0
        """The position up to which the receiver has room, by its own count."""

    @property
    def count(self) -> int:
        """Messages appended so far."""
        return len(self._stored)

    @property
    def unsent(self) -> int:
        """Messages appended and not yet wholly sent to the receiver's present incarnation."""
        return len(self._stored) - self._cursor

    @property
    def missing(self) -> int:
        """Messages that the receiver has had from an earlier incarnation and this one has not sent again."""
        return self.missing_from(len(self._stored))

    def append(self, payload: bytes) -> None:
        """Number a message and keep it.

        Raises:
            SendLogFull: the log's limit is reached.
        """
        self._stored.append(self._log.add(payload))
        self._starts.append(self._starts[-1] + len(payload) + MESSAGE_COST)

    def forget(self) -> None:
        """The receiver is a new one: it has had nothing."""
        super().forget()
        self._known_at = self.credit = 0

    def resume(self, delivered: int, credit: int, position: int) -> None:
        """The receiver has delivered the messages below `delivered` and has room up to position `credit`.

        `position` is where message `delivered` begins by the receiver's count. Ours may differ: an earlier
        incarnation may have logged longer lines. News that come late, by a slower path, take nothing back.
        """
        if self.resumed(delivered):
            self._known_at = position
        self.credit = max(self.credit, credit)
        self._cursor = min(self.known, self._sent)
        self._offset = 0

    def grant(self, credit: int) -> None:
        """The receiver has room up to position `credit`; old news are ignored."""
        self.credit = max(self.credit, credit)

    @property
    def ready(self) -> bool:
        """Is there something that may be sent now?"""
        if not self.open or self._cursor >= len(self._stored):
            return False
        if self._cursor < self.known:
            return True
        beyond = self._starts[self._cursor] + self._offset - self._starts[self.known]
        return self._known_at + beyond < self.credit

    def next_piece(self, most: int) -> Piece | None:
        """The next piece of at most `most` bytes to send, or None when there is nothing to send now."""
        if not self.ready:
            return None
        seq = self._cursor
        payload = self._payload(seq)
        if seq < self.known:
            self._advance(seq)
            return Piece(seq, 0, len(payload), digest(payload), is_digest=True)
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
        self._sent = max(self._sent, self._cursor)
        self._reading = None

    def _payload(self, seq: int) -> bytes | memoryview:
        # a large spilled message is sent in many pieces: read it once
        if self._reading is None or self._reading[0] != seq:
            self._reading = (seq, self._log.read(self._stored[seq]))
        return self._reading[1]
