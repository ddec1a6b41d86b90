"""Sizes as people write them: "10MB" means ten million bytes, "10MiB" means 10 * 1024 * 1024 bytes."""

from __future__ import annotations

import re
from fractions import Fraction

from ...errors import UsageError

LARGEST = 2**63 - 1
"""Bytes of the largest size: what a signed 64-bit integer holds, as in the database."""

_EXAMPLES = "Write one such as 10MB, 1.5GiB or 1000 (bytes)."
_SIZE = re.compile(r"\s*([0-9]{1,19}(?:\.[0-9]{1,19})?)\s*([a-z]*)\s*", re.IGNORECASE | re.ASCII)
_DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB")
_FACTORS = {
    "": 1,
    **{unit.lower(): 1000**power for power, unit in enumerate(_DECIMAL)},
    **{f"{letter}ib": 1024**power for power, letter in enumerate("kmgtp", start=1)},
}


def parse_size(text: str) -> int:
    """Return the bytes of a size such as "10MB", "1.5 GiB" or "1000", rounded down.

    Upper and lower case mean the same.

    Raises:
        UsageError: the text is not a size, or a size of more than `LARGEST`.
    """
    found = _SIZE.fullmatch(text)
    factor = _FACTORS.get(found[2].lower()) if found else None
    if found is None or factor is None:
        raise UsageError(f"{text[:80]!r} is not a size. {_EXAMPLES}")
    size = int(Fraction(found[1]) * factor)
    if size > LARGEST:
        raise UsageError(f"{text[:80]!r} is too large for a size. {_EXAMPLES}")
    return size


def format_size(size: int) -> str:
    """Return a size for people, with at most one decimal, such as "999 B", "1.5 kB" or "10 MB".

    Raises:
        ValueError: the size is negative.
    """
    if size < 0:
        raise ValueError(f"a size is not negative: {size}")
    power = 0
    # 999950 bytes would be rounded to 1000 kB, so they are 1 MB
    while power + 1 < len(_DECIMAL) and round(size / 1000**power, 1) >= 1000:
        power += 1
    return f"{size / 1000**power:.1f}".removesuffix(".0") + f" {_DECIMAL[power]}"
