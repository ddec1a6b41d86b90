"""The numbers of the messages from one rank to another, and which of them the receiver has.

Numbers go on across incarnations. Most messages leave in the order of their numbers. Those of a non-blocking
collective operation get their numbers when it begins and leave later. So the receiver may have messages
`beyond` the first one that it lacks.
"""

from __future__ import annotations

from collections.abc import Collection

import xxhash

from ..errors import LaneBroken, ReplayDivergence

DIGEST_SIZE = 16
"""Bytes of a digest: those of a 128-bit hash, so that two different messages do not have one by chance."""
_UNKNOWN = bytes(DIGEST_SIZE)
"""Stands for the digest of a message that is not computed yet; nothing is compared with it."""

digest = xxhash.xxh3_128_digest
"""The 16 bytes that stand for a message when a repeat is compared (XXH3, 128 bit; not cryptographic)."""


Running = xxhash.xxh3_128
"""A digest that takes what it covers in pieces (`update`)."""


def running_digest(first: bytes) -> Running:
    """Return a digest that takes what it covers in pieces; `first` is the first one."""
    return xxhash.xxh3_128(first)


class SentNumbers:
    """Which messages of one incarnation the receiver has, as the receiver said last."""

    def __init__(self) -> None:
        self.known = 0
        """The receiver has the messages below this number …"""
        self.beyond: frozenset[int] = frozenset()
        """… and these."""
        self.limit = 0
        """The receiver has no message from this number on."""
        self.open = False
        """The receiver has said what it has: messages may leave."""

    def close(self) -> None:
        """Send nothing more until the receiver says again what it has."""
        self.open = False

    def forget(self) -> None:
        """Begin anew: the receiver is a new incarnation and has nothing."""
        self.known = self.limit = 0
        self.beyond = frozenset()

    def reopen(self, delivered: int, beyond: Collection[int] = ()) -> bool:
        """Go on: the receiver says that it has the messages below `delivered`, and those in `beyond`.

        Returns False and changes nothing if it has said more before: this word came late, by a slower path.
        """
        self.open = True
        if delivered < self.known:
            return False
        self.known = delivered
        self.beyond = frozenset(beyond)
        self.limit = max(delivered, max(beyond, default=-1) + 1)
        return True

    def has(self, seq: int) -> bool:
        """Return whether the receiver has a message."""
        return seq < self.known or (seq < self.limit and seq in self.beyond)

    def missing_from(self, count: int) -> int:
        """Return how many messages beyond the first `count` the receiver has from an earlier incarnation."""
        return max(0, self.known - count) + sum(seq >= max(count, self.known) for seq in self.beyond)


class ReceivedNumbers:
    """Which messages of one rank were received, with a digest of each.

    Args:
        compare: whether a message that comes again must equal the one that was delivered.
    """

    def __init__(self, *, compare: bool = True) -> None:
        self.compare = compare
        self.expected = 0
        """All messages below this number were accepted."""
        self.beyond: set[int] = set()
        """Accepted messages after the first one that is missing."""
        self.digests = bytearray()
        """The digests of all accepted messages, `DIGEST_SIZE` bytes each, by number."""

    def has(self, seq: int) -> bool:
        """Return whether a message was accepted."""
        return seq < self.expected or seq in self.beyond

    def accept(self, seq: int, given: bytes = _UNKNOWN) -> None:
        """Take a message that was not there before. Its digest may follow later (`learn`)."""
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
        """Remember the digest of an accepted message."""
        at = seq * DIGEST_SIZE
        have = len(self.digests)
        if at == have:
            self.digests += given
            return
        if at > have:
            self.digests += bytes(at - have)
        self.digests[at : at + DIGEST_SIZE] = given

    def check(self, seq: int, given: bytes) -> None:
        """Compare the digest of a message that is sent again with that of the accepted one.

        If the accepted one's is not known yet, remember this one: the bytes to come are compared with it.

        Raises:
            ReplayDivergence: the two messages differ.
        """
        if not self.compare:
            return
        before = self.digests[seq * DIGEST_SIZE : (seq + 1) * DIGEST_SIZE]
        if before == _UNKNOWN:
            self.learn(seq, given)
        elif before != given:
            raise ReplayDivergence(f"message {seq} is not what it was before")


_CAUSES = (
    "process ids, the order of a set of objects (by their addresses), threads that race, files and other "
    "programs that say something else now, --real-entropy, or, in a program that speaks lines, the time and "
    "random numbers without a seed"
)
"""What differs between two incarnations of a rank, although its entropy is repeated."""


def divergence(here: int, there: int, incarnation: int, seq: int, difference: str = "") -> ReplayDivergence:
    """Return the error of rank `there`, whose message to `here` is not what it had sent before.

    Args:
        here: the rank that has received the message.
        there: the rank that has sent it.
        incarnation: the sender's; 0: it has sent the message again because the way to `here` broke.
        seq: the message's number.
        difference: what is different, in words; empty: bytes of the payload, or nobody knows.
    """
    what = (
        f"message number {seq} to rank {here} is not what it had sent before{difference and ': '}{difference}"
    )
    if not incarnation:
        return ReplayDivergence(
            f"rank {there} sent a message again because a connection broke, and its {what}. Its program has "
            "changed the memory of a send before the send was complete: wait for each Isend first"
        )
    return ReplayDivergence(
        f"rank {there} was started again (incarnation {incarnation}) and its {what}. Its program is not "
        f"deterministic between its receives: look for {_CAUSES} in what it sends"
    )


def shortfall(here: int, there: int, missing: int) -> ReplayDivergence:
    """Return the error of a new incarnation that ended with fewer messages than were sent before."""
    return ReplayDivergence(
        f"rank {here} was started again and ended {missing} messages to rank {there} short of "
        "what it had sent before. Its program is not deterministic between its receives: what it does "
        f"depends on {_CAUSES}"
    )


def left_waiting(here: int, there: int, incarnation: int) -> ReplayDivergence:
    """Return the error of rank `here`, which waits for a message of a new incarnation that has ended."""
    return ReplayDivergence(
        f"rank {there} was started again (incarnation {incarnation}) and has ended, but rank {here} waits "
        "for another message from it. Its program is not deterministic between its receives: what it does "
        f"depends on {_CAUSES}"
    )


def unreceived(here: int, there: int, seq: int) -> ReplayDivergence:
    """Return the error of a new incarnation that ended without a message that an earlier one had got."""
    return ReplayDivergence(
        f"rank {here} was started again and ended without receiving message number {seq} of rank {there}, "
        f"which it had received before, as rank {there} knows, since it was sent synchronously. Its program "
        f"is not deterministic between its receives: what it does depends on {_CAUSES}"
    )


def gap(here: int, there: int, seq: int, expected: int) -> LaneBroken:
    """Return the error of rank `here`, which got message `seq` of rank `there` instead of `expected`."""
    return LaneBroken(
        f"rank {there} sent message number {seq} to rank {here}, but number {expected} has not come, and no "
        f"operation of rank {there} has that number to come. A message is lost: this is "
        "a fault of the library or of a machine's memory: run the job again; if it comes again, report it"
    )


def unkept(here: int, there: int, seq: int) -> LaneBroken:
    """Return the error of rank `here`: its lane to `there` broke, and a message under way is not kept."""
    return LaneBroken(
        f"the lane from rank {here} to rank {there} broke while message number {seq} was under way. With "
        "--no-replay nobody keeps what has left, so it cannot be sent again: run the job again, without "
        "--no-replay if the network between its machines is bad"
    )


def contradiction(here: int, there: int, times: int, place: tuple[int, int], reason: str) -> LaneBroken:
    """Return the error of rank `here`, whose lane from `there` broke again and again at one place.

    Args:
        here: the rank that receives.
        there: the rank that sends.
        times: how often the lane broke.
        place: the sender's incarnation, and the number of the message that was to come.
        reason: the last error of the protocol.
    """
    incarnation, expected = place
    return LaneBroken(
        f"the lane from rank {there} (incarnation {incarnation}) to rank {here} broke {times} times before "
        f"message number {expected}, each time by an error of the protocol: {reason}. Another lane does not "
        "help. Install the same release on all machines; if it is the same, report this text"
    )
