"""How the members of a communicator agree when they make another one of it."""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct
from typing import Any

from ...collectives import KIND_COMMUNICATOR, allgather, bcast_object
from ...engine import Box, Schedule
from ...pickles.messages import dumps, loads
from ..state import CommState
from .lineage import union

_PAIR = Struct("<qq")
"""Two signed numbers of eight bytes, in the same order on every machine."""


def all_pairs(state: CommState, first: int, second: int) -> list[tuple[int, int]]:
    """Exchange two numbers with all members. Return the pairs of all, in the order of `union`."""
    members = union(state)
    size = len(members)
    mine = members.index(state.engine.rank)
    memory = bytearray(size * _PAIR.size)
    view = memoryview(memory)
    blocks = [view[at : at + _PAIR.size] for at in range(0, len(memory), _PAIR.size)]
    _PAIR.pack_into(memory, mine * _PAIR.size, first, second)
    schedule = Schedule(KIND_COMMUNICATOR)
    allgather(schedule, mine, size, blocks)
    state.engine.run(schedule, state.context + 1, state.collective_tag(), members)
    return [(pair[0], pair[1]) for pair in _PAIR.iter_unpack(memory)]


def tell(state: CommState, value: Any, root: int) -> Any:
    """Send a value from the root of the local group to all its members. Return the value at each of them."""
    box = Box(dumps(value) if state.rank == root else b"")
    schedule = Schedule(KIND_COMMUNICATOR)
    bcast_object(schedule, state.rank, len(state.members), box, root)
    state.engine.run(schedule, state.context + 1, state.collective_tag(), state.members)
    return loads(box.value)


def ordered(given: Sequence[tuple[int, int]], color: int, members: Sequence[int]) -> tuple[int, ...]:
    """The members that gave this color, ordered by the key that they gave and then by rank.

    `given` has a pair (color, key) for each of the `members`.
    """
    chosen = [(key, rank) for rank, (theirs, key) in enumerate(given) if theirs == color]
    return tuple(members[rank] for _, rank in sorted(chosen))
