"""Standard output and standard error, and the lines of standard input."""

from __future__ import annotations

import errno
import itertools
import os
import select
from collections.abc import AsyncIterator, Iterable

import trio

from ...errors import UsageError
from ...process.descriptors import write_all
from ..text.show import printable
from .outbox import OutputPiece

STDIN, STDOUT, STDERR = 0, 1, 2
"""The standard descriptors."""
MAX_LINE = 4 * 1024 * 1024
"""Bytes of the longest line of standard input: longer than any command, and little memory."""
_READ_SIZE = 64 * 1024
"""Bytes that are read at once: what a pipe holds."""


def write_pieces(pieces: Iterable[OutputPiece]) -> None:
    """Write pieces to standard output and standard error, in order. This blocks.

    Raises:
        OSError: one of them cannot be written; BrokenPipeError if nobody reads it any more.
    """
    for error, group in itertools.groupby(pieces, lambda piece: piece.error):
        fd = STDERR if error else STDOUT
        text = "".join(piece.text for piece in group)
        if os.isatty(fd):
            text = printable(text)
        write_all(fd, encoded(text))


def encoded(text: str) -> bytes:
    """Return a text as bytes: UTF-8, and the bytes for which `surrogateescape` has put surrogates."""
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:  # other surrogates, which come from nowhere but JSON
        return text.encode(errors="replace")


async def write_from_trio(fd: int, data: bytes) -> None:
    """Write all bytes to a descriptor while other tasks go on. When cancelled, a part may be written.

    Raises:
        OSError: see `write_all`.
    """
    if len(data) <= select.PIPE_BUF and _is_writable(fd):
        # a thread would take longer than the write
        write_all(fd, data)
        await trio.lowlevel.checkpoint()
    else:
        await trio.to_thread.run_sync(write_all, fd, data, abandon_on_cancel=True)


def _is_writable(fd: int) -> bool:
    """Whether a write of PIPE_BUF bytes will not block."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(0))


async def read_lines() -> AsyncIterator[str]:
    """Yield the lines of standard input, without their ends.

    A thread reads, and stays behind when this is cancelled: non-blocking reads would disturb other programs
    that share standard input.

    Raises:
        UsageError: a line is too long or not UTF-8, or standard input cannot be read.
    """
    tail = b""
    while data := await trio.to_thread.run_sync(_read_some, abandon_on_cancel=True):
        *lines, tail = (tail + data).split(b"\n")
        for line in lines:
            yield _decoded(line)
        if len(tail) > MAX_LINE:
            raise UsageError(f"a line of standard input is longer than {MAX_LINE} bytes")
    if tail:
        yield _decoded(tail)


def _read_some() -> bytes:
    try:
        return os.read(STDIN, _READ_SIZE)
    except BlockingIOError:
        select.select([STDIN], [], [])
        return _read_some()
    except OSError as error:
        if error.errno in (errno.EBADF, errno.EIO):  # closed, or its terminal is gone
            return b""
        raise UsageError(f"cannot read standard input: {error.strerror}") from error


def _decoded(line: bytes) -> str:
    try:
        return line.decode().rstrip("\r")
    except UnicodeDecodeError:
        raise UsageError("a line of standard input is not UTF-8") from None
