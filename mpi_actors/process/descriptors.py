"""Writing to file descriptors."""

from __future__ import annotations

import os
import select


def write_all(fd: int, data: bytes | bytearray | memoryview) -> None:
    """Write all bytes of `data` to a descriptor. This blocks, even if the descriptor is non-blocking.

    Raises:
        OSError: the descriptor cannot be written to; BrokenPipeError if nobody reads a pipe any more.
    """
    with memoryview(data) as view:
        at = 0
        while at < len(view):
            try:
                at += os.write(fd, view[at:])
            except BlockingIOError:
                # another process with which we share the file made it non-blocking
                poll = select.poll()
                poll.register(fd, select.POLLOUT)
                poll.poll()
