"""Constructors that only intracommunicators have, and those of dynamic processes, which are refused.

`communicator` imports this module, and this module imports `communicator` for its types only: MPI's interface
is mutually recursive, as an intracommunicator makes intercommunicators and these make intracommunicators
again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from ...constants import ERR_COMM, ERR_RANK
from ...engine import engine
from ...errhandler import Errhandler, initial_state, state_for
from ...errors.exception import Exception as MPIException
from ...info import INFO_NULL, Info
from ...pickles.messages import dumps_bytes, loads
from .. import kinds
from ..context import derive
from ..errors import handled
from ..handle import CommHandle
from ..state import CommState
from .agreement import tell
from .lineage import make_inter, part, subset

if TYPE_CHECKING:
    from ...group import Group
    from ..communicator import Intercomm, Intracomm

_from_groups: dict[tuple[object, ...], int] = {}
"""How many communicators this process has made of groups alone, by what made them."""


def group_context(*parts: object) -> int:
    """Return the context of the next communicator that is made of groups, without a parent."""
    number = _from_groups[parts] = _from_groups.get(parts, 0) + 1
    return derive("groups", number, parts)


class IntraConstructors(CommHandle):
    """Create_group, Create_from_group, Create_intercomm. Spawn … raise NotImplementedError.

    MPI 4.1, sections 7.4.2, 7.6.2, 11.8 and 11.9.
    """

    __slots__ = ()

    @handled
    def Create_group(self, group: Group, tag: int = 0) -> Intracomm:
        """Make a communicator of a part of the members. Only these members call it; others get COMM_NULL.

        Raises:
            MPI.Exception: ERR_GROUP, if the group has a process that is not in this communicator.
        """
        state = self._live()
        members = subset(state, group._members())
        made = part(state, state.group_context("create_group", members, tag), members)
        return kinds.INTRA() if made is None else kinds.INTRA._of(made)  # type: ignore[no-any-return]

    @classmethod
    def Create_from_group(
        cls,
        group: Group,
        stringtag: str = "org.mpi4py",
        info: Info = INFO_NULL,
        errhandler: Errhandler | None = None,
    ) -> Intracomm:
        """Make a communicator of the members of a group. All of them call it, with the same `stringtag`."""
        members = group._members()
        if engine().rank not in members:
            return kinds.INTRA()  # type: ignore[no-any-return]
        made = CommState(kinds.INTRA)
        made.attach(engine(), group_context("intra", stringtag, members), members)
        adopt(made, info, errhandler)
        return kinds.INTRA._of(made)  # type: ignore[no-any-return]

    @handled
    def Create_intercomm(
        self, local_leader: int, peer_comm: Intracomm, remote_leader: int, tag: int = 0
    ) -> Intercomm:
        """Make a communicator between this group and another one, which must not overlap.

        Only the local leader uses `peer_comm` and `remote_leader`: the rank of the other leader in
        `peer_comm`. Different values of `tag` keep simultaneous calls of the same two leaders apart.

        Raises:
            MPI.Exception: ERR_RANK, for a leader that does not exist; ERR_COMM, if the groups overlap. An
                error that only the leader finds is raised at all processes of its group.
        """
        state = self._live()
        if not 0 <= local_leader < len(state.members):
            raise MPIException(ERR_RANK, f"no local leader {local_leader} among {len(state.members)} ranks")
        mine = (state.members, state.child_context("intercomm", state.members))
        theirs = None
        if state.rank == local_leader:
            try:
                theirs = meet(peer_comm, remote_leader, tag, mine)
            except MPIException as error:
                theirs = error.Get_error_code()
        theirs = tell(state, theirs, local_leader)
        if isinstance(theirs, int):
            raise MPIException(theirs, "the leader of the group could not reach the other leader")
        remote, remote_context = theirs
        if not set(remote).isdisjoint(state.members):
            raise MPIException(ERR_COMM, "the two groups overlap")
        context = derive("intercomm", *sorted((mine[1], remote_context)))
        return kinds.INTER._of(make_inter(state, context, state.members, remote))  # type: ignore[no-any-return]

    def Spawn(
        self,
        command: object,
        args: object = None,
        maxprocs: int = 1,
        info: Info = INFO_NULL,
        root: int = 0,
        errcodes: object = None,
    ) -> NoReturn:
        """Raise NotImplementedError: a job keeps the number of ranks that it was started with."""
        refuse_dynamic_processes("Spawn")

    def Spawn_multiple(
        self,
        command: object,
        args: object = None,
        maxprocs: object = None,
        info: object = INFO_NULL,
        root: int = 0,
        errcodes: object = None,
    ) -> NoReturn:
        """Raise NotImplementedError: a job keeps the number of ranks that it was started with."""
        refuse_dynamic_processes("Spawn_multiple")

    def Accept(self, port_name: str, info: Info = INFO_NULL, root: int = 0) -> NoReturn:
        """Raise NotImplementedError: jobs cannot connect to each other."""
        refuse_dynamic_processes("Accept")

    def Connect(self, port_name: str, info: Info = INFO_NULL, root: int = 0) -> NoReturn:
        """Raise NotImplementedError: jobs cannot connect to each other."""
        refuse_dynamic_processes("Connect")


def meet(peer_comm: Any, remote_leader: int, tag: int, mine: object) -> Any:
    """Exchange a value with the other leader, in a context that the program's messages do not use.

    Raises:
        TypeError: `peer_comm` is not a communicator.
        MPI.Exception: ERR_RANK, if the communicator has no such rank.
    """
    if not isinstance(peer_comm, CommHandle):
        raise TypeError(f"expected a communicator, got {type(peer_comm).__name__}")
    peer = peer_comm._live()
    if not 0 <= remote_leader < peer.count:
        raise MPIException(ERR_RANK, f"no remote leader {remote_leader} among {peer.count} ranks")
    world, context = peer.peers[remote_leader], derive(peer.context, "leaders")
    sent = peer.engine.isend(world, context, tag, dumps_bytes(mine))
    received = peer.engine.recv(world, context, tag, None)
    peer.engine.wait(sent)
    return loads(received.payload or b"")


def adopt(state: CommState, info: Info, errhandler: Errhandler | None) -> None:
    """Give a communicator without a parent the hints and the error handler that others inherit."""
    state.info = dict(info.items())
    state.errhandler = initial_state() if errhandler is None else state_for(errhandler, "Comm")


def refuse_dynamic_processes(what: str) -> NoReturn:
    """Raise NotImplementedError for a method that needs processes outside of this job."""
    raise NotImplementedError(f"{what}: mpi_actors has no dynamic processes; start the job with more ranks")
