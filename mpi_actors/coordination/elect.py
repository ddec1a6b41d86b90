"""The choice of a host, as a pure function of what is known of the candidates."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import attrs

from ..ids import PeerId
from ..wire.fields import HostKind

_LATENCY_STEP = 0.005
"""Seconds: latencies within one step count as equal, so that noise does not choose the host."""
_CROWDED = 2
"""Ranks per slot up to which a peer that has the interpreter is better than a wait for an installation."""


@attrs.frozen(kw_only=True)
class PeerView:
    """What a coordinator knows of a peer that could host ranks."""

    peer: PeerId
    has_interpreter: bool
    """The interpreter is installed there."""
    could_install: bool = False
    """The interpreter is not installed there, but the peer would install it for a rank."""
    slots: int
    """Ranks that the peer can run without crowding."""
    running: int
    """Ranks that the peer hosts or has been given, of all jobs."""
    full: bool = False
    """The peer accepts no more ranks."""
    latency: float = 0.0
    """Seconds for a round trip to the peer; 0 for the coordinator's own peer."""
    kind: HostKind = attrs.field(factory=HostKind)

    @property
    def offers(self) -> bool:
        """Whether the peer has the interpreter, or could have it."""
        return self.has_interpreter or self.could_install

    @property
    def able(self) -> bool:
        """Whether the peer, by its own account, can take a rank."""
        return self.offers and not self.full

    def with_at_least(self, running: int) -> PeerView:
        """Return this view with `running` raised to the given number of ranks, if it is lower."""
        return self if self.running >= running else attrs.evolve(self, running=running)


def elect(
    candidates: Iterable[PeerView],
    *,
    prefer: PeerId | None = None,
    blame: Mapping[PeerId, int] | None = None,
    tried: Collection[PeerId] = (),
    like: HostKind | None = None,
) -> PeerId | None:
    """Choose the peer that hosts a rank; None when no candidate can.

    Only peers that are able (`PeerView.able`) are considered. `prefer` wins if it is one of them. Otherwise
    these decide, in this order: not tried for this rank; a host of the kind that the rank ran on before,
    since another one may compute other last bits; the best place (see below); the least blame; the least
    load for its slots; having the interpreter; the smallest latency (in steps of 5 ms, so that noise
    does not decide); the peer id, so that equal knowledge gives equal choices.

    An installation may take minutes, so a peer that is somewhat crowded is better than a wait for an
    installation; a peer that is very crowded is not. The best place is a free slot where the interpreter is;
    then one on a peer that has the interpreter and runs up to twice as many ranks as it has slots; then a
    free slot where the interpreter would be installed; then any other.

    Args:
        candidates: the peers to choose from.
        prefer: the peer that wins if it is able.
        blame: the number of ranks that the job has lost at, or that were refused by, each peer.
        tried: peers that have lost or refused this very rank.
        like: the kind of the host on which the rank ran first; None if it has not run.
    """
    blamed = blame or {}

    def order(view: PeerView) -> tuple[bool, bool, int, int, float, bool, int, str]:
        slots = max(view.slots, 1)
        return (
            view.peer in tried,
            like is not None and view.kind != like,
            _place_class(view, slots),
            blamed.get(view.peer, 0),
            view.running / slots,
            not view.has_interpreter,
            int(view.latency / _LATENCY_STEP),
            view.peer,
        )

    able = [view for view in candidates if view.able]
    if prefer is not None and any(view.peer == prefer for view in able):
        return prefer
    return min(able, key=order).peer if able else None


def _place_class(view: PeerView, slots: int) -> int:
    free = view.running < slots
    if view.has_interpreter:
        return 0 if free else 1 if view.running < _CROWDED * slots else 3
    return 2 if free else 3
