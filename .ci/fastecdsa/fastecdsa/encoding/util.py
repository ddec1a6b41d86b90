"""Numbers as bytes."""

from __future__ import annotations


def int_bytelen(number: int) -> int:
    """How many bytes a number takes, as the real one counts; of 0, none."""
    return (number.bit_length() + 7) // 8
