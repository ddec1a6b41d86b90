"""What a program writes to a pipe: lines, and text of lines."""

from __future__ import annotations

import os

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.errors import LineTooLong
from mpi_actors.programs.lines import LineCutter, PipeReader, TextCutter


class Pipe:
    """A pipe whose lines are read, or whose text is, where long lines are cut."""

    def __init__(self, limit: int = 100, *, cut: bool = False) -> None:
        reading, self.writing = os.pipe()
        self.stream = trio.lowlevel.FdStream(reading)
        self.reader = PipeReader(self.stream, TextCutter(limit) if cut else LineCutter(limit))
        self.lines: list[bytes] = []

    async def run(self) -> None:
        while lines := await self.reader.next():
            self.lines += lines

    def close(self) -> None:
        os.close(self.writing)
        self.stream.close()


async def test_settle_waits_for_all_that_was_written(nursery: trio.Nursery) -> None:
    """`next` returns whole lines, and at last the beginning of one; afterwards reading goes on."""
    pipe = Pipe()
    nursery.start_soon(pipe.run)
    for _ in range(3):
        os.write(pipe.writing, b"one\ntwo\nthr")
        await pipe.reader.settle()
        assert pipe.lines == [b"one\n", b"two\n", b"thr"]
        pipe.lines.clear()
    await pipe.reader.settle()
    assert pipe.lines == []
    nursery.cancel_scope.cancel()
    pipe.close()


async def test_settle_at_the_end_is_over_at_once() -> None:
    """The last line without an end stays for the caller, who knows how the program ended."""
    pipe = Pipe()
    os.write(pipe.writing, b"one\ntwo")
    os.close(pipe.writing)
    await pipe.run()
    assert pipe.lines == [b"one\n"]
    await pipe.reader.settle()
    assert (pipe.reader.pending, pipe.reader.rest(), pipe.reader.pending) == (3, [b"two"], 0)
    pipe.stream.close()


async def test_long_lines_are_an_error_or_cut() -> None:
    """The caller of the reader chooses."""
    pipe = Pipe(10)
    os.write(pipe.writing, b"x" * 11)
    with pytest.raises(LineTooLong):
        await pipe.reader.next()
    pipe.close()
    pipe = Pipe(10, cut=True)
    os.write(pipe.writing, b"x" * 11)
    assert await pipe.reader.next() == [b"x" * 11]
    pipe.close()


TEXTS = st.lists(st.binary(max_size=30) | st.sampled_from([b"\n", b"a\r", b"\r\n", b"\0", b"\xff\n"]))


@given(TEXTS, st.sampled_from([TextCutter(10), LineCutter(1000)]))
def test_each_byte_comes_out_as_it_was(reads: list[bytes], cutter: TextCutter | LineCutter) -> None:
    """Whatever a program writes and however it is read: also carriage returns, zeros, bytes that are no text.

    Pieces but the last one end with a line, or are long.
    """
    pieces = [piece for data in reads for piece in cutter.feed(data)]
    assert all(piece.endswith(b"\n") or len(piece) > 10 for piece in pieces)
    pieces += cutter.end()
    assert b"".join(pieces) == b"".join(reads)
    assert cutter.pending == 0
