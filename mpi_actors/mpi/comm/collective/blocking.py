"""Collective operations on buffers that return when this process has done its part."""

from __future__ import annotations

from collections.abc import Sequence

from ...errors.exception import Exception as MPIException
from ...op import SUM, Op
from ..errors import raised
from . import movements, reductions
from .call import CollectiveCalls
from .quick import quick_allreduce, quick_barrier, quick_bcast


class BlockingCollectives(CollectiveCalls):
    """Barrier, Bcast … Reduce_scatter. `None` in place of a buffer that has no meaning at a rank."""

    __slots__ = ()

    def Barrier(self) -> None:
        """Wait until every process of the group has come here."""
        try:
            if quick_barrier(self._h):
                return
        except MPIException as error:
            raised(self, error)
        self._run(movements.barrier)

    def Bcast(self, buf: object, root: int = 0) -> None:
        """Send the root's `buf` to all."""
        try:
            if quick_bcast(self._h, buf, root):
                return
        except MPIException as error:
            raised(self, error)
        self._run(movements.bcast, buf, root)

    def Gather(self, sendbuf: object, recvbuf: object, root: int = 0) -> None:
        """Collect equal blocks at the root, by rank. IN_PLACE as its `sendbuf`: its block is there."""
        self._run(movements.gather, sendbuf, recvbuf, root)

    def Gatherv(self, sendbuf: object, recvbuf: object, root: int = 0) -> None:
        """Collect blocks of any sizes at the root."""
        self._run(movements.gatherv, sendbuf, recvbuf, root)

    def Scatter(self, sendbuf: object, recvbuf: object, root: int = 0) -> None:
        """Deal equal blocks of the root's `sendbuf`. IN_PLACE as its `recvbuf`: its block stays."""
        self._run(movements.scatter, sendbuf, recvbuf, root)

    def Scatterv(self, sendbuf: object, recvbuf: object, root: int = 0) -> None:
        """Deal blocks of any sizes."""
        self._run(movements.scatterv, sendbuf, recvbuf, root)

    def Allgather(self, sendbuf: object, recvbuf: object) -> None:
        """Collect equal blocks at all. IN_PLACE as `sendbuf`: the own block is there already."""
        self._run(movements.allgather, sendbuf, recvbuf)

    def Allgatherv(self, sendbuf: object, recvbuf: object) -> None:
        """Collect blocks of any sizes at all."""
        self._run(movements.allgatherv, sendbuf, recvbuf)

    def Alltoall(self, sendbuf: object, recvbuf: object) -> None:
        """Send block i to rank i, get one from it. IN_PLACE as `sendbuf`: they change places."""
        self._run(movements.alltoall, sendbuf, recvbuf)

    def Alltoallv(self, sendbuf: object, recvbuf: object) -> None:
        """The same with blocks of any sizes."""
        self._run(movements.alltoallv, sendbuf, recvbuf)

    def Alltoallw(self, sendbuf: object, recvbuf: object) -> None:
        """The same with a datatype for each block; displacements are in bytes."""
        self._run(movements.alltoallw, sendbuf, recvbuf)

    def Reduce(self, sendbuf: object, recvbuf: object, op: Op = SUM, root: int = 0) -> None:
        """Combine what all have, element by element, at the root."""
        self._run(reductions.reduce, sendbuf, recvbuf, op, root)

    def Allreduce(self, sendbuf: object, recvbuf: object, op: Op = SUM) -> None:
        """Combine what all have, element by element, at all."""
        try:
            if quick_allreduce(self._h, sendbuf, recvbuf, op):
                return
        except MPIException as error:
            raised(self, error)
        self._run(reductions.allreduce, sendbuf, recvbuf, op)

    def Reduce_scatter_block(self, sendbuf: object, recvbuf: object, op: Op = SUM) -> None:
        """Combine, and deal the result in equal blocks."""
        self._run(reductions.reduce_scatter_block, sendbuf, recvbuf, op)

    def Reduce_scatter(
        self, sendbuf: object, recvbuf: object, recvcounts: Sequence[int] | None = None, op: Op = SUM
    ) -> None:
        """Combine, and deal the result by `recvcounts`; None: what each has room for."""
        self._run(reductions.reduce_scatter, sendbuf, recvbuf, recvcounts, op)


class BlockingScans(CollectiveCalls):
    """Scan and Exscan, which only intracommunicators have."""

    __slots__ = ()

    def Scan(self, sendbuf: object, recvbuf: object, op: Op = SUM) -> None:
        """Combine what the ranks up to and with this one have."""
        self._run(reductions.scan, sendbuf, recvbuf, op)

    def Exscan(self, sendbuf: object, recvbuf: object, op: Op = SUM) -> None:
        """Combine what the ranks before this one have; rank 0 receives nothing."""
        self._run(reductions.exscan, sendbuf, recvbuf, op)
