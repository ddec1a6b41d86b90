"""Which host this process is on, as a color for splitting communicators."""

from __future__ import annotations

from xxhash import xxh3_64_intdigest

from .environment import Get_processor_name


def host_color() -> int:
    """A number that processes on the same host share: a digest of the host's name, below 2**62."""
    return xxh3_64_intdigest(Get_processor_name().encode()) >> 2
