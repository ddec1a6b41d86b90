"""Methods of communicators that are not implemented: each says so in a sentence."""

from __future__ import annotations

from typing import NoReturn

from .handle import CommHandle


class Absent(CommHandle):
    """Fault tolerance by the program, partitioned communication, joining by a socket."""

    __slots__ = ()

    def Revoke(self) -> NoReturn:
        """Not implemented: lost ranks are replaced."""
        no_fault_tolerance("Revoke")

    def Is_revoked(self) -> NoReturn:
        """Not implemented: lost ranks are replaced."""
        no_fault_tolerance("Is_revoked")

    def Get_failed(self) -> NoReturn:
        """Not implemented: lost ranks are replaced."""
        no_fault_tolerance("Get_failed")

    def Ack_failed(self, num_to_ack: int | None = None) -> NoReturn:
        """Not implemented: lost ranks are replaced."""
        no_fault_tolerance("Ack_failed")

    def Agree(self, flag: int) -> NoReturn:
        """Not implemented: lost ranks are replaced."""
        no_fault_tolerance("Agree")

    def Iagree(self, flag: object) -> NoReturn:
        """Not implemented: lost ranks are replaced."""
        no_fault_tolerance("Iagree")

    def Shrink(self) -> NoReturn:
        """Not implemented: lost ranks are replaced."""
        no_fault_tolerance("Shrink")

    def Ishrink(self) -> NoReturn:
        """Not implemented: lost ranks are replaced."""
        no_fault_tolerance("Ishrink")

    def Psend_init(
        self, buf: object, partitions: int, dest: int, tag: int = 0, info: object = None
    ) -> NoReturn:
        """Not implemented."""
        raise NotImplementedError("mpi_actors has no partitioned communication: use Send_init")

    def Precv_init(
        self, buf: object, partitions: int, source: int = -1, tag: int = -1, info: object = None
    ) -> NoReturn:
        """Not implemented."""
        raise NotImplementedError("mpi_actors has no partitioned communication: use Recv_init")

    @classmethod
    def Join(cls, fd: int) -> NoReturn:
        """Not implemented: jobs cannot connect."""
        raise NotImplementedError("Join: mpi_actors has no dynamic processes; jobs cannot connect")


def no_fault_tolerance(what: str) -> NoReturn:
    """Say why there is no such method."""
    raise NotImplementedError(f"{what}: in mpi_actors a program does not see lost ranks, they are replaced")
