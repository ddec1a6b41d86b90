"""Lines cut out of a stream of bytes."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.errors import LineTooLong
from mpi_actors.wire.splitter import LineSplitter


def split(chunks: list[bytes], limit: int = 1000) -> list[bytes]:
    """All lines of a stream that arrives in those chunks."""
    splitter = LineSplitter(limit)
    return [line for chunk in chunks for line in splitter.feed(chunk)] + splitter.end()


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    """The data in pieces, some of which may be empty."""
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


streams = st.lists(st.sampled_from([b"a", b"\n", b"\r", b",", b"xyz"])).map(b"".join)


@given(streams, st.lists(st.integers(0, 60)))
def test_any_chunking_gives_the_same_lines(data: bytes, cuts: list[int]) -> None:
    """Lines are those between newlines, however the bytes arrive; a last one without newline counts."""
    expected = data.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    assert split(cut(data, cuts)) == expected


@given(st.lists(st.integers(0, 12), min_size=1), st.lists(st.integers(0, 100)))
def test_the_limit_holds_for_any_chunking(lengths: list[int], cuts: list[int]) -> None:
    """A stream is refused if and only if one of its lines is over the limit."""
    lines = [b"x" * length for length in lengths]
    pieces = cut(b"\n".join(lines), cuts)
    if max(lengths) > 10:
        with pytest.raises(LineTooLong):
            split(pieces, limit=10)
    else:
        assert split(pieces, limit=10) == (lines if lines[-1] else lines[:-1])


def test_the_limit_is_noticed_before_the_line_ends() -> None:
    """The first byte over the limit raises; the text says the limit and how the line began."""
    splitter = LineSplitter(10)
    assert splitter.feed(b"Log,a\nSend,0,abc") == [b"Log,a"]
    with pytest.raises(LineTooLong, match=r"more than 10 bytes: b'Send,0,abcd'"):
        splitter.feed(b"d")


def test_a_large_line_in_small_chunks() -> None:
    """A line of 64 MiB, as long as its limit, arrives whole in chunks of 64 KiB."""
    splitter = LineSplitter(64 * 1024 * 1024)
    chunk = bytes(65536)
    for _ in range(1024):
        assert splitter.feed(chunk) == []
    [line] = splitter.feed(b"\nrest")
    assert line == bytes(64 * 1024 * 1024)
    assert splitter.end() == [b"rest"]
