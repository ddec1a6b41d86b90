"""The classes of communicators with a topology: grids, graphs, distributed graphs."""

from __future__ import annotations

from collections.abc import Sequence
from operator import index as integer
from typing import TypeVar

from ..constants import CART, DIST_GRAPH, GRAPH
from . import kinds
from .communicator import Intracomm
from .errors import handled
from .state import CommState
from .topology.constructors import part_with
from .topology.neighbor_buffers import NeighborCollectives
from .topology.neighbor_objects import NeighborObjects
from .topology.shapes import Cartesian, DistributedGraph, Graph, Topology, topology_of

V = TypeVar("V")


class Topocomm(NeighborCollectives, NeighborObjects, Intracomm):
    """An intracommunicator whose processes have neighbours. MPI 4.1, chapter 8."""

    __slots__ = ()

    @classmethod
    def _fits(cls, state: CommState) -> bool:
        return state.topology is not None

    @property
    def degrees(self) -> tuple[int, int]:
        """Number of neighbours that this process receives from and that it sends to."""
        incoming, outgoing = self.inoutedges
        return len(incoming), len(outgoing)

    @property
    def indegree(self) -> int:
        """Number of neighbours that this process receives from."""
        return self.degrees[0]

    @property
    def outdegree(self) -> int:
        """Number of neighbours that this process sends to."""
        return self.degrees[1]

    @property
    @handled
    def inoutedges(self) -> tuple[list[int], list[int]]:
        """Ranks that this process receives from, and ranks it sends to; PROC_NULL beyond the edge."""
        state = self._live()
        return topology_of(state, Topology).neighbors(state.rank)

    @property
    def inedges(self) -> list[int]:
        """Ranks that this process receives from."""
        return self.inoutedges[0]

    @property
    def outedges(self) -> list[int]:
        """Ranks that this process sends to."""
        return self.inoutedges[1]


class Cartcomm(Topocomm):
    """The processes of a grid; ranks count in row-major order. MPI 4.1, sections 8.5.5 to 8.5.7."""

    __slots__ = ()

    @classmethod
    def _fits(cls, state: CommState) -> bool:
        return state.topology is not None and state.topology.kind == CART

    @handled
    def Get_dim(self) -> int:
        """Number of dimensions."""
        return len(topology_of(self._live(), Cartesian).dims)

    @handled
    def Get_topo(self) -> tuple[list[int], list[int], list[int]]:
        """For each dimension: its size, 1 if it wraps around (else 0), and the coordinate of this process."""
        state = self._live()
        grid = topology_of(state, Cartesian)
        return list(grid.dims), [int(wrap) for wrap in grid.periods], grid.coords(state.rank)

    @handled
    def Get_cart_rank(self, coords: Sequence[int]) -> int:
        """Rank of the process at some coordinates.

        Raises:
            ValueError: There are more or fewer coordinates than dimensions.
            MPI.Exception: ERR_ARG, for a coordinate outside of a dimension that does not wrap around.
        """
        grid = topology_of(self._live(), Cartesian)
        return grid.rank(_one_each(grid, [integer(coord) for coord in coords]))

    @handled
    def Get_coords(self, rank: int) -> list[int]:
        """Coordinates of a rank. Raises ERR_RANK if the grid has no such rank."""
        return topology_of(self._live(), Cartesian).coords(rank)

    @handled
    def Shift(self, direction: int, disp: int) -> tuple[int, int]:
        """Source and destination if all data moves by `disp` in a dimension; PROC_NULL beyond the edge."""
        state = self._live()
        return topology_of(state, Cartesian).shift(state.rank, direction, disp)

    @handled
    def Sub(self, remain_dims: Sequence[bool]) -> Cartcomm:
        """Make a grid of the dimensions that remain.

        It has the processes that have the same coordinates as this one in the other dimensions.

        Raises:
            ValueError: There are more or fewer values than dimensions.
        """
        state = self._live()
        grid = topology_of(state, Cartesian)
        remain = _one_each(grid, [bool(keep) for keep in remain_dims])
        part, color, _ = grid.part(state.rank, remain)
        ranks = [rank for rank in range(grid.size) if grid.part(rank, remain)[1] == color]
        return part_with(state, kinds.CART, part, ranks, "sub", color)  # type: ignore[no-any-return]

    @property
    def dim(self) -> int:
        """Number of dimensions."""
        return self.Get_dim()

    @property
    def ndim(self) -> int:
        """Number of dimensions."""
        return self.Get_dim()

    @property
    def topo(self) -> tuple[list[int], list[int], list[int]]:
        """The same as `Get_topo()`."""
        return self.Get_topo()

    @property
    def dims(self) -> list[int]:
        """Sizes of the dimensions."""
        return self.Get_topo()[0]

    @property
    def periods(self) -> list[int]:
        """For each dimension 1 if it wraps around, else 0."""
        return self.Get_topo()[1]

    @property
    def coords(self) -> list[int]:
        """Coordinates of this process."""
        return self.Get_topo()[2]


class Graphcomm(Topocomm):
    """The nodes of a graph that each process knows as a whole. MPI 4.1, section 8.5.5."""

    __slots__ = ()

    @classmethod
    def _fits(cls, state: CommState) -> bool:
        return state.topology is not None and state.topology.kind == GRAPH

    @handled
    def Get_dims(self) -> tuple[int, int]:
        """Number of nodes and of edges."""
        graph = topology_of(self._live(), Graph)
        return len(graph.index), len(graph.edges)

    @handled
    def Get_topo(self) -> tuple[list[int], list[int]]:
        """The number of edges of nodes 0 to i, for each node i; and the nodes where the edges end."""
        graph = topology_of(self._live(), Graph)
        return list(graph.index), list(graph.edges)

    @handled
    def Get_neighbors_count(self, rank: int) -> int:
        """Number of neighbours of a rank."""
        return len(topology_of(self._live(), Graph).of(rank))

    @handled
    def Get_neighbors(self, rank: int) -> list[int]:
        """Neighbours of a rank."""
        return topology_of(self._live(), Graph).of(rank)

    @property
    def dims(self) -> tuple[int, int]:
        """Number of nodes and of edges."""
        return self.Get_dims()

    @property
    def nnodes(self) -> int:
        """Number of nodes."""
        return self.Get_dims()[0]

    @property
    def nedges(self) -> int:
        """Number of edges."""
        return self.Get_dims()[1]

    @property
    def topo(self) -> tuple[list[int], list[int]]:
        """The same as `Get_topo()`."""
        return self.Get_topo()

    @property
    def index(self) -> list[int]:
        """For each node i, the number of edges of nodes 0 to i."""
        return self.Get_topo()[0]

    @property
    def edges(self) -> list[int]:
        """The nodes where the edges end."""
        return self.Get_topo()[1]

    @property
    def nneighbors(self) -> int:
        """Number of neighbours of this process."""
        return len(self.neighbors)

    @property
    def neighbors(self) -> list[int]:
        """Neighbours of this process."""
        return self.inoutedges[0]


class Distgraphcomm(Topocomm):
    """Processes in a directed graph of which each process knows its own edges. MPI 4.1, section 8.5.5."""

    __slots__ = ()

    @classmethod
    def _fits(cls, state: CommState) -> bool:
        return state.topology is not None and state.topology.kind == DIST_GRAPH

    @handled
    def Get_dist_neighbors_count(self) -> tuple[int, int, bool]:
        """Number of edges to this process, number of edges from it, and whether edges have weights."""
        graph = topology_of(self._live(), DistributedGraph)
        return len(graph.sources), len(graph.destinations), graph.weights is not None

    @handled
    def Get_dist_neighbors(self) -> tuple[list[int], list[int], tuple[list[int], list[int]] | None]:
        """Where edges to this process start, where edges from it end, and both lists of weights, if any."""
        graph = topology_of(self._live(), DistributedGraph)
        weights = None if graph.weights is None else (list(graph.weights[0]), list(graph.weights[1]))
        return list(graph.sources), list(graph.destinations), weights


kinds.CART = Cartcomm
kinds.GRAPH = Graphcomm
kinds.DIST = Distgraphcomm


def _one_each(grid: Cartesian, values: list[V]) -> list[V]:
    if len(values) != len(grid.dims):
        raise ValueError(f"expected {len(grid.dims)} values, one for each dimension, got {len(values)}")
    return values
