"""The numbers of the messages from one rank to another: what the other side has, and what it had.

Numbers go on across incarnations. Most messages leave in the order of their numbers. Those of a non-blocking
collective operation get theirs when it begins and leave later, so the receiver may have some `beyond` the
first that it lacks.
"""

from __future__ import annotations

from collections.abc import Collection

import xxhash

from ..errors import ReplayDivergence

DIGEST_SIZE = 16
_UNKNOWN = bytes(DIGEST_SIZE)

digest = xxhash.xxh3_128_digest
"""The 16 bytes that stand for a payload when a repeat is compared (XXH3, 128 bit; not cryptographic)."""


def running_digest(seed: int) -> xxhash.xxh3_128:
    """The same of a payload that comes in pieces."""
    return xxhash.xxh3_128(seed=seed)


class SentNumbers:
    """What the receiver has of one incarnation's messages, by its own account."""

    def __init__(self) -> None:
        self.known = 0
        """The receiver has the messages below this number …"""
        self.beyond: frozenset[int] = frozenset()
        """… and these."""
        self.limit = 0
        """It has none from this number on."""
        self.open = False
        """It has said what it has: messages may leave."""

    def close(self) -> None:
        """Send nothing more until the receiver says where to go on."""
        self.open = False

    def forget(self) -> None:
        """The receiver is a new one: it has had nothing."""
        self.known = self.limit = 0
        self.beyond = frozenset()

    def resumed(self, delivered: int, beyond: Collection[int] = ()) -> bool:
        """The receiver has the messages below `delivered`, and those in `beyond`.

        News that come late, by a slower path, take nothing back; then the answer is False.
        """
        self.open = True
        if delivered < self.known:
            return False
        self.known = delivered
        self.beyond = frozenset(beyond)
        self.limit = max(delivered, max(beyond, default=-1) + 1)
        return True

    def has(self, seq: int) -> bool:
        """Does the receiver have that message?"""
        return seq < self.known or (seq < self.limit and seq in self.beyond)

    def missing_from(self, count: int) -> int:
        """How many messages the receiver has from an earlier incarnation beyond the first `count`."""
        return max(0, self.known - count) + sum(seq >= max(count, self.known) for seq in self.beyond)


class ReceivedNumbers:
    """What was received of one rank's messages, with a digest of each.

    Args:
        compare: whether repeats must equal what was delivered.
    """

    def __init__(self, *, compare: bool = True) -> None:
        self.compare = compare
        self.expected = 0
        """All messages below this number were accepted."""
        self.beyond: set[int] = set()
        """Accepted messages from there on."""
        self.digests = bytearray()
        """Of all messages, by number."""

    def has(self, seq: int) -> bool:
        """Was that message accepted?"""
        return seq < self.expected or seq in self.beyond

    def accept(self, seq: int, given: bytes = _UNKNOWN) -> None:
        """A message that was not there before is taken. Its digest may follow (`learn`)."""
        if seq != self.expected:
            self.beyond.add(seq)
        else:
            self.expected = seq + 1
            while self.beyond and self.expected in self.beyond:
                self.beyond.discard(self.expected)
                self.expected += 1
        if self.compare:
            self.learn(seq, given)

    def learn(self, seq: int, given: bytes) -> None:
        """The digest of an accepted message."""
        at = seq * DIGEST_SIZE
        have = len(self.digests)
        if at == have:
            self.digests += given
            return
        if at > have:
            self.digests += bytes(at - have)
        self.digests[at : at + DIGEST_SIZE] = given

    def check(self, seq: int, given: bytes) -> None:
        """An accepted message was sent again, by its digest.

        Raises:
            ReplayDivergence: it is not the message that was delivered.
        """
        if not self.compare:
            return
        before = bytes(self.digests[seq * DIGEST_SIZE : (seq + 1) * DIGEST_SIZE])
        if before != given and before != _UNKNOWN:
            raise ReplayDivergence(f"message {seq} is not what it was before")


def divergence(here: int, there: int, incarnation: int, seq: int) -> ReplayDivergence:
    """What to say when rank `there`'s new incarnation sent rank `here` another message than its old one."""
    return ReplayDivergence(
        f"rank {there} was started again (incarnation {incarnation}) and its message "
        f"number {seq} to rank {here} is not what it had sent before. Its program is not "
        "deterministic between its receives: look for the time, unseeded random numbers, process "
        "ids, or the order of a set in what it sends"
    )


def shortfall(here: int, there: int, missing: int) -> ReplayDivergence:
    """What to say when a rank that was started again ended with fewer messages than it had sent before."""
    return ReplayDivergence(
        f"rank {here} was started again and ended {missing} messages to rank {there} short of "
        "what it had sent before. Its program is not deterministic between its receives"
    )
