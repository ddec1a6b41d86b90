"""Broadcast, gather, scatter, allgather, alltoall, barrier and neighbours: each algorithm, in many sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from collective_data import blank, pattern, read_only, views
from hypothesis import given, settings
from hypothesis import strategies as st
from schedule_simulator import Simulation, simulate

from mpi_actors.mpi.collectives import choose
from mpi_actors.mpi.collectives.allgather import (
    allgather_bruck,
    allgather_recursive_doubling,
    allgather_ring,
)
from mpi_actors.mpi.collectives.alltoall import alltoall_bruck, alltoall_linear, alltoall_pairwise
from mpi_actors.mpi.collectives.barrier import barrier_dissemination
from mpi_actors.mpi.collectives.bcast import bcast_binomial, bcast_scatter_allgather
from mpi_actors.mpi.collectives.gather import gather_binomial, gather_linear
from mpi_actors.mpi.collectives.neighbor import neighbor_allgather, neighbor_alltoall
from mpi_actors.mpi.collectives.scatter import scatter_binomial, scatter_linear
from mpi_actors.mpi.engine.schedule import Box, Schedule

Algorithm = Callable[..., None]

SIZES = range(1, 10)
LENGTHS = (0, 1, 3, 40)
seeds = st.integers(0, 2**32 - 1)
some = settings(max_examples=25, deadline=None)


def check_bcast(algorithm: Algorithm, size: int, length: int, root: int, seed: int) -> Simulation:
    message = pattern(root, length)
    buffers = [read_only(message) if rank == root else blank([length])[0] for rank in range(size)]
    simulation = simulate(size, lambda s, rank: algorithm(s, rank, size, buffers[rank], root), seed)
    assert [bytes(buffer) for buffer in buffers] == [message] * size
    assert simulation.longest <= length
    return simulation


@pytest.mark.parametrize("algorithm", [bcast_binomial, bcast_scatter_allgather, choose.bcast])
@pytest.mark.parametrize("size", SIZES)
def test_bcast(algorithm: Algorithm, size: int) -> None:
    """All ranks have the bytes of the root."""
    for length in LENGTHS:
        for root in range(size):
            check_bcast(algorithm, size, length, root, seed=root)


@some
@given(
    st.sampled_from([bcast_binomial, bcast_scatter_allgather]), st.integers(1, 17), st.integers(0, 99), seeds
)
def test_bcast_in_any_order(algorithm: Algorithm, size: int, length: int, seed: int) -> None:
    """The result does not depend on the order in which messages arrive."""
    check_bcast(algorithm, size, length, seed % size, seed)


def test_bcast_of_boxes() -> None:
    """A payload whose size only the root knows gets to all ranks."""
    boxes = [Box(b"a payload" if rank == 3 else b"") for rank in range(7)]
    simulate(7, lambda s, rank: bcast_binomial(s, rank, 7, boxes[rank], 3))
    assert [box.value for box in boxes] == [b"a payload"] * 7


def test_long_broadcasts_are_divided() -> None:
    """No rank sends the whole of a long message at once."""
    length = choose.BCAST_LONG
    buffers = blank([length] * 8)
    simulation = simulate(8, lambda s, rank: choose.bcast(s, rank, 8, buffers[rank], 1))
    assert simulation.longest == length // 2


def check_gather(
    algorithm: Algorithm, size: int, lengths: list[int], root: int, in_place: bool, seed: int
) -> None:
    blocks = [pattern(rank, lengths[rank]) for rank in range(size)]
    places = blank(lengths)
    if in_place:
        places[root][:] = blocks[root]

    def build(s: Schedule, rank: int) -> None:
        mine = places[root] if in_place and rank == root else read_only(blocks[rank])
        algorithm(s, rank, size, mine, places if rank == root else None, root)

    simulation = simulate(size, build, seed)
    assert [bytes(place) for place in places] == blocks
    assert simulation.longest <= sum(lengths)


def check_scatter(algorithm: Algorithm, size: int, lengths: list[int], root: int, seed: int) -> None:
    blocks = [pattern(rank, lengths[rank]) for rank in range(size)]
    places = blank(lengths)

    def build(s: Schedule, rank: int) -> None:
        given = [read_only(block) for block in blocks] if rank == root else None
        algorithm(s, rank, size, given, places[rank], root)

    simulation = simulate(size, build, seed)
    assert [bytes(place) for place in places] == blocks
    assert simulation.longest <= sum(lengths)


@pytest.mark.parametrize("size", SIZES)
def test_gather_and_scatter(size: int) -> None:
    """The root has every block in its place, and each rank has the block for it."""
    for length in LENGTHS:
        for root in range(size):
            for gather in (gather_linear, gather_binomial, choose.gather):
                check_gather(gather, size, [length] * size, root, bool(root % 2), root)
            for scatter in (scatter_linear, scatter_binomial, choose.scatter):
                check_scatter(scatter, size, [length] * size, root, root)


@some
@given(st.lists(st.integers(0, 9), min_size=1, max_size=9), st.booleans(), seeds)
def test_gatherv_and_scatterv(lengths: list[int], in_place: bool, seed: int) -> None:
    """Blocks may have any sizes."""
    size = len(lengths)
    check_gather(choose.gatherv, size, lengths, seed % size, in_place, seed)
    check_scatter(choose.scatterv, size, lengths, seed % size, seed)


@some
@given(st.integers(9, 21), st.integers(0, 40), seeds)
def test_trees_in_any_order(size: int, length: int, seed: int) -> None:
    """The result does not depend on the order in which messages arrive."""
    check_gather(gather_binomial, size, [length] * size, seed % size, False, seed)
    check_scatter(scatter_binomial, size, [length] * size, seed % size, seed)


def check_allgather(algorithm: Algorithm, lengths: list[int], seed: int) -> Simulation:
    size = len(lengths)
    blocks = [pattern(rank, lengths[rank]) for rank in range(size)]
    places = [blank(lengths) for _ in range(size)]
    for rank in range(size):
        places[rank][rank][:] = blocks[rank]
    simulation = simulate(size, lambda s, rank: algorithm(s, rank, size, places[rank]), seed)
    assert [[bytes(place) for place in row] for row in places] == [blocks] * size
    assert simulation.longest <= sum(lengths)
    return simulation


@pytest.mark.parametrize("algorithm", [allgather_ring, allgather_bruck, choose.allgather])
@pytest.mark.parametrize("size", SIZES)
def test_allgather(algorithm: Algorithm, size: int) -> None:
    """All ranks have every block."""
    for length in LENGTHS:
        check_allgather(algorithm, [length] * size, length)


@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_allgather_by_recursive_doubling(size: int) -> None:
    """In groups of a power of two, each rank sends a message in each of log2(size) rounds."""
    for length in LENGTHS:
        simulation = check_allgather(allgather_recursive_doubling, [length] * size, length)
        assert simulation.messages == size * (size.bit_length() - 1)


@some
@given(st.lists(st.integers(0, 9), min_size=1, max_size=13), seeds)
def test_allgatherv(lengths: list[int], seed: int) -> None:
    """Blocks of any sizes get to their places, in any order of arrival."""
    for algorithm in (allgather_ring, allgather_bruck, choose.allgatherv):
        check_allgather(algorithm, lengths, seed)
    power = lengths[: 1 << (len(lengths).bit_length() - 1)]
    check_allgather(allgather_recursive_doubling, power, seed)


def check_alltoall(algorithm: Algorithm, lengths: list[list[int]], seed: int) -> None:
    size = len(lengths)
    blocks = [[pattern(i, lengths[i][j], j) for j in range(size)] for i in range(size)]
    places = [blank([lengths[i][j] for i in range(size)]) for j in range(size)]

    def build(s: Schedule, rank: int) -> None:
        algorithm(s, rank, size, [read_only(block) for block in blocks[rank]], places[rank])

    simulation = simulate(size, build, seed)
    assert [[bytes(place) for place in row] for row in places] == [
        [blocks[i][j] for i in range(size)] for j in range(size)
    ]
    assert simulation.longest <= max(sum(row) for row in lengths)


@pytest.mark.parametrize("algorithm", [alltoall_linear, alltoall_pairwise, alltoall_bruck, choose.alltoall])
@pytest.mark.parametrize("size", SIZES)
def test_alltoall(algorithm: Algorithm, size: int) -> None:
    """Each rank has a block of each rank."""
    for length in LENGTHS:
        check_alltoall(algorithm, [[length] * size for _ in range(size)], length)


@some
@given(st.data(), st.integers(1, 9), seeds)
def test_alltoallv(data: st.DataObject, size: int, seed: int) -> None:
    """Blocks of any sizes get to their places, in any order of arrival."""
    row = st.lists(st.integers(0, 9), min_size=size, max_size=size)
    lengths = data.draw(st.lists(row, min_size=size, max_size=size))
    for algorithm in (alltoall_linear, alltoall_pairwise, choose.alltoallv):
        check_alltoall(algorithm, lengths, seed)
    check_alltoall(alltoall_bruck, [[seed % 5] * size for _ in range(size)], seed)


@some
@given(st.integers(1, 17), st.integers(0, 2**32 - 1))
def test_barrier(size: int, seed: int) -> None:
    """No rank leaves before all ranks have entered."""
    entered: list[int] = []
    left_early: list[int] = []

    def build(s: Schedule, rank: int) -> None:
        s.compute(lambda: entered.append(rank))
        barrier_dissemination(s, rank, size)
        s.compute(lambda: left_early.append(rank) if len(entered) < size else None)

    simulate(size, build, seed)
    assert len(entered) == size
    assert left_early == []


@st.composite
def graphs(draw: st.DrawFn) -> tuple[int, list[tuple[int, int, int]]]:
    """A number of ranks, and edges, each with the size of the block that goes along it."""
    size = draw(st.integers(1, 6))
    node = st.integers(0, size - 1)
    return size, draw(st.lists(st.tuples(node, node, st.integers(0, 5)), max_size=20))


@some
@given(graphs(), seeds)
def test_neighbors(graph: tuple[int, list[tuple[int, int, int]]], seed: int) -> None:
    """A block goes along each edge, in order along several between the same ranks, and from a rank to
    itself.
    """
    size, edges = graph
    block = {index: pattern(edge[0], edge[2], index) for index, edge in enumerate(edges)}
    into = {index: blank([edge[2]])[0] for index, edge in enumerate(edges)}
    untouched = blank([3] * size)

    def build(s: Schedule, rank: int) -> None:
        ways_in = [index for index, edge in enumerate(edges) if edge[1] == rank]
        ways_out = [index for index, edge in enumerate(edges) if edge[0] == rank]
        neighbor_alltoall(
            s,
            [None, *(edges[index][0] for index in ways_in)],
            [*(edges[index][1] for index in ways_out), -2],
            [*(read_only(block[index]) for index in ways_out), read_only(b"nobody gets this")],
            [untouched[rank], *(into[index] for index in ways_in)],
        )

    simulation = simulate(size, build, seed)
    assert {index: bytes(view) for index, view in into.items()} == block
    assert simulation.messages == len(edges)
    assert [bytes(view) for view in untouched] == [bytes(3)] * size


def test_neighbor_allgather() -> None:
    """On a ring each rank has the blocks of both neighbours."""
    blocks = [pattern(rank, 5) for rank in range(4)]
    into: list[Any] = [blank([5, 5]) for _ in range(4)]

    def build(s: Schedule, rank: int) -> None:
        near = [(rank - 1) % 4, (rank + 1) % 4]
        neighbor_allgather(s, near, near, read_only(blocks[rank]), into[rank])

    simulate(4, build)
    assert [[bytes(view) for view in row] for row in into] == [
        [blocks[(rank - 1) % 4], blocks[(rank + 1) % 4]] for rank in range(4)
    ]


def test_views_that_nobody_wrote_to() -> None:
    """The data of these tests differs from blank memory and from rank to rank."""
    assert len({pattern(rank, 40) for rank in range(21)} | {bytes(40)}) == 22
    assert views([b"ab"])[0].readonly is False
