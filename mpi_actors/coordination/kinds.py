"""How the kinds of two hosts differ, in words for people."""

from __future__ import annotations

from collections.abc import Iterable

from ..errors import ReplayDivergence
from ..wire.fields import HostKind
from .seats import Seat


def difference(before: HostKind, now: HostKind) -> str:
    """Return what the host `now` has other than the host `before`; empty for hosts of one kind."""
    parts = []
    if before.processor != now.processor:
        parts.append(f"a processor {_of_processors(before.processor.split(), now.processor.split())}")
    if before.python != now.python:
        parts.append(f"Python {now.python or '?'} instead of {before.python or '?'}")
    if before.numpy != now.numpy:
        parts.append(f"NumPy {now.numpy or '(none)'} instead of {before.numpy or '(none)'}")
    return ", ".join(parts)


def name_moves(reason: str, seats: Iterable[Seat]) -> str:
    """Return why a job has ended; of a `ReplayDivergence`, with the ranks that moved to another kind."""
    if ReplayDivergence.__name__ not in reason:
        return reason
    return reason + "".join(
        f". Rank {seat.rank} has moved to a host with {seat.moved}: there the last bits of its arithmetic "
        "may differ"
        for seat in seats
        if seat.moved
    )


def _of_processors(before: list[str], now: list[str]) -> str:
    if before[:1] != now[:1]:
        return f"of the architecture {' '.join(now[:1]) or '?'} instead of {' '.join(before[:1]) or '?'}"
    less = sorted(set(before) - set(now))
    more = sorted(set(now) - set(before))
    parts = [f"without {' '.join(less)}"] if less else []
    parts += [f"with {' '.join(more)}"] if more else []
    return " and ".join(parts)
