"""Communicators with a topology: grids, graphs, distributed graphs."""

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
    """An intracommunicator whose processes have neighbours."""

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
        """Ranks of the neighbours on both sides; PROC_NULL beyond the edge of a grid."""
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
    """The processes of a grid; ranks count in row-major order."""

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
        """Sizes, whether they wrap around, and the coordinates of this process, by dimension."""
        state = self._live()
        grid = topology_of(state, Cartesian)
        return list(grid.dims), [int(wrap) for wrap in grid.periods], grid.coords(state.rank)

    @handled
    def Get_cart_rank(self, coords: Sequence[int]) -> int:
        """Rank at some coordinates.

        Raises:
            ValueError: there are not as many as dimensions.
            MPI.Exception: ERR_ARG, outside of a dimension that does not wrap around.
        """
        grid = topology_of(self._live(), Cartesian)
        return grid.rank(_one_each(grid, [integer(coord) for coord in coords]))

    @handled
    def Get_coords(self, rank: int) -> list[int]:
        """Coordinates of a rank; ERR_RANK if there is none such."""
        return topology_of(self._live(), Cartesian).coords(rank)

    @handled
    def Shift(self, direction: int, disp: int) -> tuple[int, int]:
        """Source and destination when all data moves by `disp` in a direction; PROC_NULL beyond the edge."""
        state = self._live()
        return topology_of(state, Cartesian).shift(state.rank, direction, disp)

    @handled
    def Sub(self, remain_dims: Sequence[bool]) -> Cartcomm:
        """The grid of the dimensions that remain, of the processes that agree with this one in the others."""
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
        """Sizes, periods and own coordinates."""
        return self.Get_topo()

    @property
    def dims(self) -> list[int]:
        """Sizes of the dimensions."""
        return self.Get_topo()[0]

    @property
    def periods(self) -> list[int]:
        """Which dimensions wrap around."""
        return self.Get_topo()[1]

    @property
    def coords(self) -> list[int]:
        """Coordinates of this process."""
        return self.Get_topo()[2]


class Graphcomm(Topocomm):
    """The nodes of a graph that all know whole."""

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
        """Cumulative counts of edges by node, and where the edges lead."""
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
        """Index and edges."""
        return self.Get_topo()

    @property
    def index(self) -> list[int]:
        """Cumulative counts of edges by node."""
        return self.Get_topo()[0]

    @property
    def edges(self) -> list[int]:
        """Where the edges lead."""
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
    """Processes in a directed graph of which each knows the edges at itself."""

    __slots__ = ()

    @classmethod
    def _fits(cls, state: CommState) -> bool:
        return state.topology is not None and state.topology.kind == DIST_GRAPH

    @handled
    def Get_dist_neighbors_count(self) -> tuple[int, int, bool]:
        """Number of edges that come to this process, that leave it, and whether they have weights."""
        graph = topology_of(self._live(), DistributedGraph)
        return len(graph.sources), len(graph.destinations), graph.weights is not None

    @handled
    def Get_dist_neighbors(self) -> tuple[list[int], list[int], tuple[list[int], list[int]] | None]:
        """Where edges come from, where they lead, and their weights if they have any."""
        graph = topology_of(self._live(), DistributedGraph)
        weights = None if graph.weights is None else (list(graph.weights[0]), list(graph.weights[1]))
        return list(graph.sources), list(graph.destinations), weights


kinds.CART = Cartcomm
kinds.GRAPH = Graphcomm
kinds.DIST = Distgraphcomm


def _one_each(grid: Cartesian, values: list[V]) -> list[V]:
    if len(values) != len(grid.dims):
        raise ValueError(f"expected {len(grid.dims)} values, got {len(values)}")
    return values
