"""Collective operations on buffers that return a request at once.

The program must not touch the buffers until the request is complete.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...op import SUM, Op
from ...requests.request import Request
from . import movements, reductions
from .call import CollectiveCalls


class NonblockingCollectives(CollectiveCalls):
    """Ibarrier, Ibcast … Ireduce_scatter. MPI 4.1, section 6.12."""

    __slots__ = ()

    def Ibarrier(self) -> Request:
        """Start `Barrier`."""
        return self._start(movements.barrier)

    def Ibcast(self, buf: object, root: int = 0) -> Request:
        """Start `Bcast`."""
        return self._start(movements.bcast, buf, root)

    def Igather(self, sendbuf: object, recvbuf: object, root: int = 0) -> Request:
        """Start `Gather`."""
        return self._start(movements.gather, sendbuf, recvbuf, root)

    def Igatherv(self, sendbuf: object, recvbuf: object, root: int = 0) -> Request:
        """Start `Gatherv`."""
        return self._start(movements.gatherv, sendbuf, recvbuf, root)

    def Iscatter(self, sendbuf: object, recvbuf: object, root: int = 0) -> Request:
        """Start `Scatter`."""
        return self._start(movements.scatter, sendbuf, recvbuf, root)

    def Iscatterv(self, sendbuf: object, recvbuf: object, root: int = 0) -> Request:
        """Start `Scatterv`."""
        return self._start(movements.scatterv, sendbuf, recvbuf, root)

    def Iallgather(self, sendbuf: object, recvbuf: object) -> Request:
        """Start `Allgather`."""
        return self._start(movements.allgather, sendbuf, recvbuf)

    def Iallgatherv(self, sendbuf: object, recvbuf: object) -> Request:
        """Start `Allgatherv`."""
        return self._start(movements.allgatherv, sendbuf, recvbuf)

    def Ialltoall(self, sendbuf: object, recvbuf: object) -> Request:
        """Start `Alltoall`."""
        return self._start(movements.alltoall, sendbuf, recvbuf)

    def Ialltoallv(self, sendbuf: object, recvbuf: object) -> Request:
        """Start `Alltoallv`."""
        return self._start(movements.alltoallv, sendbuf, recvbuf)

    def Ialltoallw(self, sendbuf: object, recvbuf: object) -> Request:
        """Start `Alltoallw`."""
        return self._start(movements.alltoallw, sendbuf, recvbuf)

    def Ireduce(self, sendbuf: object, recvbuf: object, op: Op = SUM, root: int = 0) -> Request:
        """Start `Reduce`."""
        return self._start(reductions.reduce, sendbuf, recvbuf, op, root)

    def Iallreduce(self, sendbuf: object, recvbuf: object, op: Op = SUM) -> Request:
        """Start `Allreduce`."""
        return self._start(reductions.allreduce, sendbuf, recvbuf, op)

    def Ireduce_scatter_block(self, sendbuf: object, recvbuf: object, op: Op = SUM) -> Request:
        """Start `Reduce_scatter_block`."""
        return self._start(reductions.reduce_scatter_block, sendbuf, recvbuf, op)

    def Ireduce_scatter(
        self, sendbuf: object, recvbuf: object, recvcounts: Sequence[int] | None = None, op: Op = SUM
    ) -> Request:
        """Start `Reduce_scatter`."""
        return self._start(reductions.reduce_scatter, sendbuf, recvbuf, recvcounts, op)


class NonblockingScans(CollectiveCalls):
    """Iscan and Iexscan, which only intracommunicators have. MPI 4.1, section 6.12."""

    __slots__ = ()

    def Iscan(self, sendbuf: object, recvbuf: object, op: Op = SUM) -> Request:
        """Start `Scan`."""
        return self._start(reductions.scan, sendbuf, recvbuf, op)

    def Iexscan(self, sendbuf: object, recvbuf: object, op: Op = SUM) -> Request:
        """Start `Exscan`."""
        return self._start(reductions.exscan, sendbuf, recvbuf, op)
