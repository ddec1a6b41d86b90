"""The receiving half of a lane: it delivers each message once, in order, and compares repeats."""

from __future__ import annotations

import enum
from collections import deque

from ..config import LaneLimits
from ..errors import BadFrame
from ..wire.frame import MESSAGE_COST
from .sequence import DIGEST_SIZE, ReceivedNumbers, digest


class Verdict(enum.Enum):
    """What became of a received frame."""

    DELIVERED = enum.auto()
    """The frame completed a message, which can be taken now."""
    PARTIAL = enum.auto()
    """The frame had the next piece of an unfinished message."""
    CONFIRMED = enum.auto()
    """The sender's new incarnation sent a message that was delivered before, or its digest."""
    REPEAT = enum.auto()
    """The frame had nothing new, and was dropped."""
    GAP = enum.auto()
    """A frame before this one is missing (the path changed): the sender has to go on from `expected`."""


class Incoming(ReceivedNumbers):
    """Messages from one other rank to this incarnation.

    Args:
        limits: the largest message, and the window of bytes that may be under way.
        compare: whether a message that comes again must equal the one that was delivered.
    """

    def __init__(self, limits: LaneLimits | None = None, *, compare: bool = True) -> None:
        super().__init__(compare=compare)
        self._limits = limits or LaneLimits()
        self._queue: deque[bytes] = deque()
        """Delivered messages that the program has not taken."""
        self._parts: list[bytes | memoryview] = []
        """The pieces of the unfinished message …"""
        self._have = 0
        """… their bytes …"""
        self._total = 0
        """… and the bytes of the whole message."""
        self._consumed = 0
        """The position up to which the program has taken messages."""
        self._granted = 0
        """The credit that the sender was granted last."""
        self._most_granted = 0
        """The highest credit ever granted."""
        self.confirmed = 0
        """The sender's present incarnation has sent the messages below this number, or their digests."""
        self.position = 0
        """The position at which message `expected` begins: bytes of the messages before, with their cost."""

    @property
    def queued(self) -> int:
        """How many messages are delivered and not taken."""
        return len(self._queue)

    @property
    def credit(self) -> int:
        """The position up to which the sender may send.

        That is a window beyond what the program has taken, and at least room for the whole next message.
        """
        head = len(self._queue[0]) if self._queue else self._total
        return self._consumed + max(self._limits.window, head + MESSAGE_COST)

    @property
    def credit_due(self) -> bool:
        """Whether to grant credit now: the room has grown much, or the sender may be waiting for more."""
        growth = self.credit - self._granted
        if growth * 2 >= self._limits.window:
            return True
        room = self._granted - (self._consumed + self._have)
        return growth > 0 and not self._queue and room * 2 < self._limits.window

    def grant(self) -> int:
        """Grant the present credit, and return it."""
        self._granted = self.credit
        self._most_granted = max(self._most_granted, self._granted)
        return self._granted

    def take(self) -> bytes | None:
        """Return the next delivered message, or None if there is none."""
        if not self._queue:
            return None
        payload = self._queue.popleft()
        self._consumed += len(payload) + MESSAGE_COST
        return payload

    def waiting(self, seq: int) -> bytes | None:
        """Return a delivered message that was not taken; None if it was taken, or has not come."""
        at = seq - (self.expected - len(self._queue))
        return self._queue[at] if 0 <= at < len(self._queue) else None

    def drop_partial(self) -> None:
        """Drop an unfinished message: the sender sends it again from its beginning."""
        self._parts.clear()
        self._have = self._total = 0

    def on_data(self, seq: int, offset: int, total: int, payload: bytes | memoryview) -> Verdict:
        """A piece of a message has arrived.

        Args:
            seq: the message's number.
            offset: where in the message the piece begins, in bytes.
            total: the bytes of the whole message.
            payload: the piece.

        Raises:
            BadFrame: it contradicts itself or what came before, or exceeds the message limit or the credit.
        """
        if seq < self.expected:
            return Verdict.REPEAT
        if seq > self.expected or self.confirmed < self.expected:
            return Verdict.GAP
        if self.position + offset >= self._most_granted:
            raise BadFrame(f"message {seq} was sent without credit for it")
        if total > self._limits.message:
            raise BadFrame(f"a message of {total} bytes; the limit is {self._limits.message}")
        if offset == 0:
            self.drop_partial()
            self._total = total
        elif offset != self._have:
            return Verdict.REPEAT if offset < self._have else Verdict.GAP
        elif total != self._total:
            raise BadFrame(f"message {seq} was {self._total} bytes long and is {total} now")
        if offset + len(payload) > total or (not payload and total):
            raise BadFrame(f"{len(payload)} bytes at {offset} of a message of {total}")
        self._parts.append(payload)
        self._have += len(payload)
        if self._have < total:
            return Verdict.PARTIAL
        whole = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        self.drop_partial()
        self._queue.append(whole if isinstance(whole, bytes) else bytes(whole))
        self.position += total + MESSAGE_COST
        self.accept(seq, digest(whole) if self.compare else b"")
        self.confirmed = self.expected
        return Verdict.DELIVERED

    def on_digest(self, seq: int, given: bytes | memoryview) -> Verdict:
        """The digest of a message that was delivered before has arrived.

        Raises:
            ReplayDivergence: the message differs from the one that was delivered. It counts as confirmed.
            BadFrame: the digest has the wrong length.
        """
        if len(given) != DIGEST_SIZE:
            raise BadFrame(f"a digest of {len(given)} bytes; digests have {DIGEST_SIZE}")
        if seq >= self.expected or seq > self.confirmed:
            return Verdict.GAP
        fresh = seq == self.confirmed
        self.confirmed += fresh
        self.check(seq, bytes(given))
        return Verdict.CONFIRMED if fresh else Verdict.REPEAT
