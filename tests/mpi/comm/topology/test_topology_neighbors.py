"""Communicators with a topology, and what neighbours exchange, on real ranks against models."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from mpi_worlds import run_world

from mpi_actors.mpi.comm.topology.shapes import Cartesian
from mpi_actors.mpi.constants import PROC_NULL

Edges = list[tuple[int, int]]


def graph(seed: int, size: int) -> Edges:
    """Random edges; some appear more than once, some lead from a rank to itself."""
    random = Random(seed)
    return [(random.randrange(size), random.randrange(size)) for _ in range(random.randrange(3 * size))]


def exchange_all(comm: Any, count: int) -> list[Any]:
    """What a rank receives in each form of exchange. Block k of what it sends is 100 * rank + k, repeated."""
    from mpi_actors import MPI

    rank, (before, after) = comm.Get_rank(), comm.degrees
    results: list[Any] = []

    def sent(blocks: int) -> array[int]:
        return array("q", [100 * rank + block for block in range(blocks) for _ in range(count)])

    for form in ("plain", "I", "_init"):
        for name in ("Neighbor_allgather", "Neighbor_allgatherv", "Neighbor_alltoall", "Neighbor_alltoallv"):
            got = array("q", [-1] * (before * count))
            given = sent(1 if "gather" in name else after)
            into = [got, [count] * before, MPI.INT64_T] if name.endswith("v") else [got, count, MPI.INT64_T]
            if form == "plain":
                getattr(comm, name)(given, into)
            elif form == "I":
                getattr(comm, "I" + name.lower())(given, into).Wait()
            else:
                request = getattr(comm, name + "_init")(given, into)
                for _ in range(2):
                    request.Start()
                    request.Wait()
                request.Free()
            results.append([got[place * count : (place + 1) * count].tolist() for place in range(before)])
        results.append(general(comm, count, form))
    results.append(comm.neighbor_allgather({"rank": rank}))
    results.append(comm.neighbor_alltoall([(rank, block) for block in range(after)]))
    return results


def general(comm: Any, count: int, form: str) -> list[list[int]]:
    """Do Neighbor_alltoallw: the blocks to send lie in reverse order, and each has its own datatype."""
    from mpi_actors import MPI

    rank, (before, after) = comm.Get_rank(), comm.degrees
    got = array("q", [-1] * (before * count))
    given = array("q", [100 * rank + block for block in reversed(range(after)) for _ in range(count)])
    send = [given, ([count] * after, [8 * count * k for k in reversed(range(after))]), [MPI.INT64_T] * after]
    into = [got, ([8 * count] * before, [8 * count * k for k in range(before)]), [MPI.BYTE] * before]
    if form == "plain":
        comm.Neighbor_alltoallw(send, into)
    elif form == "I":
        comm.Ineighbor_alltoallw(send, into).Wait()
    else:
        request = comm.Neighbor_alltoallw_init(send, into)
        request.Start()
        request.Wait()
        request.Free()
    return [got[place * count : (place + 1) * count].tolist() for place in range(before)]


def check(results: list[Any], sources: list[int], blocks: list[int], count: int) -> None:
    """Check what came from each source: its only block (allgather), or the block of that edge (alltoall)."""
    gathered = [[100 * source] * count if source != PROC_NULL else [-1] * count for source in sources]
    each = [
        [100 * source + block] * count if source != PROC_NULL else [-1] * count
        for source, block in zip(sources, blocks, strict=True)
    ]
    for form in range(3):
        assert results[5 * form : 5 * form + 5] == [gathered, gathered, each, each, each]
    assert results[15] == [None if source == PROC_NULL else {"rank": source} for source in sources]
    pairs = zip(sources, blocks, strict=True)
    assert results[16] == [None if source == PROC_NULL else (source, block) for source, block in pairs]


def on_distributed_graph(edges: Edges, count: int, adjacent: bool) -> tuple[list[int], list[int], list[Any]]:
    """One rank of `test_every_edge_of_a_graph_carries_its_block`."""
    from mpi_actors.MPI import COMM_WORLD

    rank, size = COMM_WORLD.Get_rank(), COMM_WORLD.Get_size()
    if adjacent:
        sources = [source for source, to in edges if to == rank]
        comm = COMM_WORLD.Create_dist_graph_adjacent(sources, [to for source, to in edges if source == rank])
    else:
        mine = edges[rank::size]  # any process may give any edge
        starts, ends = [edge[0] for edge in mine], [edge[1] for edge in mine]
        comm = COMM_WORLD.Create_dist_graph(starts, [1] * len(mine), ends)
    assert comm.Get_dist_neighbors()[2] is None
    result = comm.inedges, comm.outedges, exchange_all(comm, count)
    comm.Free()
    return result


@pytest.mark.parametrize("adjacent", [True, False])
@pytest.mark.parametrize(("size", "seed"), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)])
def test_every_edge_of_a_graph_carries_its_block(size: int, seed: int, adjacent: bool) -> None:
    """Each process receives one block for each edge that ends at it, in the order of `inedges`."""
    given = graph(seed, size)
    edges = given
    if not adjacent:  # edges then come in the order of the ranks that gave them
        edges = [edge for giver in range(size) for edge in given[giver::size]]
    results_by_rank = run_world(size, on_distributed_graph, given, 3, adjacent)
    for rank, (inedges, outedges, results) in enumerate(results_by_rank):
        incoming = [number for number, (_, to) in enumerate(edges) if to == rank]
        assert inedges == [edges[number][0] for number in incoming]
        assert outedges == [to for source, to in edges if source == rank]
        leaving = {
            number: [n for n, edge in enumerate(edges) if edge[0] == edges[number][0]].index(number)
            for number in incoming
        }
        check(results, inedges, [leaving[number] for number in incoming], 3)


def on_grid(dims: list[int], periods: list[bool]) -> Any:
    """One rank of `test_what_is_sent_backwards_in_a_grid_comes_from_ahead`."""
    from mpi_actors.MPI import COMM_WORLD

    comm = COMM_WORLD.Create_cart(dims, periods)
    if not comm:
        return None
    result = comm.inedges, exchange_all(comm, 2)
    comm.Free()
    return result


@pytest.mark.parametrize(
    ("dims", "periods", "size"),
    [
        ([1], [True], 1),
        ([1, 1], [True, False], 2),
        ([2], [True], 2),
        ([2], [False], 3),
        ([2, 2], [True, True], 4),
        ([3], [True], 3),
        ([4], [False], 5),
        ([], [], 2),
    ],
)
def test_what_is_sent_backwards_in_a_grid_comes_from_ahead(
    dims: list[int], periods: list[bool], size: int
) -> None:
    """Also where a dimension wraps around with one or two places: the two blocks do not change places."""
    grid = Cartesian(dims, periods)
    for rank, result in enumerate(run_world(size, on_grid, dims, periods)):
        if rank >= grid.size:
            assert result is None
            continue
        inedges, results = result
        assert inedges == grid.neighbors(rank)[0]
        check(results, inedges, [place ^ 1 for place in range(len(inedges))], 2)


def on_parts(dims: list[int], remain: list[bool]) -> Any:
    """One rank of `test_a_part_of_a_grid_joins_those_that_agree_in_the_rest`."""
    from mpi_actors.MPI import COMM_WORLD

    comm = COMM_WORLD.Create_cart(dims, [True, False])
    part = comm.Sub(remain)
    return comm.coords, part.topo, part.allgather(comm.coords)


@pytest.mark.parametrize("remain", [[True, False], [False, True], [True, True], [False, False]])
def test_a_part_of_a_grid_joins_those_that_agree_in_the_rest(remain: list[bool]) -> None:
    """Sub keeps the sizes and periods of the dimensions that remain."""
    results = run_world(4, on_parts, [2, 2], remain)
    everybody = [coords for coords, _, _ in results]
    for coords, (dims, periods, at), members in results:
        kept = [place for place, keep in enumerate(remain) if keep]
        cut = [place for place in range(2) if not remain[place]]
        assert dims == [2] * len(kept)
        assert periods == [int([True, False][place]) for place in kept]
        assert at == [coords[place] for place in kept]
        agreeing = [other for other in everybody if all(other[place] == coords[place] for place in cut)]
        assert members == agreeing


def on_weighted_graph() -> Any:
    """One rank of `test_weights_come_to_both_ends_of_an_edge`."""
    from mpi_actors.MPI import COMM_WORLD

    rank, size = COMM_WORLD.Get_rank(), COMM_WORLD.Get_size()
    weights = [10 * rank + to for to in range(size)]
    comm = COMM_WORLD.Create_dist_graph([rank], [size], list(range(size)), weights)
    return comm.Get_dist_neighbors()


def test_weights_come_to_both_ends_of_an_edge() -> None:
    """Both ranks that an edge joins know its weight, whoever gave it."""
    for rank, neighbors in enumerate(run_world(3, on_weighted_graph)):
        weights = [10 * source + rank for source in range(3)], [10 * rank + to for to in range(3)]
        assert neighbors == ([0, 1, 2], [0, 1, 2], weights)


def on_bad_input() -> list[int | str]:
    """One rank of `test_a_wrong_topology_raises_the_error_class_of_the_standard`."""
    from mpi_actors import MPI

    world = MPI.COMM_WORLD
    size = world.Get_size()
    grid = world.Create_cart([size])
    calls: list[Callable[[], object]] = [
        lambda: world.Create_cart([size + 1]),
        lambda: world.Create_cart([size], [True, False]),
        lambda: world.Create_graph([0] * (size + 2), []),
        lambda: world.Create_graph([1], [1]),
        lambda: world.Create_dist_graph_adjacent([size], []),
        lambda: world.Create_dist_graph_adjacent([0], [], [1, 2]),
        lambda: world.Create_dist_graph([0], [-1], []),
        lambda: grid.Get_coords(size),
        lambda: grid.Get_cart_rank([0, 0]),
        lambda: grid.Shift(1, 1),
        lambda: grid.neighbor_alltoall([1, 2, 3]),
        lambda: MPI.Cartcomm().Get_dim(),
    ]
    outcome: list[int | str] = []
    for call in calls:
        try:
            call()
        except MPI.Exception as error:
            outcome.append(error.Get_error_class())
        except ValueError:
            outcome.append("ValueError")
        else:
            outcome.append("nothing")
    return outcome


def test_a_wrong_topology_raises_the_error_class_of_the_standard() -> None:
    """Each wrong call raises the error class that the standard names, or ValueError."""
    from mpi_actors.mpi.constants import ERR_ARG, ERR_COMM, ERR_DIMS, ERR_RANK

    expected = [ERR_DIMS, "ValueError", ERR_ARG, ERR_ARG, ERR_RANK, "ValueError", ERR_ARG, ERR_RANK]
    expected += ["ValueError", ERR_ARG, "ValueError", ERR_COMM]
    assert run_world(2, on_bad_input) == [expected, expected]
