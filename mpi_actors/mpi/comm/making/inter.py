"""Methods that only intercommunicators have: about the remote group, and `Merge` into one group.

`communicator` imports this module, and this module imports `communicator` for its types only: see `intra`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...constants import ERR_COMM, ERR_RANK
from ...engine import engine
from ...errhandler import Errhandler
from ...errors.exception import Exception as MPIException
from ...group import Group
from ...info import INFO_NULL, Info
from .. import kinds
from ..context import derive
from ..errors import handled
from ..handle import CommHandle
from ..state import CommState
from .agreement import all_pairs
from .intra import adopt, group_context
from .lineage import make, union

if TYPE_CHECKING:
    from ..communicator import Intercomm, Intracomm


class InterConstructors(CommHandle):
    """Get_remote_group, Get_remote_size, Merge, Create_from_groups. MPI 4.1, section 7.6."""

    __slots__ = ()

    @classmethod
    def Create_from_groups(
        cls,
        local_group: Group,
        local_leader: int,
        remote_group: Group,
        remote_leader: int,
        stringtag: str = "org.mpi4py",
        info: Info = INFO_NULL,
        errhandler: Errhandler | None = None,
    ) -> Intercomm:
        """Make a communicator between two groups. All members call it, with the same `stringtag`.

        Raises:
            MPI.Exception: ERR_RANK, for a leader that its group does not have; ERR_COMM, if the groups
                overlap.
        """
        members, remote = local_group._members(), remote_group._members()
        for group, leader in ((members, local_leader), (remote, remote_leader)):
            if not 0 <= leader < len(group):
                raise MPIException(ERR_RANK, f"no leader {leader} among {len(group)} ranks")
        if not set(remote).isdisjoint(members):
            raise MPIException(ERR_COMM, "the two groups overlap")
        if engine().rank not in members:
            return kinds.INTER()  # type: ignore[no-any-return]
        context = group_context("inter", stringtag, *sorted((members, remote)))
        made = CommState(kinds.INTER)
        made.attach(engine(), context, members, remote)
        adopt(made, info, errhandler)
        made.low = members < remote
        made.local = make(made, derive(context, "local", members), members)
        return kinds.INTER._of(made)  # type: ignore[no-any-return]

    @handled
    def Get_remote_group(self) -> Group:
        """The group on the other side."""
        return Group._with(remote_of(self))

    @handled
    def Get_remote_size(self) -> int:
        """Number of processes in the remote group."""
        return len(remote_of(self))

    @handled
    def Merge(self, high: bool = False) -> Intracomm:
        """Make one intracommunicator of both groups.

        The group that gives `high` gets the higher ranks. If both groups give the same, the order is that of
        `union`.
        """
        state = self._live()
        remote = remote_of(self)
        everybody = union(state)
        flags = dict(zip(everybody, all_pairs(state, int(bool(high)), 0), strict=True))
        context = state.child_context("merge")
        mine, theirs = flags[state.members[0]], flags[remote[0]]
        if mine < theirs:
            everybody = state.members + remote
        elif mine > theirs:
            everybody = remote + state.members
        return kinds.INTRA._of(make(state, context, everybody))  # type: ignore[no-any-return]

    @property
    def remote_group(self) -> Group:
        """The group on the other side."""
        return self.Get_remote_group()

    @property
    def remote_size(self) -> int:
        """Number of processes in the remote group."""
        return self.Get_remote_size()


def remote_of(comm: CommHandle) -> tuple[int, ...]:
    """World ranks of the remote group. Raises ERR_COMM for an intracommunicator."""
    remote = comm._live().remote
    if remote is None:
        raise MPIException(ERR_COMM, "an intracommunicator has no remote group")
    return remote
