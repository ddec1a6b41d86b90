"""Sizes in words and back."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.cli.text.size import LARGEST, format_size, parse_size
from mpi_actors.errors import UsageError


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("1000", 1000),
        ("0", 0),
        ("10MB", 10_000_000),
        ("10 mb", 10_000_000),
        ("2GiB", 2 * 1024**3),
        (" 1.5kB ", 1500),
        ("0.0001kB", 0),
        ("7b", 7),
        ("1.1GB", 1_100_000_000),
        ("1TiB", 1024**4),
    ],
)
def test_sizes(text: str, size: int) -> None:
    """Decimal and binary units, fractions, spaces and both cases are understood, exactly."""
    assert parse_size(text) == size


@pytest.mark.parametrize(
    "text", ["", "MB", "-1", "1e6", "10M", "1,5MB", "1.MB", ".5MB", "0x10", "10 M B", "१MB", "1_000", "inf"]
)
def test_no_sizes(text: str) -> None:
    """A text that is not a size is refused, with examples."""
    with pytest.raises(UsageError, match=r"10MB, 1\.5GiB or 1000"):
        parse_size(text)


def test_largest() -> None:
    """A size above the largest is refused."""
    assert parse_size(str(LARGEST)) == LARGEST
    with pytest.raises(UsageError, match="too large"):
        parse_size(str(LARGEST + 1))


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (1549, "1.5 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1 MB"),
        (10_000_000, "10 MB"),
        (10**18, "1000 PB"),
    ],
)
def test_format(size: int, text: str) -> None:
    """Sizes are written with at most one decimal, in the unit that suits."""
    assert format_size(size) == text


def test_no_negative_size() -> None:
    """A negative size is a mistake of the caller."""
    with pytest.raises(ValueError, match="-1"):
        format_size(-1)


@given(st.text())
def test_any_text_is_a_size_or_refused(text: str) -> None:
    """Any text gives a size within bounds, or the one error."""
    with contextlib.suppress(UsageError):
        assert 0 <= parse_size(text) <= LARGEST


@given(st.integers(0, 10**17))
def test_round_trip(size: int) -> None:
    """A written size can be read again, and is right to a tenth of its unit."""
    text = format_size(size)
    unit = parse_size(f"1{text.split()[1]}")
    assert abs(parse_size(text) - size) * 20 <= unit + 20
