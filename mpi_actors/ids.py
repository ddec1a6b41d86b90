"""The names of things: peers, jobs, ranks, incarnations."""

from __future__ import annotations

import secrets
from typing import NewType

import attrs

PeerId = NewType("PeerId", str)
"""The libp2p identity of a peer in base58 (`12D3Koo…`); it contains the peer's public key."""

JobId = NewType("JobId", str)
"""The name of a job: 16 random hexadecimal digits, made by the peer that starts it."""

Rank = int
"""A place in a job with n ranks: 0 … n-1."""

Incarnation = int
"""Which attempt at a rank: 0, 1, 2 …"""

COORDINATOR: Rank = 0xFFFF_FFFF
"""The rank number of a job's coordinator, to which ranks send their reports: the largest in 32 bits."""

MAX_RANKS = 4096
"""Ranks in a job at most. This bounds the memory that a peer sets aside for a job that another names."""


def new_job_id() -> JobId:
    """Make a new job id from the system's randomness."""
    return JobId(secrets.token_hex(8))


SECRET_SIZE = 32
"""Bytes of a job's secret: as many as a key that nobody can guess."""


def new_job_secret() -> bytes:
    """Make the secret of a new job from the system's randomness: its ranks' entropy comes from it."""
    return secrets.token_bytes(SECRET_SIZE)


def short_peer(peer: str | None) -> str:
    """Return the end of a peer's id, which is enough to name it: all ids begin alike."""
    return f"…{peer[-8:]}" if peer else "no peer"


@attrs.frozen(order=True)
class JobRank:
    """A rank of one job, whichever incarnation is the present one."""

    job: JobId
    rank: Rank

    def __str__(self) -> str:
        return f"{self.job[:8]}/{'coordinator' if self.rank == COORDINATOR else self.rank}"
