"""The choice of a host, as a pure function of what is known of the candidates."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from .ids import PeerId


@attrs.frozen(kw_only=True)
class Candidate:
    """What the coordinator knows of a peer when it chooses."""

    peer: PeerId
    has_interpreter: bool
    slots: int
    """Ranks that the peer takes gladly."""
    running: int
    """Ranks that it hosts or has been given, of all jobs."""
    full: bool = False
    """It takes no more."""
    latency: float = 0.0
    """Seconds there and back; 0 for ourselves."""
    blame: int = 0
    """Ranks that this job has lost or been refused there."""
    tried: bool = False
    """This very rank has been lost or refused there."""


def elect(candidates: Iterable[Candidate], *, prefer: PeerId | None = None) -> PeerId | None:
    """Choose who hosts a rank, or None when nobody can.

    Only peers that offer the interpreter and are not full are considered. `prefer` wins if it is one of
    them. Else, in this order: not tried for this rank; a free slot; the least blame; the least load for its
    slots; the smallest latency (in steps of 5 ms, so that noise does not decide); the peer id, so that equal
    knowledge gives equal choices.
    """
    able = [c for c in candidates if c.has_interpreter and not c.full]
    if prefer is not None and any(c.peer == prefer for c in able):
        return prefer
    return min(able, key=_rank_of).peer if able else None


def _rank_of(candidate: Candidate) -> tuple[bool, bool, int, float, int, str]:
    slots = max(candidate.slots, 1)
    return (
        candidate.tried,
        candidate.running >= slots,
        candidate.blame,
        candidate.running / slots,
        int(candidate.latency / 0.005),
        candidate.peer,
    )
