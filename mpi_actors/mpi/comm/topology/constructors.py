"""Constructors of communicators with a topology, as methods of an intracommunicator.

Ranks are never reordered: which rank is near which other in the machine is not known here, and the standard
leaves that to the implementation.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import index as integer
from typing import Any

from ...constants import ERR_ARG, ERR_DIMS, UNDEFINED, UNWEIGHTED, WEIGHTS_EMPTY
from ...errors.exception import Exception as MPIException
from .. import kinds
from ..collective.call import CollectiveCalls
from ..collective.objects import exchange
from ..errors import handled
from ..making.lineage import part
from ..state import CommState
from .shapes import Cartesian, DistributedGraph, Graph, Topology


class TopologyConstructors(CollectiveCalls):
    """Create_cart, Create_graph, Create_dist_graph and its adjacent form; Cart_map and Graph_map."""

    __slots__ = ()

    @handled
    def Create_cart(
        self, dims: Sequence[int], periods: Sequence[bool] | bool | None = None, reorder: bool = False
    ) -> Any:
        """A communicator of the processes of a grid; COMM_NULL at those for whom it has no place.

        Raises:
            ValueError: `periods` are not as many as `dims`.
            MPI.Exception: ERR_DIMS, if a size is not positive or there are more places than processes.
        """
        state = self._live()
        grid = _grid(state, dims, periods)
        return part_with(state, kinds.CART, grid, range(grid.size), "cart")

    @handled
    def Create_graph(self, index: Sequence[int], edges: Sequence[int], reorder: bool = False) -> Any:
        """A communicator of the nodes of a graph; COMM_NULL at processes that are none.

        `index` may be cumulative counts of edges, or the same with a zero before.

        Raises:
            MPI.Exception: ERR_ARG
        """
        state = self._live()
        graph = _graph(state, index, edges)
        return part_with(state, kinds.GRAPH, graph, range(graph.size), "graph")

    @handled
    def Create_dist_graph_adjacent(
        self,
        sources: Sequence[int] | None,
        destinations: Sequence[int] | None,
        sourceweights: Sequence[int] | int | None = None,
        destweights: Sequence[int] | int | None = None,
        info: object = None,
        reorder: bool = False,
    ) -> Any:
        """A communicator with a graph of which each process gives the edges at itself.

        Raises:
            ValueError: weights are not as many as edges.
            MPI.Exception: ERR_RANK
        """
        state = self._live()
        incoming, outgoing = _integers(sources or ()), _integers(destinations or ())
        before = _weights(sourceweights, len(incoming))
        after = _weights(destweights, len(outgoing))
        weights = None if before is None and after is None else (before or [], after or [])
        graph = DistributedGraph(incoming, outgoing, weights, len(state.members))
        return part_with(state, kinds.DIST, graph, range(len(state.members)), "dist_graph")

    @handled
    def Create_dist_graph(
        self,
        sources: Sequence[int],
        degrees: Sequence[int],
        destinations: Sequence[int],
        weights: Sequence[int] | int | None = None,
        info: object = None,
        reorder: bool = False,
    ) -> Any:
        """A communicator with a graph whose edges any processes give.

        `degrees[i]` of the `destinations` belong to `sources[i]`. The edges are sent to those that they join;
        each has them in the order of the ranks that gave them.

        Raises:
            ValueError: lists are not as long as they must be.
            MPI.Exception: ERR_RANK
        """
        state = self._live()
        size = len(state.members)
        edges, weighted = _edges(sources, degrees, destinations, weights)
        DistributedGraph([edge[0] for edge in edges], [edge[1] for edge in edges], None, size)  # checks ranks
        for_rank: list[tuple[list[Any], list[Any]]] = [([], []) for _ in range(size)]
        for source, destination, weight in edges:
            for_rank[destination][0].append((source, weight))
            for_rank[source][1].append((destination, weight))
        given = exchange(state, for_rank)
        incoming = [edge for ins, _ in given for edge in ins]
        outgoing = [edge for _, outs in given for edge in outs]
        graph = DistributedGraph(
            [edge[0] for edge in incoming],
            [edge[0] for edge in outgoing],
            ([edge[1] for edge in incoming], [edge[1] for edge in outgoing]) if weighted else None,
            size,
        )
        return part_with(state, kinds.DIST, graph, range(size), "dist_graph")

    @handled
    def Cart_map(self, dims: Sequence[int], periods: Sequence[bool] | bool | None = None) -> int:
        """The rank this process would have in a grid with reordering; UNDEFINED if none."""
        state = self._live()
        return state.rank if state.rank < _grid(state, dims, periods).size else UNDEFINED

    @handled
    def Graph_map(self, index: Sequence[int], edges: Sequence[int]) -> int:
        """The rank this process would have in a graph with reordering; UNDEFINED if none."""
        state = self._live()
        return state.rank if state.rank < _graph(state, index, edges).size else UNDEFINED


def part_with(
    state: CommState, cls: type[Any], topology: Topology, ranks: Sequence[int], *what: object
) -> Any:
    """A communicator of some of the members with a topology; COMM_NULL at the others. All members call it."""
    context = state.child_context("topology", *what)
    child = part(state, context, tuple(state.members[rank] for rank in ranks))
    if child is None:
        return cls()
    child.cls = cls
    child.topology = topology
    return cls._of(child)


def _integers(values: Sequence[int]) -> list[int]:
    return [integer(value) for value in values]


def _weights(weights: Sequence[int] | int | None, count: int) -> list[int] | None:
    if weights is None or (isinstance(weights, int) and weights == UNWEIGHTED):
        return None
    if isinstance(weights, int) and weights == WEIGHTS_EMPTY:
        if count:
            raise ValueError(f"WEIGHTS_EMPTY for {count} edges")
        return []
    return _as_many(weights, count, "weights")  # type: ignore[arg-type]


def _as_many(values: Sequence[int], count: int, what: str) -> list[int]:
    numbers = _integers(values)
    if len(numbers) != count:
        raise ValueError(f"expected {count} {what}, got {len(numbers)}")
    return numbers


def _edges(
    sources: Sequence[int], degrees: Sequence[int], destinations: Sequence[int], weights: Any
) -> tuple[list[tuple[int, int, int]], bool]:
    starts = _integers(sources)
    counts = _as_many(degrees, len(starts), "degrees")
    if any(count < 0 for count in counts):
        raise MPIException(ERR_ARG, f"a degree of {counts} is negative")
    ends = _as_many(destinations, sum(counts), "destinations")
    given = _weights(weights, len(ends))
    each = [start for start, count in zip(starts, counts, strict=True) for _ in range(count)]
    return list(zip(each, ends, given or [1] * len(ends), strict=True)), given is not None


def _grid(state: CommState, dims: Sequence[int], periods: Sequence[bool] | bool | None) -> Cartesian:
    sizes = _integers(dims)
    wraps = [bool(periods)] * len(sizes) if periods is None or isinstance(periods, bool) else list(periods)
    if len(wraps) != len(sizes):
        raise ValueError(f"expected {len(sizes)} periods, got {len(wraps)}")
    grid = Cartesian(sizes, [bool(wrap) for wrap in wraps])
    if grid.size > len(state.members):
        raise MPIException(ERR_DIMS, f"{len(state.members)} processes for a grid of {sizes}")
    return grid


def _graph(state: CommState, index: Sequence[int], edges: Sequence[int]) -> Graph:
    counts, ends = _integers(index), _integers(edges)
    if counts and counts[0] == 0 and counts[-1] == len(ends):
        counts = counts[1:]
    graph = Graph(counts, ends)
    if graph.size > len(state.members):
        raise MPIException(ERR_ARG, f"{len(state.members)} processes for a graph of {graph.size} nodes")
    return graph
