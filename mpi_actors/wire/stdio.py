r"""The protocol of programs that speak over standard input and output. Sans-I/O.

A program writes lines, each ended by "\n" (the last one may lack it):

    Log,<text>              show the text
    Send,<rank>,<text>      send the text to a rank
    Req,<rank>              ask for the next message of a rank; it comes as a line on standard input
    Reset,<rank>            ask that another incarnation take over a rank

A text is any bytes but "\n", commas included. The reader removes only that one byte from a line: a "\r" is
data.
"""

from __future__ import annotations

import attrs

from ..errors import BadProgramLine
from .splitter import quote

MAX_COMMAND = 32
"""Bytes that a line may have beside its text: more than the longest command word and rank take."""

_MAX_RANK_DIGITS = 9
"""Decimal digits of a rank: more are refused before they become a number, which could take long."""


@attrs.frozen
class LogText:
    """The program says something to people."""

    payload: bytes


@attrs.frozen
class Send:
    """The program sends a message."""

    rank: int
    payload: bytes


@attrs.frozen
class Req:
    """The program wants the next message of a rank."""

    rank: int


@attrs.frozen
class Reset:
    """The program wants another incarnation to take over a rank."""

    rank: int


Command = LogText | Send | Req | Reset
"""What a program can say in one line."""


def parse(line: bytes, size: int) -> Command:
    """Return what a program's line says, in a job of `size` ranks.

    Raises:
        BadProgramLine: the line is none of the four commands, or names a rank that the job does not have.
    """
    word, comma, _ = line[:6].partition(b",")  # the longest word is Reset; so a long payload is copied once
    start = len(word) + 1
    if comma:
        match word:
            case b"Log":
                return LogText(line[start:])
            case b"Send":
                end = line.find(b",", start)
                if end < 0:
                    raise BadProgramLine(_wrong(line, "Send,<rank>,<text>"))
                return Send(_rank(line, line[start:end], size), line[end + 1 :])
            case b"Req":
                return Req(_rank(line, line[start:], size))
            case b"Reset":
                return Reset(_rank(line, line[start:], size))
    raise BadProgramLine(_wrong(line, "Log,<text> or Send,<rank>,<text> or Req,<rank> or Reset,<rank>"))


def encode_message(payload: bytes) -> bytes:
    """Return a message as the line that the program reads."""
    return payload + b"\n"


def _rank(line: bytes, digits: bytes, size: int) -> int:
    # bytes.isdigit is true of ASCII digits only, where int() would take " 1", "+1" and "1_0" as well.
    if len(digits) <= _MAX_RANK_DIGITS and digits.isdigit() and int(digits) < size:
        return int(digits)
    raise BadProgramLine(_wrong(line, f"a rank from 0 to {size - 1} after the first comma"))


def _wrong(line: bytes, expected: str) -> str:
    return f"the program wrote {quote(line)}; expected {expected}"
