"""The receiving half of a lane: delivers each message once, in order, and compares what is sent again."""

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
    """It completed a message, which can be taken now."""
    PARTIAL = enum.auto()
    """It was the next piece of an unfinished message."""
    REPEAT = enum.auto()
    """It was known already, and dropped."""
    GAP = enum.auto()
    """Something before it is missing (the path changed): ask the sender to go on from `expected`."""


class Incoming(ReceivedNumbers):
    """Messages from one other rank to this incarnation.

    Args:
        limits: the largest message, and the window of bytes that may be under way.
        compare: whether repeats must equal what was delivered. Reports to the coordinator are not compared:
            a log line may hold the time of day.
    """

    def __init__(self, limits: LaneLimits | None = None, *, compare: bool = True) -> None:
        super().__init__(compare=compare)
        self._limits = limits or LaneLimits()
        self._queue: deque[bytes] = deque()
        self._parts: list[bytes | memoryview] = []
        self._have = 0
        self._total = 0
        self._consumed = 0
        self._granted = 0
        self._most_granted = 0
        self.position = 0
        """Where message `expected` begins."""

    @property
    def queued(self) -> int:
        """Messages delivered and not yet taken."""
        return len(self._queue)

    @property
    def credit(self) -> int:
        """The position up to which the sender may send.

        It leaves a window beyond what was taken, and in any case room for the whole next message.
        """
        head = len(self._queue[0]) if self._queue else self._total
        return self._consumed + max(self._limits.window, head + MESSAGE_COST)

    @property
    def credit_due(self) -> bool:
        """Has the sender's room grown enough to tell it, or might it be waiting for the little there is?"""
        growth = self.credit - self._granted
        if growth * 2 >= self._limits.window:
            return True
        room = self._granted - (self._consumed + self._have)
        return growth > 0 and not self._queue and room * 2 < self._limits.window

    def grant(self) -> int:
        """The credit to tell the sender now."""
        self._granted = self.credit
        self._most_granted = max(self._most_granted, self._granted)
        return self._granted

    def take(self) -> bytes | None:
        """The next message, or None when there is none yet."""
        if not self._queue:
            return None
        payload = self._queue.popleft()
        self._consumed += len(payload) + MESSAGE_COST
        return payload

    def interrupted(self) -> None:
        """The path broke: a half-received message will be sent again from its beginning."""
        self._parts.clear()
        self._have = self._total = 0

    def data(self, seq: int, offset: int, total: int, payload: bytes | memoryview) -> Verdict:
        """A piece of a message has arrived.

        Raises:
            BadFrame: it contradicts itself or what came before, or exceeds the message limit or the credit.
        """
        if seq < self.expected:
            return Verdict.REPEAT
        if seq > self.expected:
            return Verdict.GAP
        if self.position + offset >= self._most_granted:
            raise BadFrame(f"message {seq} was sent without credit for it")
        if total > self._limits.message:
            raise BadFrame(f"a message of {total} bytes; the limit is {self._limits.message}")
        if offset == 0:
            self.interrupted()
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
        self.interrupted()
        self._queue.append(whole if isinstance(whole, bytes) else bytes(whole))
        self.position += total + MESSAGE_COST
        self.accept(seq, digest(whole) if self.compare else b"")
        return Verdict.DELIVERED

    def repeat(self, seq: int, given: bytes | memoryview) -> Verdict:
        """The digest of a message that was delivered before has arrived.

        Raises:
            ReplayDivergence: it is not the message that was delivered.
            BadFrame: the digest is no digest.
        """
        if len(given) != DIGEST_SIZE:
            raise BadFrame(f"a digest of {len(given)} bytes")
        if seq >= self.expected:
            return Verdict.GAP
        self.check(seq, bytes(given))
        return Verdict.REPEAT
