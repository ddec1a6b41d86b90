r"""The protocol of programs that speak over standard input and output. Sans-I/O.

A program writes lines, each ended by "\n" (the last one may lack it):

    Log,<text>              show the text
    Send,<rank>,<text>      send the text to a rank
    Req,<rank>              ask for the next message of a rank; it comes as a line on standard input
    Reset,<rank>            ask that another incarnation take over a rank

A text is any bytes but "\n", commas included. Only that one byte is taken off a line: a "\r" is data.
"""

from __future__ import annotations

import attrs

from ..errors import BadProgramLine, LineTooLong

MAX_LINE = 64 * 1024 * 1024
"""The longest line by default, in bytes, without its end."""

_QUOTED = 60


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


class LineSplitter:
    """Cuts a stream of bytes into lines, in time linear in its length."""

    def __init__(self, limit: int = MAX_LINE) -> None:
        """Args:
        limit: the longest line, in bytes, without its end.
        """
        self._limit = limit
        self._parts: list[bytes] = []
        self._length = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their ends.

        Raises:
            LineTooLong: a line, complete or not, is longer than the limit. The splitter is of no use then.
        """
        first, *rest = data.split(b"\n")
        self._grow(first)
        if not rest:
            return []
        lines = [b"".join(self._parts), *rest[:-1]]
        self._parts = []
        self._length = 0
        longest = max(rest, key=len)
        if len(longest) > self._limit:
            raise self._too_long(longest)
        self._grow(rest[-1])
        return lines

    @property
    def pending(self) -> int:
        """Bytes of the line whose end is yet to come."""
        return self._length

    def end(self) -> list[bytes]:
        """The last line, if the stream ended without "\\n"; call it once, at the end of the stream."""
        lines = [b"".join(self._parts)] if self._length else []
        self._parts = []
        self._length = 0
        return lines

    def _grow(self, part: bytes) -> None:
        if part:
            self._parts.append(part)
            self._length += len(part)
            if self._length > self._limit:
                raise self._too_long(b"".join(self._parts)[: _QUOTED + 1])

    def _too_long(self, line: bytes) -> LineTooLong:
        return LineTooLong(f"the program wrote a line of more than {self._limit} bytes: {_quote(line)}")


def parse(line: bytes, size: int) -> Command:
    """What a program's line says, in a job of `size` ranks.

    Raises:
        BadProgramLine: it is none of the four commands, or the rank is not one of the job.
    """
    word, comma, _ = line[:6].partition(b",")  # the longest word is Reset; a payload is cut out once
    start = len(word) + 1
    if comma:
        match word:
            case b"Log":
                return LogText(line[start:])
            case b"Send":
                end = line.find(b",", start)
                if end < 0:
                    raise _bad(line, "Send,<rank>,<text>")
                return Send(_rank(line, line[start:end], size), line[end + 1 :])
            case b"Req":
                return Req(_rank(line, line[start:], size))
            case b"Reset":
                return Reset(_rank(line, line[start:], size))
    raise _bad(line, "Log,<text> or Send,<rank>,<text> or Req,<rank> or Reset,<rank>")


def encode_message(payload: bytes) -> bytes:
    """A message as the line that the program reads."""
    return payload + b"\n"


def _rank(line: bytes, digits: bytes, size: int) -> int:
    # bytes.isdigit is true of ASCII digits only, where int() would take " 1", "+1" and "1_0" as well.
    if len(digits) <= 9 and digits.isdigit() and int(digits) < size:
        return int(digits)
    raise _bad(line, f"a rank from 0 to {size - 1} after the first comma")


def _bad(line: bytes, expected: str) -> BadProgramLine:
    return BadProgramLine(f"the program wrote {_quote(line)}; expected {expected}")


def _quote(line: bytes) -> str:
    return repr(line[:_QUOTED]) + ("…" if len(line) > _QUOTED else "")
