"""Comm, Intracomm and Intercomm, put together from mixins: one for each chapter or section of MPI 4.1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import kinds
from .absent import Absent
from .collective.blocking import BlockingCollectives, BlockingScans
from .collective.nonblocking import NonblockingCollectives, NonblockingScans
from .collective.objects import ObjectCollectives, ObjectScans
from .collective.persistent import PersistentCollectives, PersistentScans
from .handle import CommHandle
from .inquiry import CommCaching, CommErrors, CommInquiry
from .making.constructors import CommConstructors
from .making.inter import InterConstructors
from .making.intra import IntraConstructors
from .point.bsend import BufferedSends
from .point.exchange import Exchanges
from .point.objects import ObjectMessages
from .point.probe import Probes
from .point.receive import BufferReceives
from .point.send import BufferSends
from .state import CommState
from .topology.constructors import TopologyConstructors

if TYPE_CHECKING:
    from ..group import Group
    from ..info import Info


class Comm(
    BufferSends,
    BufferReceives,
    ObjectMessages,
    Exchanges,
    Probes,
    BufferedSends,
    # collective operations of buffers and of objects
    BlockingCollectives,
    NonblockingCollectives,
    PersistentCollectives,
    ObjectCollectives,
    # the communicator itself
    CommInquiry,
    CommCaching,
    CommErrors,
    CommConstructors,
    Absent,
):
    """A communicator: a group of processes, and a context that keeps its messages apart from all others.

    Several handles may point to one communicator; they are equal. `Free` makes a handle null, and null
    handles equal COMM_NULL. A method that fails calls the communicator's error handler.
    """

    __slots__ = ()

    if TYPE_CHECKING:  # what the constructors return, in classes that they cannot know

        def Create(self, group: Group) -> Comm: ...

        def Split(self, color: int = 0, key: int = 0) -> Comm: ...

        def Split_type(self, split_type: int, key: int = 0, info: Info = ...) -> Comm: ...

        @classmethod
        def Get_parent(cls) -> Intercomm: ...


class Intracomm(
    # collective operations that an intercommunicator does not have
    BlockingScans,
    NonblockingScans,
    PersistentScans,
    ObjectScans,
    TopologyConstructors,
    IntraConstructors,
    Comm,
):
    """A communicator within one group: ranks are those of the calling processes themselves."""

    __slots__ = ()

    @classmethod
    def _fits(cls, state: CommState) -> bool:
        return state.remote is None


class Intercomm(InterConstructors, Comm):
    """A communicator between two groups: ranks in calls are those of the other, remote group."""

    __slots__ = ()

    @classmethod
    def _fits(cls, state: CommState) -> bool:
        return state.remote is not None


CommHandle._kind = Comm
kinds.INTRA = Intracomm
kinds.INTER = Intercomm
