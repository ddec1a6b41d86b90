"""Methods of communicators that are not implemented. Each raises NotImplementedError, with the reason."""

from __future__ import annotations

from typing import NoReturn

from .handle import CommHandle


class Absent(CommHandle):
    """Fault tolerance by the program, partitioned communication, connecting by a socket.

    MPI 4.1, chapter 4 and section 11.10, describe the last two. The fault tolerance is that of the extension
    ULFM (User-Level Failure Mitigation), which is not in the standard.
    """

    __slots__ = ()

    def Revoke(self) -> NoReturn:
        """Raise NotImplementedError: the coordinator replaces lost ranks."""
        refuse_fault_tolerance("Revoke")

    def Is_revoked(self) -> NoReturn:
        """Raise NotImplementedError: the coordinator replaces lost ranks."""
        refuse_fault_tolerance("Is_revoked")

    def Get_failed(self) -> NoReturn:
        """Raise NotImplementedError: the coordinator replaces lost ranks."""
        refuse_fault_tolerance("Get_failed")

    def Ack_failed(self, num_to_ack: int | None = None) -> NoReturn:
        """Raise NotImplementedError: the coordinator replaces lost ranks."""
        refuse_fault_tolerance("Ack_failed")

    def Agree(self, flag: int) -> NoReturn:
        """Raise NotImplementedError: the coordinator replaces lost ranks."""
        refuse_fault_tolerance("Agree")

    def Iagree(self, flag: object) -> NoReturn:
        """Raise NotImplementedError: the coordinator replaces lost ranks."""
        refuse_fault_tolerance("Iagree")

    def Shrink(self) -> NoReturn:
        """Raise NotImplementedError: the coordinator replaces lost ranks."""
        refuse_fault_tolerance("Shrink")

    def Ishrink(self) -> NoReturn:
        """Raise NotImplementedError: the coordinator replaces lost ranks."""
        refuse_fault_tolerance("Ishrink")

    def Psend_init(
        self, buf: object, partitions: int, dest: int, tag: int = 0, info: object = None
    ) -> NoReturn:
        """Raise NotImplementedError."""
        raise NotImplementedError("mpi_actors has no partitioned communication: use Send_init")

    def Precv_init(
        self, buf: object, partitions: int, source: int = -1, tag: int = -1, info: object = None
    ) -> NoReturn:
        """Raise NotImplementedError."""
        raise NotImplementedError("mpi_actors has no partitioned communication: use Recv_init")

    @classmethod
    def Join(cls, fd: int) -> NoReturn:
        """Raise NotImplementedError: jobs cannot connect to each other."""
        raise NotImplementedError("Join: mpi_actors has no dynamic processes; jobs cannot connect")


def refuse_fault_tolerance(what: str) -> NoReturn:
    """Raise NotImplementedError for a method by which programs would handle lost ranks."""
    raise NotImplementedError(f"{what}: mpi_actors replaces lost ranks, so programs do not see them")
