"""Ends the descendants of a warden process that was killed, and so could not end them itself."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress

from .warden_main import marker_of

_PASSES = 20
"""Times that we look for marked processes: more than a chain of forks survives."""
_PAUSE = 0.01
"""Seconds between two passes: killed processes need about as long to die."""


def kill_marked(token: str) -> None:
    """Kill every process whose marker has the token of that warden process.

    A process can fork while we look, so we look again until a pass finds none, at most `_PASSES` times. This
    reads all of /proc and sleeps between passes: call it in a thread.
    """
    prefix = token.encode() + b"."
    for _ in range(_PASSES):
        if not [name for name in os.listdir("/proc") if name.isdigit() and _end(int(name), prefix)]:
            return
        time.sleep(_PAUSE)


def _end(pid: int, prefix: bytes) -> bool:
    """Kill the process if it is marked; return whether it may still be there."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        return False
    try:
        # We hold the process already, so the environment that we read is that of the process that we kill.
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
