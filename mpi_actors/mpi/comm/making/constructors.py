"""Constructors that intracommunicators and intercommunicators share, and `Free`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

from ...attributes import copy_attributes, delete_attributes
from ...constants import (
    COMM_TYPE_HW_GUIDED,
    COMM_TYPE_HW_UNGUIDED,
    COMM_TYPE_RESOURCE_GUIDED,
    COMM_TYPE_SHARED,
    ERR_ARG,
    ERR_COMM,
    UNDEFINED,
)
from ...engine import done_transfer
from ...errors.exception import Exception as MPIException
from ...info import INFO_NULL, Info
from ...processor import host_color
from ...requests.request import Request
from .. import kinds
from ..errors import handled
from ..handle import NULL, CommHandle
from ..state import CommState
from .agreement import all_pairs, ordered
from .lineage import duplicate, make_inter, part, subset, union

if TYPE_CHECKING:
    from ...group import Group


class CommConstructors(CommHandle):
    """Dup, Create, Split …; Free, Disconnect. MPI 4.1, sections 7.4.2, 7.4.3, 7.6.2 and 11.10."""

    __slots__ = ()

    @handled
    def Clone(self) -> Self:
        """Do as `Dup` without `info`."""
        return self._dup(None)

    @handled
    def Dup(self, info: Info | None = None) -> Self:
        """Make a communicator of the same processes with a context of its own.

        It gets copies of the attributes, and the hints of `info`, or of this communicator by default.
        """
        return self._dup(info)

    @handled
    def Dup_with_info(self, info: Info) -> Self:
        """Do as `Dup`; `info` replaces this communicator's hints."""
        return self._dup(info)

    @handled
    def Idup(self, info: Info | None = None) -> tuple[Self, Request]:
        """Do as `Dup`. Return a request, too: the communicator can be used once that is complete.

        It is complete at once, as duplicates are made without a message.
        """
        return self._dup(info), Request._of(done_transfer(), self._h)

    @handled
    def Idup_with_info(self, info: Info) -> tuple[Self, Request]:
        """Do as `Idup`; `info` replaces this communicator's hints."""
        return self._dup(info), Request._of(done_transfer(), self._h)

    def _dup(self, info: Info | None) -> Self:
        state = self._live()
        copy = duplicate(state)
        if info is not None:
            copy.info = dict(info.items())
        copy.attributes = copy_attributes(self, state.attributes)
        return type(self)._of(copy)

    @handled
    def Create(self, group: Group) -> CommHandle:
        """Make a communicator of a part of the members. All members call it; others get COMM_NULL.

        Raises:
            MPI.Exception: ERR_GROUP, if the group has a process that is not in this communicator.
        """
        state = self._live()
        members = subset(state, group._members())
        if state.remote is None:
            return self._kin(part(state, state.child_context("create", members), members))
        place = members.index(state.engine.rank) if state.engine.rank in members else UNDEFINED
        return self._parts(state, 0 if place >= 0 else UNDEFINED, place, "create")

    @handled
    def Split(self, color: int = 0, key: int = 0) -> CommHandle:
        """Make a communicator of the members that give the same color, ordered by key and then by rank.

        Members that give UNDEFINED get COMM_NULL.

        Raises:
            MPI.Exception: ERR_ARG, for a negative color.
        """
        return self._split(color, key)

    @handled
    def Split_type(self, split_type: int, key: int = 0, info: Info = INFO_NULL) -> CommHandle:
        """Make a communicator of the members that share a resource; COMM_NULL for UNDEFINED.

        With COMM_TYPE_SHARED these are the members on one host. COMM_TYPE_HW_GUIDED and
        COMM_TYPE_RESOURCE_GUIDED know one type of resource, "mpi_shared_memory", with the same result.
        COMM_TYPE_HW_UNGUIDED always gives COMM_NULL.

        Raises:
            MPI.Exception: ERR_ARG, for another type.
        """
        guided = info.get("mpi_hw_resource_type") == "mpi_shared_memory"
        if split_type == COMM_TYPE_SHARED:
            color = host_color()
        elif split_type in (COMM_TYPE_HW_GUIDED, COMM_TYPE_RESOURCE_GUIDED):
            color = host_color() if guided else UNDEFINED
        elif split_type in (COMM_TYPE_HW_UNGUIDED, UNDEFINED):
            color = UNDEFINED
        else:
            raise MPIException(ERR_ARG, f"there is no split type {split_type}")
        return self._split(color, key)

    def _split(self, color: int, key: int) -> CommHandle:
        state = self._live()
        if color < 0 and color != UNDEFINED:
            raise MPIException(ERR_ARG, f"color {color} is negative")
        return self._parts(state, color, key, "split")

    def _parts(self, state: CommState, color: int, key: int, what: str) -> CommHandle:
        given = all_pairs(state, color, key)
        context = state.child_context(what, color)
        if color == UNDEFINED:
            return self._kin(None)
        if state.remote is None:
            return self._kin(part(state, context, ordered(given, color, state.members)))
        everybody = union(state)
        chosen = ordered(given, color, everybody)
        members = tuple(world for world in chosen if world in state.members)
        remote = tuple(world for world in chosen if world not in state.members)
        if not remote:
            return self._kin(None)
        return self._kin(make_inter(state, context, members, remote))

    def _kin(self, state: CommState | None) -> CommHandle:
        """Return a handle to a new communicator, or a null handle.

        Its class is the base class that this handle has: `Intracomm`, `Intercomm` or only `Comm`.
        """
        cls: type[Any] = self._kind
        if isinstance(self, kinds.INTRA):
            cls = kinds.INTRA
        elif isinstance(self, kinds.INTER):
            cls = kinds.INTER
        return cls() if state is None else cls._of(state)  # type: ignore[no-any-return]

    @handled
    def Free(self) -> None:
        """Give up the communicator. All members call it; messages on their way still arrive.

        Raises:
            MPI.Exception: ERR_COMM, for a predefined communicator.
        """
        self._give_up()

    @handled
    def Disconnect(self) -> None:
        """Give up the communicator as `Free` does: operations under way still complete."""
        self._give_up()

    def _give_up(self) -> None:
        state = self._live()
        if state.constant is not None:
            raise MPIException(ERR_COMM, f"{state.name} is predefined and cannot be freed")
        try:
            delete_attributes(self, state.attributes)
        finally:
            state.release()
            self._h = NULL
