r"""A stream of bytes as lines that end with "\n", for the protocols that speak lines. Sans-I/O."""

from __future__ import annotations

from ..errors import LineTooLong

_MAX_QUOTED = 60
"""Bytes of a line that an error text quotes: enough to recognise the line in a program's source."""


class LineSplitter:
    """Cuts a stream of bytes into lines, in time linear in its length.

    Args:
        limit: the longest line, in bytes, without its end.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._parts: list[bytes] = []
        self._length = 0

    def feed(self, data: bytes) -> list[bytes]:
        """Return the lines that `data` completes, without their ends.

        Raises:
            LineTooLong: a line, complete or not, is longer than the limit. The splitter cannot be used any
                more.
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
        """Bytes of the line whose end has not arrived."""
        return self._length

    def end(self) -> list[bytes]:
        """Return the last line if the stream ended without "\\n". Call this once, at the stream's end."""
        lines = [b"".join(self._parts)] if self._length else []
        self._parts = []
        self._length = 0
        return lines

    def _grow(self, part: bytes) -> None:
        if part:
            self._parts.append(part)
            self._length += len(part)
            if self._length > self._limit:
                raise self._too_long(b"".join(self._parts)[: _MAX_QUOTED + 1])

    def _too_long(self, line: bytes) -> LineTooLong:
        return LineTooLong(f"the program wrote a line of more than {self._limit} bytes: {quote(line)}")


def quote(line: bytes) -> str:
    """Return the beginning of a line as an error text shows it."""
    return repr(line[:_MAX_QUOTED]) + ("…" if len(line) > _MAX_QUOTED else "")
