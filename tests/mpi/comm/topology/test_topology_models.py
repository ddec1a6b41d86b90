"""Topologies as values, against models that are written differently."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.mpi.comm.topology.dims import compute_dims
from mpi_actors.mpi.comm.topology.shapes import Cartesian, DistributedGraph, Graph
from mpi_actors.mpi.constants import ERR_ARG, ERR_DIMS, ERR_RANK, PROC_NULL
from mpi_actors.mpi.errors.exception import Exception as MPIException

grids = st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=4)


def make(grid: list[tuple[int, bool]]) -> Cartesian:
    return Cartesian([size for size, _ in grid], [wrap for _, wrap in grid])


@given(grids)
def test_ranks_count_through_a_grid_with_the_last_dimension_fastest(grid: list[tuple[int, bool]]) -> None:
    """`rank` and `coords` are inverse to each other, in row-major order."""
    cart = make(grid)
    places = list(product(*(range(size) for size, _ in grid)))
    assert cart.size == len(places)
    for rank, place in enumerate(places):
        assert cart.coords(rank) == list(place)
        assert cart.rank(place) == rank


@given(grids, st.data())
def test_a_shift_leads_to_the_place_at_that_distance_and_back(
    grid: list[tuple[int, bool]], data: st.DataObject
) -> None:
    """Source and destination lie `displacement` places away, or PROC_NULL stands beyond the edge."""
    cart = make([*grid, (3, True)])
    rank = data.draw(st.integers(0, cart.size - 1))
    direction = data.draw(st.integers(0, len(cart.dims) - 1))
    displacement = data.draw(st.integers(-5, 5))
    source, destination = cart.shift(rank, direction, displacement)
    here = cart.coords(rank)
    for other, distance in ((source, -displacement), (destination, displacement)):
        there = here[direction] + distance
        if cart.periods[direction]:
            there %= cart.dims[direction]
        elif not 0 <= there < cart.dims[direction]:
            assert other == PROC_NULL
            continue
        assert cart.coords(other) == [*here[:direction], there, *here[direction + 1 :]]
        assert rank in cart.shift(other, direction, displacement)


@given(grids, st.data())
def test_neighbours_are_those_before_and_after_in_each_dimension(
    grid: list[tuple[int, bool]], data: st.DataObject
) -> None:
    """Neighbours are the shifts by one place, for each dimension first the one before."""
    cart = make(grid)
    rank = data.draw(st.integers(0, cart.size - 1))
    expected = [near for direction in range(len(grid)) for near in cart.shift(rank, direction, 1)]
    assert cart.neighbors(rank) == (expected, expected)


@given(grids, st.data())
def test_parts_of_a_grid_divide_it(grid: list[tuple[int, bool]], data: st.DataObject) -> None:
    """Each rank is in one part; all parts have the same size and keep the dimensions that remain."""
    cart = make(grid)
    remain = data.draw(st.lists(st.booleans(), min_size=len(grid), max_size=len(grid)))
    members: dict[int, list[int]] = {}
    for rank in range(cart.size):
        part, color, within = cart.part(rank, remain)
        assert part.dims == tuple(size for (size, _), keep in zip(grid, remain, strict=True) if keep)
        assert part.periods == tuple(wrap for (_, wrap), keep in zip(grid, remain, strict=True) if keep)
        assert within == len(members.setdefault(color, []))
        members[color].append(rank)
        kept = [coord for coord, keep in zip(cart.coords(rank), remain, strict=True) if keep]
        assert part.coords(within) == kept
    assert {len(part) for part in members.values()} == {prod(part.dims)}


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: Cartesian([2, 0], [True, True]), ERR_DIMS),
        (lambda: Cartesian([2], [False]).rank([2]), ERR_ARG),
        (lambda: Cartesian([2], [False]).coords(2), ERR_RANK),
        (lambda: Cartesian([2], [False]).shift(0, 1, 1), ERR_ARG),
        (lambda: Graph([1, 0], []), ERR_ARG),
        (lambda: Graph([1], [1]), ERR_ARG),
        (lambda: Graph([1], []), ERR_ARG),
        (lambda: Graph([1], [0]).of(1), ERR_RANK),
        (lambda: DistributedGraph([0], [2], None, 2), ERR_RANK),
        (lambda: compute_dims(0, 2), ERR_ARG),
        (lambda: compute_dims(6, [-1, 0]), ERR_DIMS),
        (lambda: compute_dims(7, [0, 3, 0]), ERR_DIMS),
        (lambda: compute_dims(6, [2, 2]), ERR_DIMS),
    ],
)
def test_a_wrong_topology_raises_its_error_class(call: Callable[[], object], error: int) -> None:
    """Each wrong grid, graph, rank or size raises the error class that the standard names."""
    with pytest.raises(MPIException) as raised:
        call()
    assert raised.value.Get_error_class() == error


@given(st.lists(st.lists(st.integers(0, 3), max_size=4), min_size=4, max_size=4))
def test_a_graph_gives_each_node_its_edges(lists: list[list[int]]) -> None:
    """`index` and `edges` give back the lists of neighbours that they were made of."""
    index = [sum(map(len, lists[: node + 1])) for node in range(4)]
    graph = Graph(index, [edge for edges in lists for edge in edges])
    assert [graph.of(node) for node in range(4)] == lists
    assert graph.neighbors(1) == (lists[1], lists[1])


def test_the_examples_of_the_standard_for_dimensions() -> None:
    """The examples of MPI 4.1, section 8.5.2."""
    assert compute_dims(6, 2) == [3, 2]
    assert compute_dims(7, 2) == [7, 1]
    assert compute_dims(6, [0, 3, 0]) == [2, 3, 1]


def test_dimensions_may_be_integers_of_numpy() -> None:
    """numpy's integers and arrays are accepted where Python's are."""
    numpy = pytest.importorskip("numpy")
    assert compute_dims(6, numpy.int64(2)) == [3, 2]
    assert compute_dims(6, numpy.array([0, 3, 0])) == [2, 3, 1]


@given(st.integers(1, 200), st.integers(1, 4))
def test_chosen_dimensions_are_the_nearest_to_each_other(number: int, parts: int) -> None:
    """Of all grids, sorted in decreasing order, the lexicographically smallest one is chosen."""
    divisors = [divisor for divisor in range(1, number + 1) if number % divisor == 0]
    every = [dims for dims in product(divisors, repeat=parts) if prod(dims) == number]
    assert compute_dims(number, parts) == list(min(sorted(dims, reverse=True) for dims in every))
