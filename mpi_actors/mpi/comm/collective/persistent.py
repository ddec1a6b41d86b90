"""Collective operations on buffers that can be started again and again.

All processes make these requests in the same order and start each request equally often. They may start
different requests in different orders. The argument `info` has no effect.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...op import SUM, Op
from ...requests.request import Prequest
from . import movements, reductions
from .call import CollectiveCalls


class PersistentCollectives(CollectiveCalls):
    """Barrier_init, Bcast_init … Reduce_scatter_init. MPI 4.1, section 6.13."""

    __slots__ = ()

    def Barrier_init(self, info: object = None) -> Prequest:
        """Return a request that does `Barrier` at each `Start`."""
        return self._prepare(movements.barrier)

    def Bcast_init(self, buf: object, root: int = 0, info: object = None) -> Prequest:
        """Return a request that does `Bcast` at each `Start`."""
        return self._prepare(movements.bcast, buf, root)

    def Gather_init(self, sendbuf: object, recvbuf: object, root: int = 0, info: object = None) -> Prequest:
        """Return a request that does `Gather` at each `Start`."""
        return self._prepare(movements.gather, sendbuf, recvbuf, root)

    def Gatherv_init(self, sendbuf: object, recvbuf: object, root: int = 0, info: object = None) -> Prequest:
        """Return a request that does `Gatherv` at each `Start`."""
        return self._prepare(movements.gatherv, sendbuf, recvbuf, root)

    def Scatter_init(self, sendbuf: object, recvbuf: object, root: int = 0, info: object = None) -> Prequest:
        """Return a request that does `Scatter` at each `Start`."""
        return self._prepare(movements.scatter, sendbuf, recvbuf, root)

    def Scatterv_init(self, sendbuf: object, recvbuf: object, root: int = 0, info: object = None) -> Prequest:
        """Return a request that does `Scatterv` at each `Start`."""
        return self._prepare(movements.scatterv, sendbuf, recvbuf, root)

    def Allgather_init(self, sendbuf: object, recvbuf: object, info: object = None) -> Prequest:
        """Return a request that does `Allgather` at each `Start`."""
        return self._prepare(movements.allgather, sendbuf, recvbuf)

    def Allgatherv_init(self, sendbuf: object, recvbuf: object, info: object = None) -> Prequest:
        """Return a request that does `Allgatherv` at each `Start`."""
        return self._prepare(movements.allgatherv, sendbuf, recvbuf)

    def Alltoall_init(self, sendbuf: object, recvbuf: object, info: object = None) -> Prequest:
        """Return a request that does `Alltoall` at each `Start`."""
        return self._prepare(movements.alltoall, sendbuf, recvbuf)

    def Alltoallv_init(self, sendbuf: object, recvbuf: object, info: object = None) -> Prequest:
        """Return a request that does `Alltoallv` at each `Start`."""
        return self._prepare(movements.alltoallv, sendbuf, recvbuf)

    def Alltoallw_init(self, sendbuf: object, recvbuf: object, info: object = None) -> Prequest:
        """Return a request that does `Alltoallw` at each `Start`."""
        return self._prepare(movements.alltoallw, sendbuf, recvbuf)

    def Reduce_init(
        self, sendbuf: object, recvbuf: object, op: Op = SUM, root: int = 0, info: object = None
    ) -> Prequest:
        """Return a request that does `Reduce` at each `Start`."""
        return self._prepare(reductions.reduce, sendbuf, recvbuf, op, root)

    def Allreduce_init(self, sendbuf: object, recvbuf: object, op: Op = SUM, info: object = None) -> Prequest:
        """Return a request that does `Allreduce` at each `Start`."""
        return self._prepare(reductions.allreduce, sendbuf, recvbuf, op)

    def Reduce_scatter_block_init(
        self, sendbuf: object, recvbuf: object, op: Op = SUM, info: object = None
    ) -> Prequest:
        """Return a request that does `Reduce_scatter_block` at each `Start`."""
        return self._prepare(reductions.reduce_scatter_block, sendbuf, recvbuf, op)

    def Reduce_scatter_init(
        self,
        sendbuf: object,
        recvbuf: object,
        recvcounts: Sequence[int] | None = None,
        op: Op = SUM,
        info: object = None,
    ) -> Prequest:
        """Return a request that does `Reduce_scatter` at each `Start`."""
        return self._prepare(reductions.reduce_scatter, sendbuf, recvbuf, recvcounts, op)


class PersistentScans(CollectiveCalls):
    """Scan_init and Exscan_init, which only intracommunicators have. MPI 4.1, section 6.13."""

    __slots__ = ()

    def Scan_init(self, sendbuf: object, recvbuf: object, op: Op = SUM, info: object = None) -> Prequest:
        """Return a request that does `Scan` at each `Start`."""
        return self._prepare(reductions.scan, sendbuf, recvbuf, op)

    def Exscan_init(self, sendbuf: object, recvbuf: object, op: Op = SUM, info: object = None) -> Prequest:
        """Return a request that does `Exscan` at each `Start`."""
        return self._prepare(reductions.exscan, sendbuf, recvbuf, op)
