"""Constructors of communicators with a topology, as methods of an intracommunicator.

Ranks are never reordered: this library does not know which ranks are near each other in the machine, and the
standard leaves the order to the implementation.
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
    """Create_cart, Create_graph, Create_dist_graph, Create_dist_graph_adjacent; Cart_map, Graph_map.

    MPI 4.1, sections 8.5.1, 8.5.3, 8.5.4 and 8.5.8.
    """

    __slots__ = ()

    @handled
    def Create_cart(
        self, dims: Sequence[int], periods: Sequence[bool] | bool | None = None, reorder: bool = False
    ) -> Any:
        """Make a `Cartcomm`: the processes of a grid. Those for which the grid has no place get COMM_NULL.

        `dims` are the sizes of the dimensions; `periods` says for each dimension whether it wraps around.

        Raises:
            ValueError: `dims` and `periods` differ in length.
            MPI.Exception: ERR_DIMS, if a size is not positive or the grid has more places than processes.
        """
        state = self._live()
        grid = _grid(state, dims, periods)
        return part_with(state, kinds.CART, grid, range(grid.size), "cart")

    @handled
    def Create_graph(self, index: Sequence[int], edges: Sequence[int], reorder: bool = False) -> Any:
        """Make a `Graphcomm`: the nodes of a graph. Processes beyond the last node get COMM_NULL.

        `index[i]` is the number of edges of nodes 0 to i; a zero may stand before all of them. `edges` are
        the nodes where the edges of node 0 end, then those of node 1, and so on.

        Raises:
            MPI.Exception: ERR_ARG, if these describe no graph, or one of more nodes than processes.
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
        """Make a `Distgraphcomm`: a directed graph of which each process gives its own edges.

        Raises:
            ValueError: A list of weights is not as long as the list of its edges.
            MPI.Exception: ERR_RANK, for an edge to a rank that does not exist.
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
        """Make a `Distgraphcomm`: a directed graph of which each process may give any edges.

        The next `degrees[i]` of the `destinations` are the ends of edges that start at `sources[i]`. The
        processes send each edge to the two ranks that it joins; a rank's edges are in the order of the ranks
        that gave them.

        Raises:
            ValueError: The lengths of the lists do not fit.
            MPI.Exception: ERR_RANK, for an edge to a rank that does not exist.
        """
        state = self._live()
        size = len(state.members)
        edges, weighted = _edges(sources, degrees, destinations, weights)
        # raises for a rank that does not exist, before anything is sent
        DistributedGraph([edge[0] for edge in edges], [edge[1] for edge in edges], None, size)
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
        """The rank that this process would have in a grid; UNDEFINED if the grid has no place for it."""
        state = self._live()
        return state.rank if state.rank < _grid(state, dims, periods).size else UNDEFINED

    @handled
    def Graph_map(self, index: Sequence[int], edges: Sequence[int]) -> int:
        """The rank that this process would have in a graph; UNDEFINED if the graph has no node for it."""
        state = self._live()
        return state.rank if state.rank < _graph(state, index, edges).size else UNDEFINED


def part_with(
    state: CommState, cls: type[Any], topology: Topology, ranks: Sequence[int], *what: object
) -> Any:
    """Make a communicator of some members, with a topology. All members call it; others get COMM_NULL.

    `cls` is the class of the new handle, `ranks` are the new communicator's members as ranks of the old one.
    `what` names what is made: the same at all of the `ranks`, different for communicators made in one call.
    """
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
            raise ValueError(f"WEIGHTS_EMPTY is not allowed with {count} edges")
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
        raise MPIException(ERR_DIMS, f"{len(state.members)} processes are too few for a grid of {sizes}")
    return grid


def _graph(state: CommState, index: Sequence[int], edges: Sequence[int]) -> Graph:
    counts, ends = _integers(index), _integers(edges)
    if counts and counts[0] == 0 and counts[-1] == len(ends):
        counts = counts[1:]
    graph = Graph(counts, ends)
    if graph.size > len(state.members):
        raise MPIException(ERR_ARG, f"{len(state.members)} processes are too few for {graph.size} nodes")
    return graph
