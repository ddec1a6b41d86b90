"""Which host this process is on, as a color for splitting communicators."""

from __future__ import annotations

import os

from xxhash import xxh3_64_intdigest


def host_color() -> int:
    """A number that processes on the same host share: a digest of the host's name, below 2**62."""
    return xxh3_64_intdigest(os.uname().nodename.encode()) >> 2
