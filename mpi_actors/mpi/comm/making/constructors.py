"""Constructors of communicators that intra- and intercommunicators share."""

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
    """Dup, Create, Split and their relatives; Free."""

    __slots__ = ()

    @handled
    def Clone(self) -> Self:
        """The same as `Dup` without info."""
        return self._dup(None)

    @handled
    def Dup(self, info: Info | None = None) -> Self:
        """The same processes in a context of their own, with copies of the attributes."""
        return self._dup(info)

    @handled
    def Dup_with_info(self, info: Info) -> Self:
        """Duplicate, with these hints in place of the original's."""
        return self._dup(info)

    @handled
    def Idup(self, info: Info | None = None) -> tuple[Self, Request]:
        """Duplicate without waiting: the communicator can be used when the request is complete."""
        return self._dup(info), Request._of(done_transfer(), self._h)

    @handled
    def Idup_with_info(self, info: Info) -> tuple[Self, Request]:
        """Duplicate without waiting, with these hints in place of the original's."""
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
        """A communicator of a part of the members; COMM_NULL at others. All members call it.

        Raises:
            MPI.Exception: ERR_GROUP, if a member of the group is none of the communicator.
        """
        state = self._live()
        members = subset(state, group._members())
        if state.remote is None:
            return self._kin(part(state, state.child_context("create", members), members))
        place = members.index(state.engine.rank) if state.engine.rank in members else UNDEFINED
        return self._parts(state, 0 if place >= 0 else UNDEFINED, place, "create")

    @handled
    def Split(self, color: int = 0, key: int = 0) -> CommHandle:
        """A communicator of the members that give the same color, ordered by key and then by rank.

        COMM_NULL for the color UNDEFINED.
        """
        return self._split(color, key)

    @handled
    def Split_type(self, split_type: int, key: int = 0, info: Info = INFO_NULL) -> CommHandle:
        """A communicator of the members that share something; COMM_NULL for UNDEFINED.

        COMM_TYPE_SHARED: those on the same host. COMM_TYPE_HW_GUIDED and COMM_TYPE_RESOURCE_GUIDED know one
        type of resource, "mpi_shared_memory", which is the same; COMM_TYPE_HW_UNGUIDED finds none.
        """
        guided = info.get("mpi_hw_resource_type") == "mpi_shared_memory"
        if split_type == COMM_TYPE_SHARED:
            color = host_color()
        elif split_type in (COMM_TYPE_HW_GUIDED, COMM_TYPE_RESOURCE_GUIDED):
            color = host_color() if guided else UNDEFINED
        elif split_type in (COMM_TYPE_HW_UNGUIDED, UNDEFINED):
            color = UNDEFINED
        else:
            raise MPIException(ERR_ARG, f"{split_type} is no type to split by")
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
        """A handle of the kind of this one, but not of its class, to a new communicator or none."""
        cls: type[Any] = self._kind
        if isinstance(self, kinds.INTRA):
            cls = kinds.INTRA
        elif isinstance(self, kinds.INTER):
            cls = kinds.INTER
        return cls() if state is None else cls._of(state)  # type: ignore[no-any-return]

    @handled
    def Free(self) -> None:
        """Give the communicator up; all members do so. Messages on their way arrive even so.

        Raises:
            MPI.Exception: ERR_COMM, for a predefined one.
        """
        self._give_up()

    @handled
    def Disconnect(self) -> None:
        """Wait until all communication is done, and give the communicator up."""
        self._give_up()

    def _give_up(self) -> None:
        state = self._live()
        if state.constant is not None:
            raise MPIException(ERR_COMM, f"{state.name} cannot be freed")
        try:
            delete_attributes(self, state.attributes)
        finally:
            state.release()
            self._h = NULL
