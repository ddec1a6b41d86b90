"""Durations as people write them: "30d" means thirty days, "forever" means no end."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from ...errors import UsageError

LONGEST = 1000 * 365 * 86400
"""Seconds of the longest duration except `forever`: a thousand years."""

_EXAMPLES = "Write one such as 12h, 30d or 8w (units: s, m, h, d, w), or forever."
_DURATION = re.compile(r"\s*([0-9]{1,12}(?:\.[0-9]{1,12})?)\s*([smhdw])\s*", re.IGNORECASE | re.ASCII)
_ZERO = re.compile(r"\s*0+\s*", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_AGO = ((365 * 86400, "year"), (30 * 86400, "month"), (86400, "day"), (3600, "hour"), (60, "minute"))


def parse_duration(text: str) -> float:
    """Return the seconds of a duration such as "90s", "1.5 h" or "30d"; infinity for "forever" and for 0.

    Upper and lower case mean the same.

    Raises:
        UsageError: the text is not a duration, or a duration of more than `LONGEST`.
    """
    if _ZERO.fullmatch(text) or text.strip().lower() == "forever":
        return math.inf
    found = _DURATION.fullmatch(text)
    if found is None:
        raise UsageError(f"{text[:80]!r} is not a duration. {_EXAMPLES}")
    seconds = Fraction(found[1]) * _SECONDS[found[2].lower()]
    if seconds > LONGEST:
        raise UsageError(f"{text[:80]!r} is too long for a duration. {_EXAMPLES}")
    return float(seconds) if seconds else math.inf


def format_ago(seconds: float) -> str:
    """Return how long ago something was, rounded down: "just now", "1 minute ago", "3 days ago"."""
    for unit, name in _AGO:
        count = int(seconds // unit)
        if count >= 1:
            return f"{count} {name}{'' if count == 1 else 's'} ago"
    # less than a minute, or somebody set the clock back
    return "just now"
