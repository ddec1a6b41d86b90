"""Hypothesis strategies that several test folders share."""

from __future__ import annotations

from collections.abc import Mapping

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mpi_actors.faults import (
    After,
    AtEvent,
    CutOff,
    Fault,
    FaultPlan,
    FreezePeer,
    KillPeer,
    KillProcess,
    Partition,
    Trigger,
)


def triggers(horizon: float = 5.0, events: Mapping[str, int] | None = None) -> SearchStrategy[Trigger]:
    """When a fault begins: within `horizon` seconds, or at one of the first so many events of each kind."""
    timed = st.integers(0, int(horizon * 1000)).map(lambda ms: After(ms / 1000))
    kinds = (events or {}).items()
    counted = [st.builds(AtEvent, st.just(kind), st.integers(1, most)) for kind, most in kinds]
    return st.one_of(timed, *counted)


def partitions(
    peers: int, seconds: SearchStrategy[float], when: SearchStrategy[Trigger]
) -> SearchStrategy[Partition]:
    """Two groups that hold all of at least two peers."""
    members = st.sets(st.integers(0, peers - 1), min_size=1, max_size=peers - 1)
    groups = members.map(lambda one: (tuple(sorted(one)), tuple(sorted(set(range(peers)) - one))))
    return st.builds(Partition, groups, seconds, when)


@st.composite
def fault_plans(
    draw: st.DrawFn,
    *,
    peers: int,
    ranks: int,
    max_faults: int = 4,
    horizon: float = 5.0,
    events: Mapping[str, int] | None = None,
    spare: frozenset[int] = frozenset({0}),
) -> FaultPlan:
    """Plans for `peers` peers and `ranks` ranks that never kill a peer of `spare`; they shrink to no fault.

    `spare` must name a peer that exists if somebody is to be left.

    Simpler faults come first: hypothesis prefers a killed process to a killed peer, and that to a stop.
    """
    when = triggers(horizon, events)
    seconds = st.integers(0, int(horizon * 500)).map(lambda ms: ms / 1000)
    kinds: list[SearchStrategy[Fault]] = []
    if ranks:
        kinds.append(st.builds(KillProcess, st.integers(0, ranks - 1), when))
    mortal = sorted(set(range(peers)) - spare)
    if mortal:
        kinds.append(st.builds(KillPeer, st.sampled_from(mortal), when))
    kinds.append(st.builds(FreezePeer, st.integers(0, peers - 1), seconds, when))
    if peers > 1:
        pairs = st.lists(st.integers(0, peers - 1), min_size=2, max_size=2, unique=True)
        kinds.append(st.builds(lambda pair, s, w: CutOff(pair[0], pair[1], s, w), pairs, seconds, when))
        kinds.append(partitions(peers, seconds, when))
    faults = draw(st.lists(st.one_of(kinds), max_size=max_faults))
    return FaultPlan(tuple(faults), draw(st.integers(0, 2**32 - 1)))
