"""Methods of communicators that are not implemented: each says so in a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from .handle import CommHandle

if TYPE_CHECKING:
    from ..group import Group
    from ..requests.request import Prequest, Request
    from .communicator import Comm, Intercomm


class Absent(CommHandle):
    """Fault tolerance by the program, partitioned communication, joining by a socket."""

    __slots__ = ()

    def Revoke(self) -> None:
        """Not implemented: lost ranks are replaced."""
        no_fault_tolerance("Revoke")

    def Is_revoked(self) -> bool:
        """Not implemented: lost ranks are replaced."""
        no_fault_tolerance("Is_revoked")

    def Get_failed(self) -> Group:
        """Not implemented: lost ranks are replaced."""
        no_fault_tolerance("Get_failed")

    def Ack_failed(self, num_to_ack: int | None = None) -> int:
        """Not implemented: lost ranks are replaced."""
        no_fault_tolerance("Ack_failed")

    def Agree(self, flag: int) -> int:
        """Not implemented: lost ranks are replaced."""
        no_fault_tolerance("Agree")

    def Iagree(self, flag: object) -> Request:
        """Not implemented: lost ranks are replaced."""
        no_fault_tolerance("Iagree")

    def Shrink(self) -> Comm:
        """Not implemented: lost ranks are replaced."""
        no_fault_tolerance("Shrink")

    def Ishrink(self) -> tuple[Comm, Request]:
        """Not implemented: lost ranks are replaced."""
        no_fault_tolerance("Ishrink")

    def Psend_init(
        self, buf: object, partitions: int, dest: int, tag: int = 0, info: object = None
    ) -> Prequest:
        """Not implemented."""
        raise NotImplementedError("mpi_actors has no partitioned communication: use Send_init")

    def Precv_init(
        self, buf: object, partitions: int, source: int = -1, tag: int = -1, info: object = None
    ) -> Prequest:
        """Not implemented."""
        raise NotImplementedError("mpi_actors has no partitioned communication: use Recv_init")

    @classmethod
    def Join(cls, fd: int) -> Intercomm:
        """Not implemented: jobs cannot connect."""
        raise NotImplementedError("Join: mpi_actors has no dynamic processes; jobs cannot connect")


def no_fault_tolerance(what: str) -> NoReturn:
    """Say why there is no such method."""
    raise NotImplementedError(f"{what}: in mpi_actors a program does not see lost ranks, they are replaced")
