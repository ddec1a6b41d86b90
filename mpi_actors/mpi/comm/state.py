"""CommState: one communicator in this process, whatever number of Python objects stand for it."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TYPE_CHECKING, Any, NamedTuple

from ..constants import GREATEST_TAG
from ..handle import forget
from .context import derive

if TYPE_CHECKING:
    from threading import Lock

    from ..engine import Engine
    from ..errhandler import ErrhandlerState
    from .send_buffer import SendBuffer

    Send = Callable[..., None]
    Receive = Callable[..., Any]


class CommState:
    """What is known of a communicator. Ranks of the job are called world ranks here.

    Attributes:
        engine: what moves the messages.
        context: even, of point-to-point messages; plus one: of collective operations.
        members: the world ranks of the (local) group.
        remote: those of an intercommunicator's remote group, else None.
        rank: this process's place in `members`.
        peers: whom a rank of a point-to-point call means: `members`, or `remote` of an intercommunicator. Not
            a tuple, since programs give ranks as whole floats, too (`n / 2`), and mpi4py takes them.
        count: how many these are; 0 once freed, which fails the range checks of the fast calls.
        index: world rank -> rank among `peers`.
        send, recv: the engine's methods, looked up once.
        pkl5: what the Python parts of mpi4py use beside it, see `private`.
        local: of an intercommunicator: its local group as an intracommunicator; else None.
        low: of an intercommunicator: whether the local group is the first of the two for both.
        collective_number: how many collective operations were started; their tag.
        children: how many communicators were made of this one.
        groups: the same for those made by a part of the members: (members, tag) -> number.
        topology: what describes the neighbours, with its `kind`; None without one.
        live: it is a communicator; not yet, or no more, otherwise: `absence` says why.
        constant: the handle that the program knows as MPI.COMM_…, if it is predefined.
        cls: the class of handles to it.
    """

    __slots__ = (
        "absence",
        "attributes",
        "buffer",
        "children",
        "cls",
        "collective_number",
        "constant",
        "context",
        "count",
        "engine",
        "errhandler",
        "groups",
        "index",
        "info",
        "live",
        "local",
        "locks",
        "low",
        "members",
        "name",
        "peers",
        "pkl5",
        "rank",
        "recv",
        "remote",
        "send",
        "topology",
    )

    engine: Engine
    send: Send
    recv: Receive

    def __init__(self, cls: type[Any], name: str = "") -> None:
        self.cls = cls
        self.name = name
        self.context = 0
        self.members: tuple[int, ...] = ()
        self.remote: tuple[int, ...] | None = None
        self.peers: dict[int, int] = {}
        self.count = 0
        self.index: dict[int, int] = {}
        self.rank = -1
        self.local: CommState | None = None
        self.low = True
        self.collective_number = 0
        self.children = 0
        self.groups: dict[tuple[object, ...], int] = {}
        self.errhandler: ErrhandlerState | None = None
        self.attributes: dict[int, Any] = {}
        self.topology: Any = None
        self.info: dict[str, str] = {}
        self.buffer: SendBuffer | None = None
        self.locks: dict[Hashable, Lock] | None = None
        self.pkl5: Private | None = None
        self.constant: Any = None
        self.live = False
        self.absence = "null communicator"

    def attach(
        self, engine: Engine, context: int, members: tuple[int, ...], remote: tuple[int, ...] | None = None
    ) -> None:
        """Become a communicator of these processes, of which this one is one."""
        self.engine = engine
        self.send = engine.send
        self.recv = engine.recv
        self.context = context
        self.members = members
        self.remote = remote
        self.peers = dict(enumerate(members if remote is None else remote))
        self.count = len(self.peers)
        self.index = {world: rank for rank, world in self.peers.items()}
        self.rank = members.index(engine.rank)
        self.live = True

    def collective_tag(self) -> int:
        """The tag of the next collective operation: all members count them alike."""
        tag = self.collective_number
        self.collective_number = tag + 1 if tag < GREATEST_TAG else 0
        return tag

    def child_context(self, what: str, *parts: object) -> int:
        """The context of the next communicator that all members make of this one."""
        self.children += 1
        return derive(self.context, self.children, what, parts)

    def group_context(self, what: str, *parts: object) -> int:
        """The context of the next communicator that the members in `parts` make of this one."""
        number = self.groups.get(parts, 0) + 1
        self.groups[parts] = number
        return derive(self.context, number, what, parts)

    def release(self) -> None:
        """Be a communicator no more."""
        self.live = False
        self.absence = "the communicator has been freed"
        self.count = 0
        self.engine.forget(self.context)
        if self.local is not None:
            self.local.release()
        if self.pkl5 is not None:
            self.pkl5.state.release()
        forget(self)


class Private(NamedTuple):
    """A communicator beside another one, and the tag that was used last in it."""

    state: CommState
    tag: int
