"""Standard input of `run`, as it comes, without keeping anybody waiting who has something else to do."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import AsyncIterator

import trio

_READ = 64 * 1024
_AGAIN = 0.5
"""Seconds after which it is tried again to read a terminal that is somebody else's now."""


async def standard_input() -> AsyncIterator[bytes]:
    """What descriptor 0 gives, to its end; an error in reading is an end, too.

    While we are in the background of a terminal, its input is left to whoever is in front.
    """
    # ignored, so that the kernel refuses to give us what is not ours, and does not stop us
    before = signal.signal(signal.SIGTTIN, signal.SIG_IGN)
    try:
        while True:
            try:
                # in a thread that is left behind if nothing comes: it may be a file, for which none can wait
                data = await trio.to_thread.run_sync(os.read, 0, _READ, abandon_on_cancel=True)
            except OSError as error:
                if error.errno != errno.EIO or not os.isatty(0):
                    return
                await trio.sleep(_AGAIN)
                continue
            if not data:
                return
            yield data
    finally:
        signal.signal(signal.SIGTTIN, before)
