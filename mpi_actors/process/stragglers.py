"""What is left to do when a warden was killed: end the descendants that it can no longer end."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from .warden_main import marker_of

_PASSES = 20
_PAUSE = 0.01  # seconds, for the killed to die


def kill_marked(token: str) -> None:
    """Kill every process whose marker is of the warden with this token.

    A process can fork while we look, so it looks again until a pass finds none (at most 20 times).
    Reads all of /proc and pauses between passes: call it in a thread.
    """
    prefix = token.encode() + b"."
    for _ in range(_PASSES):
        if not [name for name in os.listdir("/proc") if name.isdigit() and _end(int(name), prefix)]:
            return
        time.sleep(_PAUSE)


def _end(pid: int, prefix: bytes) -> bool:
    """Kill the process if it is marked; whether it may still be there."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        # The handle came first, so the process that is read about is the one that is killed.
        marker = marker_of(pid)
        if marker is None:
            return True
        if not marker.startswith(prefix):
            return False
        with suppress(ProcessLookupError, PermissionError):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
        return True
    finally:
        os.close(handle)
