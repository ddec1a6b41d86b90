"""The names of things: peers, jobs, ranks, incarnations."""

from __future__ import annotations

import secrets
from typing import NewType

import attrs

PeerId = NewType("PeerId", str)
"""A peer's libp2p identity, base58 (`12D3Koo…`); it contains the public key."""

JobId = NewType("JobId", str)
"""A job's name: 16 hexadecimal digits, made at random by the peer that starts it."""

Rank = int
"""A place in a job: 0 … n-1."""

Incarnation = int
"""Which attempt at a place: 0, 1, 2 …"""

COORDINATOR: Rank = 0xFFFF_FFFF
"""The rank number under which a job's coordinator receives what ranks report to it."""

MAX_RANKS = 4096
"""The largest job."""


def new_job_id() -> JobId:
    """A fresh job id, from the system's randomness."""
    return JobId(secrets.token_hex(8))


def short_peer(peer: str | None) -> str:
    """Return the end of a peer's id, which is enough to name it: all ids begin alike."""
    return f"…{peer[-8:]}" if peer else "no peer"


@attrs.frozen(order=True)
class Seat:
    """A place in one job: the address of whoever sits there now."""

    job: JobId
    rank: Rank

    def __str__(self) -> str:
        return f"{self.job[:8]}/{'coordinator' if self.rank == COORDINATOR else self.rank}"
