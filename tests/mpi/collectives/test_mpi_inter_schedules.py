"""Collective operations between two groups."""

from __future__ import annotations

import operator
import pickle
from collections.abc import Callable
from typing import Any

from collective_data import blank, combined, compose, pattern, read_only, reducer_for
from hypothesis import given, settings
from hypothesis import strategies as st
from schedule_simulator import joined, simulate

from mpi_actors.mpi import collectives
from mpi_actors.mpi.collectives import Cell
from mpi_actors.mpi.constants import PROC_NULL, ROOT
from mpi_actors.mpi.engine.schedule import Box, Data, Schedule, SendStep

sizes = st.tuples(st.integers(1, 6), st.integers(1, 6))
seeds = st.integers(0, 2**32 - 1)
some = settings(max_examples=25, deadline=None)

Build = Callable[[Schedule, int, int, int, int], None]
"""Takes the schedule, the group, the rank in the group, and the sizes of this and the other group."""


def between(both: tuple[int, int], build: Build, seed: int) -> None:
    """Run what each member of two groups does; a member sees the other group after its own."""

    def member(s: Schedule, number: int) -> None:
        first, second = both
        if number < first:
            build(s, 0, number, first, second)
            return
        build(s, 1, number - first, second, first)
        for steps in s.rounds:
            for step in steps:
                if isinstance(step, SendStep):
                    step.dest = (step.dest + first) % (first + second)
                elif not callable(step):
                    step.source = (step.source + first) % (first + second)

    simulate(sum(both), member, seed)


def root_for(group: int, rank: int, root: int) -> int:
    """The argument `root` of a rank when member `root` of group 0 is the root."""
    return root if group else ROOT if rank == root else PROC_NULL


@some
@given(sizes, seeds)
def test_barrier(both: tuple[int, int], seed: int) -> None:
    """No rank leaves before all of the other group have entered."""
    entered: list[tuple[int, int]] = []
    early: list[tuple[int, int]] = []

    def build(s: Schedule, group: int, rank: int, here: int, there: int) -> None:
        def leave() -> None:
            if sum(who[0] != group for who in entered) < there:
                early.append((group, rank))

        s.compute(lambda: entered.append((group, rank)))
        collectives.inter_barrier(s, rank, here, there)
        s.compute(leave)

    between(both, build, seed)
    assert len(entered) == sum(both)
    assert early == []


@some
@given(sizes, seeds, st.integers(0, 30))
def test_bcast(both: tuple[int, int], seed: int, length: int) -> None:
    """All of the other group have the root's bytes; the others of the root's group take no part."""
    root = seed % both[0]
    message = pattern(root, length)
    buffers = blank([length] * both[1])
    boxes = [Box() for _ in range(both[1])]

    def build(s: Schedule, group: int, rank: int, here: int, there: int) -> None:
        buf = buffers[rank] if group else read_only(message)
        collectives.inter_bcast(s, rank, here, there, buf, root_for(group, rank, root))
        box = boxes[rank] if group else Box(message)
        collectives.inter_bcast_object(s, rank, here, there, box, root_for(group, rank, root))

    between(both, build, seed)
    assert [bytes(buffer) for buffer in buffers] == [message] * both[1]
    assert [joined(box.value) for box in boxes] == [message] * both[1]


@some
@given(sizes, seeds)
def test_gather_and_scatter(both: tuple[int, int], seed: int) -> None:
    """Blocks of any sizes get from the root to the other group and back, in memory and in boxes."""
    root = seed % both[0]
    blocks = [pattern(rank, rank * 3 % 5) for rank in range(both[1])]
    gathered, scattered = blank(list(map(len, blocks))), blank(list(map(len, blocks)))
    boxes, box = [Box() for _ in blocks], [Box() for _ in blocks]

    def build(s: Schedule, group: int, rank: int, here: int, there: int) -> None:
        where = root_for(group, rank, root)
        mine = read_only(blocks[rank]) if group else None
        collectives.inter_gatherv(s, rank, here, there, mine, None if group else gathered, where)
        at = scattered[rank] if group else None
        given = None if group else [read_only(block) for block in blocks]
        collectives.inter_scatterv(s, rank, here, there, given, at, where)
        collectives.inter_gather_objects(
            s, rank, here, there, Box(blocks[rank]) if group else None, None if group else boxes, where
        )
        collectives.inter_scatter_objects(
            s, rank, here, there, None if group else boxes, box[rank] if group else None, where
        )

    between(both, build, seed)
    assert [bytes(view) for view in gathered] == blocks
    assert [bytes(view) for view in scattered] == blocks
    assert [joined(item.value) for item in boxes] == blocks
    assert [joined(item.value) for item in box] == blocks


@some
@given(sizes, seeds)
def test_allgather_and_alltoall(both: tuple[int, int], seed: int) -> None:
    """Blocks of any sizes get from all of one group to all of the other."""
    own = [[pattern(rank, (rank + group) % 4, group) for rank in range(both[group])] for group in (0, 1)]
    each = [
        [[pattern(i, (i + 2 * j) % 4, j + group) for j in range(both[1 - group])] for i in range(both[group])]
        for group in (0, 1)
    ]
    all_of = [[blank(list(map(len, own[1 - group]))) for _ in range(both[group])] for group in (0, 1)]
    each_of = [
        [blank([len(row[i]) for row in each[1 - group]]) for i in range(both[group])] for group in (0, 1)
    ]

    def build(s: Schedule, group: int, rank: int, here: int, there: int) -> None:
        collectives.inter_allgather(s, rank, here, there, read_only(own[group][rank]), all_of[group][rank])
        given = [read_only(block) for block in each[group][rank]]
        collectives.inter_alltoallv(s, rank, here, there, given, each_of[group][rank])

    between(both, build, seed)
    for group in (0, 1):
        for rank in range(both[group]):
            assert [bytes(view) for view in all_of[group][rank]] == own[1 - group]
            assert [bytes(view) for view in each_of[group][rank]] == [row[rank] for row in each[1 - group]]


@some
@given(sizes, seeds, st.integers(0, 5))
def test_reductions(both: tuple[int, int], seed: int, count: int) -> None:
    """Each group has the other's contributions, combined in the order of ranks; no contribution changes."""
    root, item = seed % both[0], 2
    count = count * both[0] * both[1]
    data = [[pattern(rank, item * count, group) for rank in range(both[group])] for group in (0, 1)]
    at_root = blank([item * count])[0]
    everywhere = [blank([item * count] * both[group]) for group in (0, 1)]
    counts = [[count // both[group]] * both[group] for group in (0, 1)]
    parts = [blank([item * number for number in counts[group]]) for group in (0, 1)]
    how = (reducer_for(compose, item), item, False)

    def build(s: Schedule, group: int, rank: int, here: int, there: int) -> None:
        mine = read_only(data[group][rank])
        where = root_for(group, rank, root)
        buf = mine if group else at_root if where == ROOT else None
        collectives.inter_reduce(s, rank, here, there, buf, *how, where)
        collectives.inter_allreduce(s, rank, here, there, mine, everywhere[group][rank], *how)
        collectives.inter_reduce_scatter(s, rank, here, there, mine, counts[group], parts[group][rank], *how)

    between(both, build, seed)
    results = [combined(compose, data[group]) for group in (0, 1)]
    assert bytes(at_root) == results[1]
    for group in (0, 1):
        assert {bytes(view) for view in everywhere[group]} == {results[1 - group]}
        assert b"".join(parts[group]) == results[1 - group]


def loads(data: Data) -> Any:
    return pickle.loads(joined(data))


@some
@given(sizes, seeds)
def test_reductions_of_objects(both: tuple[int, int], seed: int) -> None:
    """Each group has the other's objects, combined in the order of ranks."""
    root = seed % both[0]
    reduced = [[Cell(f"{group}{rank}.") for rank in range(both[group])] for group in (0, 1)]
    everywhere = [[Cell(f"{group}{rank}.") for rank in range(both[group])] for group in (0, 1)]
    how = (operator.add, pickle.dumps, loads)

    def build(s: Schedule, group: int, rank: int, here: int, there: int) -> None:
        where = root_for(group, rank, root)
        collectives.inter_reduce_objects(s, rank, here, there, reduced[group][rank], *how, where)
        collectives.inter_allreduce_objects(s, rank, here, there, everywhere[group][rank], *how)

    between(both, build, seed)
    results = ["".join(f"{group}{rank}." for rank in range(both[group])) for group in (0, 1)]
    assert reduced[0][root].value == results[1]
    for group in (0, 1):
        assert {cell.value for cell in everywhere[group]} == {results[1 - group]}
