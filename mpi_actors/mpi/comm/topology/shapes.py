"""Process topologies as plain values: a Cartesian grid, a graph, a distributed graph.

They hold ranks of the communicator that they belong to, and do not communicate.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, TypeVar

from ...constants import CART, DIST_GRAPH, ERR_ARG, ERR_DIMS, ERR_RANK, ERR_TOPOLOGY, GRAPH, PROC_NULL
from ...errors.exception import Exception as MPIException

if TYPE_CHECKING:
    from ..state import CommState


class Topology:
    """What all topologies have in common.

    Attributes:
        kind: CART, GRAPH or DIST_GRAPH.
    """

    __slots__ = ()
    kind: int

    def neighbors(self, rank: int) -> tuple[list[int], list[int]]:
        """The ranks that `rank` receives from and the ranks that it sends to, in the order of their blocks.

        PROC_NULL stands for a neighbour beyond the edge of a grid.

        Raises:
            NotImplementedError: Subclasses answer this.
        """
        raise NotImplementedError


class Cartesian(Topology):
    """A grid. Ranks count in row-major order: the last dimension changes fastest.

    Attributes:
        dims: sizes of the dimensions, each at least 1; others raise ERR_DIMS.
        periods: whether each dimension wraps around.
    """

    __slots__ = ("dims", "periods")
    kind = CART

    def __init__(self, dims: Sequence[int], periods: Sequence[bool]) -> None:
        if any(size < 1 for size in dims):
            raise MPIException(ERR_DIMS, f"a grid of {list(dims)} has no processes")
        self.dims = tuple(dims)
        self.periods = tuple(periods)

    @property
    def size(self) -> int:
        """Number of processes; 1 for a grid without dimensions."""
        return prod(self.dims)

    def rank(self, coords: Sequence[int]) -> int:
        """Rank at some coordinates, which wrap around in periodic dimensions.

        Raises:
            MPI.Exception: ERR_ARG, for a coordinate outside of a dimension that does not wrap around.
        """
        rank = 0
        for coord, size, period in zip(coords, self.dims, self.periods, strict=True):
            if not period and not 0 <= coord < size:
                raise MPIException(ERR_ARG, f"coordinate {coord} lies outside of 0..{size - 1}")
            rank = rank * size + coord % size
        return rank

    def coords(self, rank: int) -> list[int]:
        """Coordinates of a rank. Raises ERR_RANK if the grid has no such rank."""
        if not 0 <= rank < self.size:
            raise MPIException(ERR_RANK, f"no rank {rank} in a grid of {self.size} processes")
        coords = []
        for size in reversed(self.dims):
            rank, coord = divmod(rank, size)
            coords.append(coord)
        return coords[::-1]

    def shift(self, rank: int, direction: int, displacement: int) -> tuple[int, int]:
        """Source and destination of `rank` when all data moves by `displacement` places in a dimension.

        PROC_NULL stands for a place beyond the edge.

        Raises:
            MPI.Exception: ERR_ARG, for a dimension that the grid does not have; ERR_RANK.
        """
        if not 0 <= direction < len(self.dims):
            raise MPIException(ERR_ARG, f"no direction {direction} in a grid of {len(self.dims)} dimensions")
        coords = self.coords(rank)
        return self._at(coords, direction, -displacement), self._at(coords, direction, displacement)

    def neighbors(self, rank: int) -> tuple[list[int], list[int]]:
        """For each dimension the rank one place before and the rank one place after."""
        both = [near for direction in range(len(self.dims)) for near in self.shift(rank, direction, 1)]
        return both, both

    def part(self, rank: int, remain: Sequence[bool]) -> tuple[Cartesian, int, int]:
        """The grid of the dimensions that remain, the number of the part with `rank`, and its rank there."""
        kept = [index for index, keep in enumerate(remain) if keep]
        cut = [index for index, keep in enumerate(remain) if not keep]
        coords = self.coords(rank)
        within, across = self._only(kept), self._only(cut)
        return within, across.rank([coords[index] for index in cut]), within.rank([coords[i] for i in kept])

    def _only(self, indices: Sequence[int]) -> Cartesian:
        return Cartesian([self.dims[index] for index in indices], [self.periods[index] for index in indices])

    def _at(self, coords: Sequence[int], direction: int, displacement: int) -> int:
        there = list(coords)
        there[direction] += displacement
        if not self.periods[direction] and not 0 <= there[direction] < self.dims[direction]:
            return PROC_NULL
        return self.rank(there)


class Graph(Topology):
    """A graph that every process knows as a whole.

    Attributes:
        index: `index[i]` is the number of edges that start at nodes 0 to i.
        edges: where the edges end, ordered by the node where they start.
    """

    __slots__ = ("edges", "index")
    kind = GRAPH

    def __init__(self, index: Sequence[int], edges: Sequence[int]) -> None:
        counts = [0, *index]
        if any(before > after for before, after in pairwise(counts)):
            raise MPIException(ERR_ARG, f"the index of a graph decreases: {list(index)}")
        if counts[-1] != len(edges):
            raise MPIException(ERR_ARG, f"{len(edges)} edges are given, the index has {counts[-1]}")
        if any(not 0 <= edge < len(index) for edge in edges):
            raise MPIException(ERR_ARG, f"an edge leads to none of the {len(index)} nodes of the graph")
        self.index = tuple(index)
        self.edges = tuple(edges)

    @property
    def size(self) -> int:
        """Number of nodes."""
        return len(self.index)

    def of(self, rank: int) -> list[int]:
        """Neighbours of a rank. Raises ERR_RANK if the graph has no such node."""
        if not 0 <= rank < len(self.index):
            raise MPIException(ERR_RANK, f"no rank {rank} in a graph of {len(self.index)} nodes")
        return list(self.edges[self.index[rank - 1] if rank else 0 : self.index[rank]])

    def neighbors(self, rank: int) -> tuple[list[int], list[int]]:
        """The same ranks on both sides: data moves along edges in both directions."""
        near = self.of(rank)
        return near, near


class DistributedGraph(Topology):
    """One process's part of a directed graph.

    Attributes:
        sources: ranks where edges to this process start.
        destinations: ranks where edges from this process end.
        weights: weights of the edges of both lists; None if the graph has no weights.
    """

    __slots__ = ("destinations", "sources", "weights")
    kind = DIST_GRAPH

    def __init__(
        self,
        sources: Sequence[int],
        destinations: Sequence[int],
        weights: tuple[Sequence[int], Sequence[int]] | None,
        size: int,
    ) -> None:
        for rank in (*sources, *destinations):
            if not 0 <= rank < size:
                raise MPIException(ERR_RANK, f"an edge joins rank {rank}, of only {size} ranks")
        self.sources = tuple(sources)
        self.destinations = tuple(destinations)
        self.weights = None if weights is None else (tuple(weights[0]), tuple(weights[1]))

    def neighbors(self, rank: int) -> tuple[list[int], list[int]]:
        """Neighbours of this process, whatever `rank` is: a process does not know those of others."""
        return list(self.sources), list(self.destinations)


T = TypeVar("T", bound=Topology)


def topology_of(state: CommState, kind: type[T]) -> T:
    """The topology of a communicator. Raises ERR_TOPOLOGY if it has none of this kind."""
    topology = state.topology
    if not isinstance(topology, kind):
        raise MPIException(ERR_TOPOLOGY)
    return topology
