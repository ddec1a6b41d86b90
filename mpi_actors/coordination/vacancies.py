"""Who could take a rank that has no host, and why nobody can. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..ids import PeerId, short_peer
from .elect import PeerView
from .seats import Phase, Seat


def candidates(seat: Seat, seats: Iterable[Seat], peers: Iterable[PeerView]) -> Iterator[PeerView]:
    """Yield the peers that have not refused the rank, each with the ranks that this job has given it."""
    given: dict[PeerId, int] = {}
    for other in seats:
        if other.peer is not None and other.phase is not Phase.ENDED:
            given[other.peer] = given.get(other.peer, 0) + 1
    for view in peers:
        if view.peer not in seat.refused:
            # a peer's own count is late by a heartbeat or so
            yield view.with_at_least(given.get(view.peer, 0))


def why_vacant(seat: Seat, peers: Iterable[PeerView], program: str) -> str:
    """Return why no peer can take this rank, with a reason for each peer."""
    reasons = []
    for view in peers:
        if view.peer in seat.refused:
            reason = f"refused: {seat.refused[view.peer]}"
        elif not view.offers:
            reason = f"does not offer {program!r}"
        else:
            reason = "takes no more ranks"
        reasons.append(f"{short_peer(view.peer)} {reason}")
    return "; ".join(reasons) or "no peer is left"
