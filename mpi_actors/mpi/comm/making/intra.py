"""Constructors of communicators that only intracommunicators have, and those of dynamic processes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from ...constants import ERR_COMM, ERR_RANK
from ...engine import engine
from ...errhandler import Errhandler, chosen, initial_state
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


def group_context(*parts: object) -> int:
    """The context of the next communicator that comes from groups alone."""
    number = _from_groups[parts] = _from_groups.get(parts, 0) + 1
    return derive("groups", number, parts)


class IntraConstructors(CommHandle):
    """Create_group, Create_from_group, Create_intercomm; Spawn and its relatives, which do not exist."""

    __slots__ = ()

    @handled
    def Create_group(self, group: Group, tag: int = 0) -> Intracomm:
        """A communicator of a part of the members: only these call it. COMM_NULL at others.

        Raises:
            MPI.Exception: ERR_GROUP, if a member of the group is none of the communicator.
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
        """A communicator of the members of a group, which all call it with the same tag."""
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
        """A communicator between the processes of this one and of another one, which do not overlap.

        `peer_comm` and `remote_leader` mean something at the local leader only: there the remote leader has
        that rank. `tag` tells calls apart that go on at the same time between the same leaders.

        Raises:
            MPI.Exception: ERR_RANK, ERR_COMM; at all processes of a group if its leader finds it.
        """
        state = self._live()
        if not 0 <= local_leader < len(state.members):
            raise MPIException(ERR_RANK, f"local leader {local_leader} of {len(state.members)}")
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
        """Not implemented: a job has the ranks that it was started with."""
        no_dynamic_processes("Spawn")

    def Spawn_multiple(
        self,
        command: object,
        args: object = None,
        maxprocs: object = None,
        info: object = INFO_NULL,
        root: int = 0,
        errcodes: object = None,
    ) -> NoReturn:
        """Not implemented: a job has the ranks that it was started with."""
        no_dynamic_processes("Spawn_multiple")

    def Accept(self, port_name: str, info: Info = INFO_NULL, root: int = 0) -> NoReturn:
        """Not implemented: jobs cannot connect."""
        no_dynamic_processes("Accept")

    def Connect(self, port_name: str, info: Info = INFO_NULL, root: int = 0) -> NoReturn:
        """Not implemented: jobs cannot connect."""
        no_dynamic_processes("Connect")


def meet(peer_comm: Any, remote_leader: int, tag: int, mine: object) -> Any:
    """Exchange something with the other leader, apart from all messages of the program."""
    if not isinstance(peer_comm, CommHandle):
        raise TypeError(f"expected a communicator, got {type(peer_comm).__name__}")
    peer = peer_comm._live()
    if not 0 <= remote_leader < peer.count:
        raise MPIException(ERR_RANK, f"remote leader {remote_leader} of {peer.count}")
    world, context = peer.peers[remote_leader], derive(peer.context, "leaders")
    sent = peer.engine.isend(world, context, tag, dumps_bytes(mine))
    received = peer.engine.recv(world, context, tag, None)
    peer.engine.wait(sent)
    return loads(received.payload or b"")


def adopt(state: CommState, info: Info, errhandler: Errhandler | None) -> None:
    """Give a communicator without parents what it would have from them."""
    state.info = dict(info.items())
    state.errhandler = initial_state() if errhandler is None else chosen(errhandler, "Comm")


def no_dynamic_processes(what: str) -> NoReturn:
    """Say that a method needs processes that are not of this job."""
    raise NotImplementedError(f"{what}: mpi_actors has no dynamic processes; start the job with more ranks")
