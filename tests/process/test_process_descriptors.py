"""Writing to descriptors."""

from __future__ import annotations

import os
import threading

import pytest

from mpi_actors.process.descriptors import write_all


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_all_of_it_is_written_however_slowly_it_is_read(blocking: bool, kind: type) -> None:
    """A pipe takes 64 KiB at a time; a non-blocking one is waited for."""
    data = os.urandom(300_000)
    read, write = os.pipe()
    os.set_blocking(write, blocking)
    found = bytearray()

    def reader() -> None:
        while piece := os.read(read, 10_000):
            found.extend(piece)

    thread = threading.Thread(target=reader)
    thread.start()
    try:
        write_all(write, kind(data))
    finally:
        os.close(write)
        thread.join()
        os.close(read)
    assert found == data


def test_a_pipe_that_nobody_reads_is_broken() -> None:
    """The writer learns of it by an error."""
    read, write = os.pipe()
    os.close(read)
    try:
        with pytest.raises(BrokenPipeError):
            write_all(write, b"x")
    finally:
        os.close(write)
