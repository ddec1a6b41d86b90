"""What could not be delivered, counted: nothing that is dropped goes unseen."""

from __future__ import annotations

import enum
from collections import Counter, deque

import attrs

MAX_KEYS = 256
"""How many different (address, kind, reason) are counted apart, unless told otherwise."""

KEEP = 32
"""How many of the last dead letters are kept to be shown, unless told otherwise."""

OTHERS = "(others)"
"""Stands for address, kind and reason in the one count that takes what comes after the last key."""


class Reason(enum.StrEnum):
    """Why this package drops a message. Other layers may record texts of their own."""

    FULL = "mailbox full"
    CLOSED = "mailbox closed"
    UNREAD = "unread when its mailbox closed"
    IN_HAND = "in hand when its actor failed or was cancelled"
    LATE = "answer after the asker had left"


@attrs.frozen
class DeadLetter:
    """One dropped message. The message itself is not kept: it may be large, or hold something open."""

    number: int
    """Counts all dead letters, from 1."""
    address: str
    """The name of the mailbox that the message was for."""
    kind: str
    """The message's type."""
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
    """What a console shows of dead letters."""

    total: int
    counts: tuple[DeadLetterCount, ...]
    """The largest first."""
    recent: tuple[DeadLetter, ...]
    """The newest last."""


class DeadLetters:
    """Counts dropped messages in bounded memory. One is shared by the mailboxes of a tree.

    Args:
        keep: how many of the last dead letters to keep.
        max_keys: how many different (address, kind, reason) to count apart; the rest share one count.
    """

    def __init__(self, *, keep: int = KEEP, max_keys: int = MAX_KEYS) -> None:
        self._max_keys = max_keys
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._recent: deque[DeadLetter] = deque(maxlen=keep)
        self._total = 0

    @property
    def total(self) -> int:
        """How many messages were dropped so far."""
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
        """A frozen copy of all that is known."""
        counts = tuple(DeadLetterCount(*key, count) for key, count in self._counts.most_common())
        return DeadLetterReport(self._total, counts, tuple(self._recent))
