"""Hypothesis strategies that several test folders share."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import attrs
import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from mpi_actors.faults import (
    After,
    AtEvent,
    CutOff,
    DropLane,
    Fault,
    FaultPlan,
    FreezePeer,
    KillPeer,
    KillProcess,
    Partition,
    SlowLink,
    Trigger,
)
from mpi_actors.wire.messages import REGISTRY


def triggers(horizon: float = 5.0, events: Mapping[str, int] | None = None) -> SearchStrategy[Trigger]:
    """Generate triggers: within `horizon` seconds, or at one of the first events of each kind."""
    timed = st.integers(0, int(horizon * 1000)).map(lambda ms: After(ms / 1000))
    kinds = (events or {}).items()
    counted = [st.builds(AtEvent, st.just(kind), st.integers(1, most)) for kind, most in kinds]
    return st.one_of(timed, *counted)


def partitions(
    peers: int, seconds: SearchStrategy[float], when: SearchStrategy[Trigger]
) -> SearchStrategy[Partition]:
    """Generate partitions into two groups that have all peers, of which there are at least two."""
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
    if ranks > 1:
        two = st.lists(st.integers(0, ranks - 1), min_size=2, max_size=2, unique=True)
        kinds.append(st.builds(lambda pair, w: DropLane(pair[0], pair[1], w), two, when))
    mortal = sorted(set(range(peers)) - spare)
    if mortal:
        kinds.append(st.builds(KillPeer, st.sampled_from(mortal), when))
    kinds.append(st.builds(FreezePeer, st.integers(0, peers - 1), seconds, when))
    if peers > 1:
        pairs = st.lists(st.integers(0, peers - 1), min_size=2, max_size=2, unique=True)
        kinds.append(st.builds(lambda pair, s, w: CutOff(pair[0], pair[1], s, w), pairs, seconds, when))
        delays = st.integers(0, 500).map(lambda ms: ms / 1000)
        kinds.append(
            st.builds(lambda p, d, s, w: SlowLink(p[0], p[1], d, s, w), pairs, delays, seconds, when)
        )
        kinds.append(partitions(peers, seconds, when))
    faults = draw(st.lists(st.one_of(kinds), max_size=max_faults))
    return FaultPlan(tuple(faults), draw(st.integers(0, 2**32 - 1)))


# --- bytes and messages -----------------------------------------------------------------------------------


def cut(data: bytes) -> SearchStrategy[list[bytes]]:
    """Generate the same bytes in pieces, none empty, as a stream may deliver them."""
    places = st.lists(st.integers(1, max(1, len(data) - 1)), max_size=8, unique=True)
    ways = places | st.just(list(range(1, len(data)))) if len(data) < 500 else places

    def pieces(at: list[int]) -> list[bytes]:
        bounds = [0, *sorted(place for place in at if place < len(data)), len(data)]
        return [data[start:end] for start, end in itertools.pairwise(bounds) if start < end]

    return ways.map(pieces)


def control_messages(classes: Collection[type] = tuple(REGISTRY.values())) -> SearchStrategy[Any]:
    """Generate messages of these classes, within the limits of their types."""
    return st.one_of([_of_class(cls) for cls in classes])


def _of_class(cls: type) -> SearchStrategy[Any]:
    hints = get_type_hints(cls, include_extras=True)
    return st.builds(cls, **{name: _of_type(hint) for name, hint in hints.items()})


def _of_type(hint: Any) -> SearchStrategy[Any]:
    inner, limits = get_args(hint) if get_origin(hint) is Annotated else (hint, msgspec.Meta())
    if attrs.has(inner):
        return _of_class(inner)
    if inner is bool:
        return st.booleans()
    if inner is int:
        return st.integers(limits.ge, limits.le)
    if inner is bytes:
        return st.binary(max_size=min(limits.max_length, 40))
    if inner is str and limits.pattern:
        return st.binary(min_size=8, max_size=8).map(bytes.hex)
    if inner is str:
        return st.text(st.characters(codec="utf-8"), max_size=min(limits.max_length, 40))
    if get_origin(inner) in (UnionType, Union):
        some = [each for each in get_args(inner) if each is not NoneType]
        return st.none() | st.one_of([_of_type(each) for each in some])
    assert get_origin(inner) is tuple, f"no strategy for {hint}"
    return st.lists(_of_type(get_args(inner)[0]), max_size=3).map(tuple)
