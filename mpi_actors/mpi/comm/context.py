"""Contexts: the numbers that keep the messages of one communicator apart from those of all others.

A context is even for point-to-point messages, and the same number plus one for collective operations. That
of a new communicator is a digest of its parent's context, of how many communicators the parent has had before
and of what is made. The members call the constructors of a communicator in the same order, so they agree on
it without a message, and a rank that is run again finds the same number.
"""

from __future__ import annotations

from xxhash import xxh3_64_intdigest

WORLD_CONTEXT = 2
SELF_CONTEXT = 4

_MASK = (1 << 61) - 2


def derive(*parts: object) -> int:
    """The context that belongs to these parts (numbers, strings and tuples of such): even, below 2**61."""
    return xxh3_64_intdigest(repr(parts).encode()) & _MASK
