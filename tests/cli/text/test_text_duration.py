"""Durations as people write and read them."""

from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.cli.text.duration import LONGEST, format_ago, parse_duration
from mpi_actors.errors import UsageError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90), ("5m", 300), ("12h", 43200), ("30d", 30 * 86400), ("8w", 56 * 86400), ("1.5 h", 5400),
        (" 2D ", 172800), ("0", math.inf), ("0d", math.inf), ("forever", math.inf), ("FOREVER", math.inf),
        ("0.5s", 0.5), ("365000d", LONGEST),
    ],
)  # fmt: skip
def test_durations_are_read(text: str, seconds: float) -> None:
    """All units, decimals, spaces, both cases and the words for no end are understood."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "text",
    ["", "3", "-1d", "d", "1y", "1d2h", "٣d", "1e3s", "365001d", "9" * 30 + "d", "1..5h", "nan", "inf"],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    """The error has examples of durations."""
    with pytest.raises(UsageError, match="30d"):
        parse_duration(text)


@given(st.text(max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    """Any text gives a duration or the one error."""
    with contextlib.suppress(UsageError):
        assert parse_duration(text) > 0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "just now"), (0, "just now"), (59.9, "just now"), (60, "1 minute ago"), (7199, "1 hour ago"),
        (7200, "2 hours ago"), (3 * 86400 + 5, "3 days ago"), (60 * 86400, "2 months ago"),
        (800 * 86400, "2 years ago"),
    ],
)  # fmt: skip
def test_times_past_are_told(seconds: float, text: str) -> None:
    """A time is told in the largest unit that fits, rounded down."""
    assert format_ago(seconds) == text
