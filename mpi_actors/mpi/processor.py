"""The host that this process is on: its name, and a number that processes on one host share."""

from __future__ import annotations

import os

from xxhash import xxh3_64_intdigest

from ..wire.environment import PROCESSOR


def Get_processor_name() -> str:
    """Return the name of this host.

    A rank that was moved to another host returns the name of its first host, since its earlier incarnation
    may have sent that name to other ranks.
    """
    return os.environ.get(PROCESSOR) or os.uname().nodename


def host_color() -> int:
    """Return a number, below 2**62, that processes on the same host share: a digest of the host's name."""
    return xxh3_64_intdigest(Get_processor_name().encode()) >> 2
