"""Counts messages that could not be delivered, so that none is dropped unseen."""

from __future__ import annotations

import enum
from collections import Counter, deque

import attrs

MAX_KEYS = 256
"""Different (address, kind, reason) that are counted apart by default: more than a console can show."""

KEEP = 32
"""The last dead letters that are kept by default: as many as fit on a screen."""

OTHERS = "(others)"
"""Address, kind and reason of the one count that takes all dead letters beyond `max_keys`."""


class Reason(enum.StrEnum):
    """Why this package drops a message. Other packages may record texts of their own."""

    FULL = "mailbox full"
    CLOSED = "mailbox closed"
    UNREAD = "unread when its mailbox closed"
    IN_HAND = "in hand when its actor failed or was cancelled"
    LATE = "answer after the asker had left"


@attrs.frozen
class DeadLetter:
    """One dropped message, without the message itself, which may be large or hold something open."""

    number: int
    """The number of the dead letter, from 1."""
    address: str
    """The name of the mailbox to which the message was sent."""
    kind: str
    """The type of the message."""
    reason: str


@attrs.frozen
class DeadLetterCount:
    """How many messages of one kind were dropped at one address for one reason."""

    address: str
    kind: str
    reason: str
    count: int


@attrs.frozen
class DeadLetterReport:
    """All dead letters at one moment, as a console shows them."""

    total: int
    counts: tuple[DeadLetterCount, ...]
    """The largest first."""
    recent: tuple[DeadLetter, ...]
    """The newest last."""


class DeadLetters:
    """Counts dropped messages in bounded memory. All mailboxes of a tree share one.

    Args:
        keep: how many of the last dead letters to keep.
        max_keys: how many different (address, kind, reason) to count apart; others share one count.
    """

    def __init__(self, *, keep: int = KEEP, max_keys: int = MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._recent: deque[DeadLetter] = deque(maxlen=keep)
        self._total = 0

    @property
    def total(self) -> int:
        """The number of messages dropped so far."""
        return self._total

    def record(self, address: str, message: object, reason: str) -> None:
        """Count `message` as dropped on its way to `address`."""
        kind = type(message).__qualname__
        self._total += 1
        self._recent.append(DeadLetter(self._total, address, kind, str(reason)))
        key = (address, kind, str(reason))
        if key not in self._counts and len(self._counts) >= self._max_keys:
            key = (OTHERS, OTHERS, OTHERS)
        self._counts[key] += 1

    def report(self) -> DeadLetterReport:
        """Return a frozen copy of all counts."""
        counts = tuple(DeadLetterCount(*key, count) for key, count in self._counts.most_common())
        return DeadLetterReport(self._total, counts, tuple(self._recent))
