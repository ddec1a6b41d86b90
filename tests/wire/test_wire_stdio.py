"""The line protocol of programs on standard input and output."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.errors import BadProgramLine, LineTooLong
from mpi_actors.wire.stdio import Command, LineSplitter, LogText, Req, Reset, Send, encode_message, parse

texts = st.binary().map(lambda data: data.replace(b"\n", b""))
ranks = st.integers(0, 7)


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
    """The first byte too many raises, and the text says the limit and how the line began."""
    splitter = LineSplitter(10)
    assert splitter.feed(b"Log,a\nSend,0,abc") == [b"Log,a"]
    with pytest.raises(LineTooLong, match=r"more than 10 bytes: b'Send,0,abcd'"):
        splitter.feed(b"d")


def test_a_large_line_in_small_chunks() -> None:
    """A line of 64 MiB, the default limit, arrives whole in chunks of 64 KiB."""
    splitter = LineSplitter()
    chunk = bytes(65536)
    for _ in range(1024):
        assert splitter.feed(chunk) == []
    [line] = splitter.feed(b"\nrest")
    assert line == bytes(64 * 1024 * 1024)
    assert splitter.end() == [b"rest"]


@given(texts, ranks)
def test_parse_gives_back_what_was_written(text: bytes, rank: int) -> None:
    """Every command comes out of its line; texts keep their commas and carriage returns."""
    lines: dict[bytes, Command] = {
        b"Log,%s" % text: LogText(text),
        b"Send,%d,%s" % (rank, text): Send(rank, text),
        b"Req,%d" % rank: Req(rank),
        b"Reset,%d" % rank: Reset(rank),
    }
    assert [parse(line, 8) for line in lines] == list(lines.values())


@given(st.binary(max_size=20), st.integers(1, 4))
def test_any_other_line_is_refused(line: bytes, size: int) -> None:
    """Whatever a program writes, it is a command with a rank of the job or a named error."""
    try:
        command = parse(line, size)
    except BadProgramLine:
        command = None
    if command is None:
        with pytest.raises(BadProgramLine, match=re.escape(repr(line))):
            parse(line, size)
    else:
        assert isinstance(command, LogText) or command.rank < size


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"", "Log,<text> or"),
        (b"hello", "Log,<text> or"),
        (b"Log", "Log,<text> or"),
        (b"log,x", "Log,<text> or"),
        (b" Log,x", "Log,<text> or"),
        (b"Resets,1", "Log,<text> or"),
        (b"Send,1", "Send,<rank>,<text>"),
        (b"Send,4,x", "a rank from 0 to 3"),
        (b"Send,,x", "a rank from 0 to 3"),
        (b"Req,-1", "a rank from 0 to 3"),
        (b"Req,+1", "a rank from 0 to 3"),
        (b"Req, 1", "a rank from 0 to 3"),
        (b"Req,1_0", "a rank from 0 to 3"),
        (b"Req,1,2", "a rank from 0 to 3"),
        (b"Req,1\r", "a rank from 0 to 3"),
        ("Req,١".encode(), "a rank from 0 to 3"),
        (b"Reset," + b"9" * 5000, "a rank from 0 to 3"),
    ],
)
def test_bad_lines(line: bytes, expected: str) -> None:
    """The error quotes the line, shortened, and says what is expected."""
    with pytest.raises(BadProgramLine) as caught:
        parse(line, 4)
    assert repr(line[:60]) in str(caught.value)
    assert expected in str(caught.value)
    assert len(str(caught.value)) < 300


@given(texts)
def test_messages_to_the_program_are_one_line(payload: bytes) -> None:
    """A message is its payload and a newline."""
    assert split([encode_message(payload)]) == [payload]
