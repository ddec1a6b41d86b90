"""Collective operations on buffers that return when this process has done its part.

Where a buffer has no meaning at a rank, the program gives None.
"""

from __future__ import annotations

from collections.abc import Sequence

from ...errors.exception import Exception as MPIException
from ...op import SUM, Op
from ..errors import report_and_raise
from . import movements, reductions
from .call import CollectiveCalls
from .quick import quick_allreduce, quick_barrier, quick_bcast


class BlockingCollectives(CollectiveCalls):
    """Barrier, Bcast … Reduce_scatter.

    MPI 4.1, sections 6.3 to 6.10. Between two groups the standard's rules for intercommunicators hold
    (section 6.2.3).
    """

    __slots__ = ()

    def Barrier(self) -> None:
        """Wait until every process has called this (between two groups: every process of the other)."""
        try:
            if quick_barrier(self._h):
                return
        except MPIException as error:
            report_and_raise(self, error)
        self._run(movements.barrier)

    def Bcast(self, buf: object, root: int = 0) -> None:
        """Send the root's `buf` to all ranks, which receive it in their `buf`."""
        try:
            if quick_bcast(self._h, buf, root):
                return
        except MPIException as error:
            report_and_raise(self, error)
        self._run(movements.bcast, buf, root)

    def Gather(self, sendbuf: object, recvbuf: object, root: int = 0) -> None:
        """Collect blocks of one size at the root, ordered by rank.

        The root may give IN_PLACE as `sendbuf`: its own block then already lies in `recvbuf`.
        """
        self._run(movements.gather, sendbuf, recvbuf, root)

    def Gatherv(self, sendbuf: object, recvbuf: object, root: int = 0) -> None:
        """Collect blocks of any sizes at the root; see `Gather`."""
        self._run(movements.gatherv, sendbuf, recvbuf, root)

    def Scatter(self, sendbuf: object, recvbuf: object, root: int = 0) -> None:
        """Send one block of the root's `sendbuf` to each rank; all blocks have one size.

        The root may give IN_PLACE as `recvbuf`: its own block then stays where it is.
        """
        self._run(movements.scatter, sendbuf, recvbuf, root)

    def Scatterv(self, sendbuf: object, recvbuf: object, root: int = 0) -> None:
        """Send one block of any size to each rank; see `Scatter`."""
        self._run(movements.scatterv, sendbuf, recvbuf, root)

    def Allgather(self, sendbuf: object, recvbuf: object) -> None:
        """Collect blocks of one size at every rank.

        IN_PLACE as `sendbuf` means that this rank's block already lies in `recvbuf`.
        """
        self._run(movements.allgather, sendbuf, recvbuf)

    def Allgatherv(self, sendbuf: object, recvbuf: object) -> None:
        """Collect blocks of any sizes at every rank; see `Allgather`."""
        self._run(movements.allgatherv, sendbuf, recvbuf)

    def Alltoall(self, sendbuf: object, recvbuf: object) -> None:
        """Send block i to rank i and receive one block from it; all blocks have one size.

        IN_PLACE as `sendbuf` means that the blocks are sent from `recvbuf` and replaced there.
        """
        self._run(movements.alltoall, sendbuf, recvbuf)

    def Alltoallv(self, sendbuf: object, recvbuf: object) -> None:
        """Do as `Alltoall` with blocks of any sizes."""
        self._run(movements.alltoallv, sendbuf, recvbuf)

    def Alltoallw(self, sendbuf: object, recvbuf: object) -> None:
        """Do as `Alltoall` with a datatype for each block; displacements are in bytes."""
        self._run(movements.alltoallw, sendbuf, recvbuf)

    def Reduce(self, sendbuf: object, recvbuf: object, op: Op = SUM, root: int = 0) -> None:
        """Combine the buffers of all ranks element by element; the root receives the result."""
        self._run(reductions.reduce, sendbuf, recvbuf, op, root)

    def Allreduce(self, sendbuf: object, recvbuf: object, op: Op = SUM) -> None:
        """Combine the buffers of all ranks element by element; every rank receives the result."""
        try:
            if quick_allreduce(self._h, sendbuf, recvbuf, op):
                return
        except MPIException as error:
            report_and_raise(self, error)
        self._run(reductions.allreduce, sendbuf, recvbuf, op)

    def Reduce_scatter_block(self, sendbuf: object, recvbuf: object, op: Op = SUM) -> None:
        """Combine the buffers of all ranks; rank i receives block i of the result, all of one size."""
        self._run(reductions.reduce_scatter_block, sendbuf, recvbuf, op)

    def Reduce_scatter(
        self, sendbuf: object, recvbuf: object, recvcounts: Sequence[int] | None = None, op: Op = SUM
    ) -> None:
        """Combine the buffers of all ranks; rank i receives `recvcounts[i]` elements of the result.

        Without `recvcounts` each rank receives as many elements as its `recvbuf` has room for.
        """
        self._run(reductions.reduce_scatter, sendbuf, recvbuf, recvcounts, op)


class BlockingScans(CollectiveCalls):
    """Scan and Exscan, which only intracommunicators have. MPI 4.1, section 6.11."""

    __slots__ = ()

    def Scan(self, sendbuf: object, recvbuf: object, op: Op = SUM) -> None:
        """Combine the buffers of ranks 0 to this one, element by element."""
        self._run(reductions.scan, sendbuf, recvbuf, op)

    def Exscan(self, sendbuf: object, recvbuf: object, op: Op = SUM) -> None:
        """Combine the buffers of the ranks below this one, element by element. Rank 0 receives nothing."""
        self._run(reductions.exscan, sendbuf, recvbuf, op)
