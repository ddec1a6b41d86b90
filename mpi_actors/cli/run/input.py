"""Standard input of `run`, as it comes."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import AsyncIterator

import trio

_READ_SIZE = 64 * 1024
"""Bytes that are read at once: what a pipe holds."""
_RETRY_INTERVAL = 0.5
"""Seconds between two attempts to read a terminal while another process group has it."""


async def standard_input() -> AsyncIterator[bytes]:
    """Yield what descriptor 0 gives, until its end or an error.

    While this process is in the background of a terminal, it leaves the input to the foreground processes.
    """
    # ignore SIGTTIN: the kernel then refuses a read in the background, and does not stop this process
    before = signal.signal(signal.SIGTTIN, signal.SIG_IGN)
    try:
        while True:
            try:
                # read in a thread, which stays behind when cancelled: no event loop can wait for a file
                data = await trio.to_thread.run_sync(os.read, 0, _READ_SIZE, abandon_on_cancel=True)
            except OSError as error:
                if error.errno != errno.EIO or not os.isatty(0):
                    return
                await trio.sleep(_RETRY_INTERVAL)
                continue
            if not data:
                return
            yield data
    finally:
        signal.signal(signal.SIGTTIN, before)
