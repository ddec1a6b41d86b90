"""The choice of a host, as a pure function of what is known of the candidates."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from ..ids import PeerId


@attrs.frozen(kw_only=True)
class Candidate:
    """What the coordinator knows of a peer when it chooses."""

    peer: PeerId
    has_interpreter: bool
    """It is installed there."""
    could_install: bool = False
    """It is not, but the peer would install it first."""
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

    Only peers that have the interpreter or could install it, and are not full, are considered. `prefer` wins
    if it is one of them. Else, in this order: not tried for this rank; the best seat, see below; the least
    blame; the least load for its slots; having the interpreter; the smallest latency (in steps of 5 ms, so
    that noise does not decide); the peer id, so that equal knowledge gives equal choices.

    An installation may take minutes, so somewhat too many ranks are better than a wait for it, but not any
    number. The best seat is a free slot where the interpreter is; then one on a peer that has it and runs up
    to twice as many ranks as it has slots; then a free slot where it would be installed; then any other.
    """
    able = [c for c in candidates if (c.has_interpreter or c.could_install) and not c.full]
    if prefer is not None and any(c.peer == prefer for c in able):
        return prefer
    return min(able, key=_rank_of).peer if able else None


def _rank_of(candidate: Candidate) -> tuple[bool, int, int, float, bool, int, str]:
    slots = max(candidate.slots, 1)
    return (
        candidate.tried,
        _seat_class(candidate, slots),
        candidate.blame,
        candidate.running / slots,
        not candidate.has_interpreter,
        int(candidate.latency / 0.005),
        candidate.peer,
    )


def _seat_class(candidate: Candidate, slots: int) -> int:
    free = candidate.running < slots
    if candidate.has_interpreter:
        return 0 if free else 1 if candidate.running < 2 * slots else 3
    return 2 if free else 3
