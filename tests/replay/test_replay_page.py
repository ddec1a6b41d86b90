"""The page keeps what a process wrote, outlives it, and names what is wrong with it."""

from __future__ import annotations

import os
import resource
import signal
import tempfile
from collections.abc import Callable
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.errors import BadPage, PageFull
from mpi_actors.replay.page import HEADER_SIZE, SCARCE, Page


@given(recovered=st.binary(max_size=300), written=st.lists(st.binary(max_size=40), max_size=20))
def test_what_a_rank_appends_is_read(recovered: bytes, written: list[bytes]) -> None:
    """The daemon reads all of it, or what came after a byte that it knows."""
    page = Page.create(recovered)
    rank = Page.open(os.dup(page.fd))
    assert rank.read() == recovered
    for data in written:
        before = page.written
        rank.append(data)
        assert page.read(before) == data
    assert page.read() == recovered + b"".join(written)
    assert page.read(page.written) == b""
    rank.close()
    page.close()


def test_it_outlives_the_process() -> None:
    """What a killed process has appended is there."""
    page = Page.create(b"first ")
    pid = os.fork()
    if pid == 0:
        rank = Page.open(os.dup(page.fd))
        rank.append(b"and second")
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)
    assert page.read() == b"first and second"
    page.close()


def fill(page: Page, piece: bytes) -> NoReturn:
    """Append for ever."""
    while True:
        page.append(piece)


def test_it_grows_to_its_limit_and_says_when_it_is_nearly_full() -> None:
    """`scarce` comes while there is room, `PageFull` when there is none; what was written stays."""
    limit = 8 * SCARCE
    page = Page.create()
    rank = Page.open(os.dup(page.fd), limit=limit)
    piece = bytes(range(256)) * 4
    while not rank.scarce:
        rank.append(piece)
    assert limit - SCARCE <= rank.written <= limit - SCARCE + len(piece)
    with pytest.raises(PageFull, match="is full"):
        fill(rank, piece)
    assert page.written == limit
    with pytest.raises(PageFull):
        rank.append(b"x")
    assert page.read() == piece * (limit // len(piece))
    rank.close()
    page.close()


def in_child(function: Callable[[], None]) -> int:
    """Run a function in a child process, and return the child's exit code."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            function()
            code = 0
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_memory_that_cannot_grow_is_an_error_and_no_signal() -> None:
    """A system that gives no more memory fills the page early; nothing that was written is lost."""
    page = Page.create()
    most = HEADER_SIZE + 4 * SCARCE

    def write() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        rank = Page.open(os.dup(page.fd))
        while not rank.scarce:
            rank.append(b"x" * 100)
        with pytest.raises(PageFull):
            fill(rank, b"y" * 100)

    assert in_child(write) == 0
    text = page.read()
    assert text.strip(b"x").strip(b"y") == b""
    assert SCARCE - 200 <= text.count(b"y") <= 4 * SCARCE
    page.close()


def test_a_page_that_cannot_be_made_is_an_error() -> None:
    """As when all memory, or all descriptors, are in use."""

    def make() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (HEADER_SIZE, HEADER_SIZE))
        with pytest.raises(PageFull, match="no memory"):
            Page.create()

    assert in_child(make) == 0


def test_nobody_can_cut_it() -> None:
    """A rank that tries gets an error, so that the daemon's reading stays safe."""
    page = Page.create(b"choices")
    with pytest.raises(OSError, match="not permitted"):
        os.ftruncate(page.fd, 10)
    assert page.read() == b"choices"
    page.close()


def forged(text: bytes, size: int) -> int:
    """The descriptor of a file that begins with a text."""
    with tempfile.TemporaryFile() as file:
        file.write(text)
        file.truncate(size)
        return os.dup(file.fileno())


@pytest.mark.parametrize("size", [0, 10, HEADER_SIZE - 1])
def test_a_page_cut_short_is_refused(size: int) -> None:
    """Before it is touched, since touching what is not there ends the process."""
    with pytest.raises(BadPage, match="less than its header"):
        Page.open(forged(b"", size))


def test_another_file_is_refused() -> None:
    """Its first bytes are not a page's."""
    with pytest.raises(BadPage, match="does not begin"):
        Page.open(forged(b"#!/bin/sh", 2 * HEADER_SIZE))


def test_a_closed_descriptor_is_refused() -> None:
    """The variable may name one that the process does not have."""
    fd = os.dup(0)
    os.close(fd)
    with pytest.raises(BadPage, match="cannot be opened"):
        Page.open(fd)


def test_a_pipe_is_refused() -> None:
    """It has no size."""
    one, other = os.pipe()
    with pytest.raises(BadPage):
        Page.open(one)
    os.close(other)


def test_a_count_beyond_the_memory_is_refused() -> None:
    """A process that scribbled over the header cannot make the daemon read what is not there."""
    page = Page.create(b"choices")
    os.pwrite(page.fd, b"\xff" * 8, 64)
    with pytest.raises(BadPage, match="claims"):
        page.read()
    os.pwrite(page.fd, bytes(8), 64)
    with pytest.raises(BadPage, match="had 7 bytes and now claims 0"):
        page.read(7)
    page.close()
