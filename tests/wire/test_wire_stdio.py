"""The line protocol of programs on standard input and output."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.errors import BadProgramLine
from mpi_actors.wire.splitter import LineSplitter
from mpi_actors.wire.stdio import Command, LogText, Req, Reset, Send, encode_message, parse

texts = st.binary().map(lambda data: data.replace(b"\n", b""))
ranks = st.integers(0, 7)


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
    """Each line that a program writes is a command with a rank of the job, or a named error."""
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
    assert LineSplitter(1000).feed(encode_message(payload)) == [payload]
