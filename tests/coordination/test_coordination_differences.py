"""What is said when a new incarnation writes something else: both lines, where they differ."""

from __future__ import annotations

import pytest

from mpi_actors.coordination.differences import fewer_lines, other_line


@pytest.mark.parametrize(
    ("old", "new", "before", "now"),
    [
        (b"x is 1", b"x is 2", "'x is 1'", "'x is 2'"),
        (b"caf\xe9\r\0", b"caf\xc3\xa9", r"'caf\\xe9\r\x00'", "'café'"),
        (b"", b"new", "''", "'new'"),
        (None, b"new", "(a line that is no longer kept)", "'new'"),
        (
            b"a" * 200 + b"1" + b"b" * 300, b"a" * 200 + b"2" + b"b" * 300,
            "…'" + "a" * 40 + "1" + "b" * 79 + "'…", "…'" + "a" * 40 + "2" + "b" * 79 + "'…",
        ),
        (b"a" * 200 + b"end", b"a" * 200, "…'" + "a" * 40 + "end'", "…'" + "a" * 40 + "'"),
    ],
)  # fmt: skip
def test_both_lines_are_shown(old: bytes | None, new: bytes, before: str, now: str) -> None:
    """Shortened around their first difference; what is no text is escaped."""
    lines = other_line(3, 1, 7, old, new).splitlines()
    assert lines == [
        "rank 3 was started again (incarnation 1) and line 7 of its output "
        "is not what it had written before.",
        f"    before: {before}",
        f"    now:    {now}",
    ]


@pytest.mark.parametrize(("old", "before"), [(b"last", "'last'"), (None, "(a line that is no longer kept)")])
def test_a_missing_line_is_shown(old: bytes | None, before: str) -> None:
    """The first one that is missing."""
    lines = fewer_lines(3, 2, 4, 6, old).splitlines()
    assert lines == [
        "rank 3 was started again (incarnation 2) and ended with line 4 of its output; "
        "it had written 6 lines before.",
        f"    before: {before}",
        "    now:    (nothing)",
    ]
