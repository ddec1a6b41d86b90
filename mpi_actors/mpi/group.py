"""Groups: ordered sets of processes, known by their world ranks (MPI 4.1, section 7.3).

A world rank is a rank of the job.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Self

from .constants import ERR_ARG, ERR_GROUP, ERR_RANK, IDENT, PROC_NULL, SIMILAR, UNDEFINED, UNEQUAL
from .engine import engine
from .errors.exception import Exception as MPIException
from .handle import Handle, constant, forget

if TYPE_CHECKING:
    from typing import Protocol

    class HasGroups(Protocol):
        """A session: its process sets are groups."""

        def Create_group(self, pset_name: str) -> Group:
            """Return the group of a process set."""


class GroupState:
    """The members of a group, as world ranks in the order of their ranks in it."""

    __slots__ = ("_index", "members")

    def __init__(self, members: Iterable[int]) -> None:
        self.members = tuple(members)
        self._index: dict[int, int] | None = None

    @property
    def index(self) -> dict[int, int]:
        """The rank in the group, by world rank."""
        if self._index is None:
            self._index = {world: rank for rank, world in enumerate(self.members)}
        return self._index


class Group(Handle):
    """A handle to a group."""

    __slots__ = ()
    _error = ERR_GROUP
    _h: GroupState | None

    @classmethod
    def _with(cls, members: Iterable[int]) -> Self:
        """Return a new group of these world ranks."""
        group = cls.__new__(cls)
        group._h = GroupState(members)
        return group

    def _members(self) -> tuple[int, ...]:
        """Return the world ranks of the members. ERR_GROUP for a null handle."""
        members: tuple[int, ...] = self._require().members
        return members

    def Get_size(self) -> int:
        """Return how many members the group has."""
        return len(self._members())

    def Get_rank(self) -> int:
        """Return the rank of this process in the group, or UNDEFINED if it is not a member."""
        state: GroupState = self._require()
        if not state.members:
            return UNDEFINED
        return state.index.get(engine().rank, UNDEFINED)

    @property
    def size(self) -> int:
        """How many members the group has."""
        return self.Get_size()

    @property
    def rank(self) -> int:
        """The rank of this process in the group; UNDEFINED if it is not a member."""
        return self.Get_rank()

    def Translate_ranks(self, ranks: Sequence[int] | None = None, group: Group | None = None) -> list[int]:
        """Return the ranks that members of this group have in another group.

        Args:
            ranks: of the members in this group; None for all.
            group: the other group; None for that of COMM_WORLD.

        The result is UNDEFINED for a process that is not in the other group. PROC_NULL stays PROC_NULL.
        """
        members = self._members()
        if ranks is None:
            ranks = range(len(members))
        _check_ranks([rank for rank in ranks if rank != PROC_NULL], len(members))
        if group is None:
            return [PROC_NULL if rank == PROC_NULL else members[rank] for rank in ranks]
        index = group._require().index
        return [PROC_NULL if rank == PROC_NULL else index.get(members[rank], UNDEFINED) for rank in ranks]

    def Compare(self, group: Group) -> int:
        """Return IDENT, SIMILAR (the same members in another order) or UNEQUAL."""
        mine, theirs = self._members(), group._members()
        if mine == theirs:
            return IDENT
        return SIMILAR if len(mine) == len(theirs) and set(mine) == set(theirs) else UNEQUAL

    def Dup(self) -> Self:
        """Return a new group with the same members."""
        return self._with(self._members())

    @classmethod
    def Union(cls, group1: Group, group2: Group) -> Self:
        """Return the group of the members of group1, then those of group2 that are not in group1."""
        return cls._with(dict.fromkeys(group1._members() + group2._members()))

    @classmethod
    def Intersection(cls, group1: Group, group2: Group) -> Self:
        """Return the group of the members of group1 that are in group2, in the order of group1."""
        first, second = group1._members(), set(group2._members())
        return cls._with(world for world in first if world in second)

    Intersect = Intersection

    @classmethod
    def Difference(cls, group1: Group, group2: Group) -> Self:
        """Return the group of the members of group1 that are not in group2, in the order of group1."""
        first, second = group1._members(), set(group2._members())
        return cls._with(world for world in first if world not in second)

    def Incl(self, ranks: Sequence[int]) -> Self:
        """Return the group of the members with these ranks, in this order.

        ERR_RANK if a rank is not valid or is given twice.
        """
        members = self._members()
        _check_ranks(ranks, len(members), distinct=True)
        return self._with(members[rank] for rank in ranks)

    def Excl(self, ranks: Sequence[int]) -> Self:
        """Return the group of all members except those with these ranks.

        ERR_RANK if a rank is not valid or is given twice.
        """
        members = self._members()
        _check_ranks(ranks, len(members), distinct=True)
        out = set(ranks)
        return self._with(world for rank, world in enumerate(members) if rank not in out)

    def Range_incl(self, ranks: Sequence[tuple[int, int, int]]) -> Self:
        """As `Incl`, with ranges (first, last, stride), last included."""
        return self.Incl(_spread(ranks))

    def Range_excl(self, ranks: Sequence[tuple[int, int, int]]) -> Self:
        """As `Excl`, with ranges (first, last, stride), last included."""
        return self.Excl(_spread(ranks))

    @classmethod
    def Create_from_session_pset(cls, session: HasGroups, pset_name: str) -> Self:
        """Return the group of a process set of a session."""
        return cls(session.Create_group(pset_name))

    def Free(self) -> None:
        """Forget the group; this handle becomes null."""
        state = self._require()
        if self is not GROUP_EMPTY:
            self._h = None
            if state is not GROUP_EMPTY._h:
                forget(state)


def _check_ranks(ranks: Sequence[int], size: int, distinct: bool = False) -> None:
    for rank in ranks:
        if not 0 <= rank < size:
            raise MPIException(ERR_RANK, f"{rank} in a group of {size}")
    if distinct and len(set(ranks)) != len(ranks):
        raise MPIException(ERR_RANK, "a rank is given twice")


def _spread(ranges: Sequence[tuple[int, int, int]]) -> list[int]:
    ranks: list[int] = []
    for first, last, stride in ranges:
        if stride == 0:
            raise MPIException(ERR_ARG, "a stride of 0")
        ranks += range(first, last + (1 if stride > 0 else -1), stride)
    return ranks


Group._kind = Group
GROUP_NULL = constant("GROUP_NULL", Group())
GROUP_EMPTY = constant("GROUP_EMPTY", Group._to(GroupState(())))
