"""Buffers to and from the neighbours of a topology; blocks lie in the order of `inedges` and `outedges`.

The block of a neighbour beyond the edge of a grid is neither read nor written.
"""

from __future__ import annotations

from ...requests.request import Prequest, Request
from ..collective.call import CollectiveCalls
from . import neighbor_plans as plans


class NeighborCollectives(CollectiveCalls):
    """Neighbor_allgather … Neighbor_alltoallw, with their non-blocking and persistent forms."""

    __slots__ = ()

    def Neighbor_allgather(self, sendbuf: object, recvbuf: object) -> None:
        """Send one buffer to all destinations, and get an equal block from each source."""
        self._run(plans.neighbor_allgather, sendbuf, recvbuf)

    def Neighbor_allgatherv(self, sendbuf: object, recvbuf: object) -> None:
        """The same with blocks of any sizes."""
        self._run(plans.neighbor_allgatherv, sendbuf, recvbuf)

    def Neighbor_alltoall(self, sendbuf: object, recvbuf: object) -> None:
        """Send a block to each destination, and get one from each source."""
        self._run(plans.neighbor_alltoall, sendbuf, recvbuf)

    def Neighbor_alltoallv(self, sendbuf: object, recvbuf: object) -> None:
        """The same with blocks of any sizes."""
        self._run(plans.neighbor_alltoallv, sendbuf, recvbuf)

    def Neighbor_alltoallw(self, sendbuf: object, recvbuf: object) -> None:
        """The same with a datatype for each block; displacements are in bytes."""
        self._run(plans.neighbor_alltoallw, sendbuf, recvbuf)

    def Ineighbor_allgather(self, sendbuf: object, recvbuf: object) -> Request:
        """Start `Neighbor_allgather`."""
        return self._start(plans.neighbor_allgather, sendbuf, recvbuf)

    def Ineighbor_allgatherv(self, sendbuf: object, recvbuf: object) -> Request:
        """Start `Neighbor_allgatherv`."""
        return self._start(plans.neighbor_allgatherv, sendbuf, recvbuf)

    def Ineighbor_alltoall(self, sendbuf: object, recvbuf: object) -> Request:
        """Start `Neighbor_alltoall`."""
        return self._start(plans.neighbor_alltoall, sendbuf, recvbuf)

    def Ineighbor_alltoallv(self, sendbuf: object, recvbuf: object) -> Request:
        """Start `Neighbor_alltoallv`."""
        return self._start(plans.neighbor_alltoallv, sendbuf, recvbuf)

    def Ineighbor_alltoallw(self, sendbuf: object, recvbuf: object) -> Request:
        """Start `Neighbor_alltoallw`."""
        return self._start(plans.neighbor_alltoallw, sendbuf, recvbuf)

    def Neighbor_allgather_init(self, sendbuf: object, recvbuf: object, info: object = None) -> Prequest:
        """A request that does `Neighbor_allgather` at each Start."""
        return self._prepare(plans.neighbor_allgather, sendbuf, recvbuf)

    def Neighbor_allgatherv_init(self, sendbuf: object, recvbuf: object, info: object = None) -> Prequest:
        """A request that does `Neighbor_allgatherv` at each Start."""
        return self._prepare(plans.neighbor_allgatherv, sendbuf, recvbuf)

    def Neighbor_alltoall_init(self, sendbuf: object, recvbuf: object, info: object = None) -> Prequest:
        """A request that does `Neighbor_alltoall` at each Start."""
        return self._prepare(plans.neighbor_alltoall, sendbuf, recvbuf)

    def Neighbor_alltoallv_init(self, sendbuf: object, recvbuf: object, info: object = None) -> Prequest:
        """A request that does `Neighbor_alltoallv` at each Start."""
        return self._prepare(plans.neighbor_alltoallv, sendbuf, recvbuf)

    def Neighbor_alltoallw_init(self, sendbuf: object, recvbuf: object, info: object = None) -> Prequest:
        """A request that does `Neighbor_alltoallw` at each Start."""
        return self._prepare(plans.neighbor_alltoallw, sendbuf, recvbuf)
