"""Collective operations with the neighbours of a topology, on buffers.

The blocks in a buffer are in the order of `inedges` (received) and `outedges` (sent). The block of a
neighbour beyond the edge of a grid is neither read nor written.
"""

from __future__ import annotations

from ...requests.request import Prequest, Request
from ..collective.call import CollectiveCalls
from . import neighbor_plans as plans


class NeighborCollectives(CollectiveCalls):
    """Neighbor_allgather … Neighbor_alltoallw, also nonblocking (Ineighbor_…) and persistent (…_init).

    MPI 4.1, sections 8.6 to 8.8.
    """

    __slots__ = ()

    def Neighbor_allgather(self, sendbuf: object, recvbuf: object) -> None:
        """Send one buffer to all destinations and receive a block from each source; all have one size."""
        self._run(plans.neighbor_allgather, sendbuf, recvbuf)

    def Neighbor_allgatherv(self, sendbuf: object, recvbuf: object) -> None:
        """Do as `Neighbor_allgather` with received blocks of any sizes."""
        self._run(plans.neighbor_allgatherv, sendbuf, recvbuf)

    def Neighbor_alltoall(self, sendbuf: object, recvbuf: object) -> None:
        """Send a block to each destination and receive one from each source; all have one size."""
        self._run(plans.neighbor_alltoall, sendbuf, recvbuf)

    def Neighbor_alltoallv(self, sendbuf: object, recvbuf: object) -> None:
        """Do as `Neighbor_alltoall` with blocks of any sizes."""
        self._run(plans.neighbor_alltoallv, sendbuf, recvbuf)

    def Neighbor_alltoallw(self, sendbuf: object, recvbuf: object) -> None:
        """Do as `Neighbor_alltoall` with a datatype for each block; displacements are in bytes."""
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
        """Return a request that does `Neighbor_allgather` at each `Start`."""
        return self._prepare(plans.neighbor_allgather, sendbuf, recvbuf)

    def Neighbor_allgatherv_init(self, sendbuf: object, recvbuf: object, info: object = None) -> Prequest:
        """Return a request that does `Neighbor_allgatherv` at each `Start`."""
        return self._prepare(plans.neighbor_allgatherv, sendbuf, recvbuf)

    def Neighbor_alltoall_init(self, sendbuf: object, recvbuf: object, info: object = None) -> Prequest:
        """Return a request that does `Neighbor_alltoall` at each `Start`."""
        return self._prepare(plans.neighbor_alltoall, sendbuf, recvbuf)

    def Neighbor_alltoallv_init(self, sendbuf: object, recvbuf: object, info: object = None) -> Prequest:
        """Return a request that does `Neighbor_alltoallv` at each `Start`."""
        return self._prepare(plans.neighbor_alltoallv, sendbuf, recvbuf)

    def Neighbor_alltoallw_init(self, sendbuf: object, recvbuf: object, info: object = None) -> Prequest:
        """Return a request that does `Neighbor_alltoallw` at each `Start`."""
        return self._prepare(plans.neighbor_alltoallw, sendbuf, recvbuf)
