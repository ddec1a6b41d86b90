"""CommState: one communicator in this process. Any number of handles may point to it."""

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
    """What this process knows of a communicator. Ranks of the job are called world ranks here.

    Attributes:
        engine: moves the messages.
        context: an even number, for point-to-point messages; collective operations use the next number.
        members: the world ranks of the (local) group.
        remote: the world ranks of an intercommunicator's remote group; None of an intracommunicator.
        rank: this process's place in `members`.
        peers: rank in a point-to-point call -> world rank, of `remote` if there is one, else of `members`. A
            dictionary, because programs also give ranks as whole floats (`n / 2`), which mpi4py accepts.
        count: number of `peers`; 0 while the communicator is not live, so that fast calls find no valid rank.
        index: world rank -> rank among `peers`.
        send, recv: methods of the engine, looked up once.
        errhandler: acts on errors; None for the initial one.
        attributes: cached values, by key.
        info: hints.
        buffer: memory that the program attached for buffered sends.
        holder: the thread in a method that holds a lock of `locks`; 0 if none is.
        locks: locks by name, see `locks`.
        pkl5: the communicator that the Python parts of mpi4py use beside this one, see `private`.
        local: the local group of an intercommunicator as an intracommunicator; None of an intracommunicator.
        low: whether the local group of an intercommunicator comes first in the order that both sides use.
        collective_number: the tag of the next collective operation; it starts again after GREATEST_TAG.
        children: number of communicators that all members have made of this one.
        groups: number of communicators that a part of the members has made of this one, by (members, tag).
        topology: a `Topology`, which describes the neighbours; None without one.
        live: false before `attach` and after `release`; `absence` then says why.
        constant: the handle that programs know as MPI.COMM_…, of a predefined communicator.
        cls: the class of handles to this communicator.
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
        "holder",
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
        self.holder = 0
        self.locks: dict[Hashable, Lock] | None = None
        self.pkl5: Private | None = None
        self.constant: Any = None
        self.live = False
        self.absence = "null communicator"

    def attach(
        self, engine: Engine, context: int, members: tuple[int, ...], remote: tuple[int, ...] | None = None
    ) -> None:
        """Become a communicator of these world ranks. This process must be one of the `members`."""
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
        """Return the tag of the next collective operation. All members count these operations alike.

        Raises:
            ReentrantCall: a finalizer called it in the middle of another call: the other members do not.
        """
        self.engine.refuse_reentry("a collective operation")
        tag = self.collective_number
        self.collective_number = tag + 1 if tag < GREATEST_TAG else 0
        return tag

    def child_context(self, what: str, *parts: object) -> int:
        """Return the context of the next communicator that all members make of this one."""
        self.children += 1
        return derive(self.context, self.children, what, parts)

    def group_context(self, what: str, *parts: object) -> int:
        """Return the context of the next communicator that the members in `parts` make of this one."""
        number = self.groups.get(parts, 0) + 1
        self.groups[parts] = number
        return derive(self.context, number, what, parts)

    def release(self) -> None:
        """Free the communicator, and those that the library made for it."""
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
    """A communicator beside another one, and the last tag that was used in it."""

    state: CommState
    tag: int
