"""Contexts: the numbers that keep the messages of one communicator apart from those of all others.

A communicator's context is an even number, for its point-to-point messages; its collective operations use the
next number. A new communicator's context is a digest of its parent's context, of the number of communicators
made of the parent before, and of what is made. The members call the constructors of a communicator in the
same order. So they agree on the context without a message, and a new incarnation of a rank computes the same
number again.
"""

from __future__ import annotations

from xxhash import xxh3_64_intdigest

WORLD_CONTEXT = 2
"""COMM_WORLD's context: the same in all processes. Zero stays free."""

SELF_CONTEXT = 4
"""COMM_SELF's context: the same in all processes, as each sends only to itself."""

_MASK = (1 << 61) - 2
"""Bits of a digest that become a context: an even number that fits a signed integer of 8 bytes."""


def derive(*parts: object) -> int:
    """The context for these parts (numbers, strings and tuples of them): an even number below 2**61."""
    return xxh3_64_intdigest(repr(parts).encode()) & _MASK
