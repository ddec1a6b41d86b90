"""The processes of `engine_world`: real engines, and a program each, on sockets in memory."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, NoReturn

from engine_sockets import SimPoll, SimSocket, Turns

from mpi_actors.errors import MpiActorsError
from mpi_actors.mpi.engine.ending import linger, report_end
from mpi_actors.mpi.engine.engine import Engine
from mpi_actors.mpi.engine.helper import ProgressHelper
from mpi_actors.mpi.engine.home import Watched
from mpi_actors.mpi.engine.start import Limits
from mpi_actors.replay.page import Page
from mpi_actors.wire.channel import ChannelMessage

if TYPE_CHECKING:
    from engine_world import EngineWorld

_MOST_LINES = 5
"""Lines that wait in a pipe."""

Program = Callable[["Process"], None]
Fact = tuple[object, ...]


class SimPage(Page):
    """A rank's end of its page: each record is a moment at which the rank may be killed."""

    __slots__ = ("turns",)
    turns: Turns

    def append(self, data: bytes) -> None:
        """See `Page.append`."""
        self.turns.pause()
        super().append(data)
        self.turns.pause()


class ReadPage(Page):
    """The daemon's end of a page: while it looks at one, ranks run on."""

    __slots__ = ("interlude",)
    interlude: Callable[[], None]

    @property
    def claims(self) -> int:
        """See `Page.claims`."""
        self.interlude()
        return super().claims


class SimEngine(Engine):
    """An engine that raises where a real one would end its process, and whose streams are in memory."""

    def give_up(self, error: MpiActorsError) -> NoReturn:
        """See `Engine.give_up`."""
        raise error

    def add(self, stream: Watched) -> None:
        """See `Engine.add`."""
        poll: object = self._epoll
        socket: object = stream.sock
        assert isinstance(poll, SimPoll)
        assert isinstance(socket, SimSocket)
        poll.add(socket)
        super().add(stream)


class Process:
    """One incarnation of a rank.

    Args:
        world: where it lives.
        rank: its rank.
        incarnation: its number.
        host: the number of its host.
        stream: the choices that it repeats.
    """

    def __init__(self, world: EngineWorld, rank: int, incarnation: int, host: int, stream: bytes) -> None:
        self.world = world
        self.rank = rank
        self.incarnation = incarnation
        self.host = host
        page = ReadPage.create(stream)
        assert isinstance(page, ReadPage)
        page.interlude = lambda: world.interlude(host)
        self.page = page
        """The daemon's end."""
        self.seen: list[Fact] = []
        """What the program has seen and done."""
        self.sent: list[tuple[int, int, int, bytes]] = []
        """What the program has sent: destination, context, tag, message."""
        self.received: list[tuple[int, int, int, bytes]] = []
        """What it has received: source, context, tag, message."""
        self.lines = 0
        self.pipe: deque[tuple[str, int, str]] = deque()
        """What the daemon has not read yet: lines, with their numbers, and words of the process."""
        self.wants: list[int] = []
        """Ranks to which it wants lanes."""
        self.sockets: list[SimSocket] = []
        self.asleep = False
        self.engine: SimEngine | None = None
        self._own_page: SimPage | None = None
        self._mail: deque[tuple[ChannelMessage, SimSocket | None]] = deque()
        self._poll: SimPoll | None = None
        self._helper: ProgressHelper | None = None
        self.turns = Turns(world, self._live)

    # --- for the world ------------------------------------------------------------------------------------

    @property
    def alive(self) -> bool:
        """Whether the process has not been killed."""
        return not self.turns.dead

    @property
    def ready(self) -> bool:
        """Whether the process can go on."""
        if self.turns.dead or self.turns.over or self.full:
            return False
        if not self.asleep or self._mail:
            return True
        return self._poll is not None and bool(self._poll.events())

    @property
    def full(self) -> bool:
        """Whether it has written more than its daemon takes at a time."""
        return len(self.pipe) >= _MOST_LINES

    def kill(self) -> None:
        """Kill it: it never runs again, and its sockets are closed."""
        self.turns.dead = True
        for socket in self.sockets:
            socket.close()

    def tell(self, message: ChannelMessage, socket: SimSocket | None = None) -> None:
        """The daemon says something to the process."""
        if socket is not None:
            self.sockets.append(socket)
        self._mail.append((message, socket))

    def bury(self) -> None:
        """Give everything back."""
        self.turns.bury()
        if self.engine is not None:
            self.engine._streams.clear()
            self.engine.close()
        if self._own_page is not None:
            self._own_page.close()
        self.page.close()

    def words(self) -> str:
        """What it waits for, for people."""
        waits = [words() for words, _ in self.engine.waiting.values()] if self.engine is not None else []
        state = "" if self.alive else " dead"
        return f"rank {self.rank}.{self.incarnation} on host {self.host}{state}: {waits}"

    # --- for the program ----------------------------------------------------------------------------------

    @property
    def mpi(self) -> SimEngine:
        """The engine. Before each call the helper may have its turn."""
        engine = self.engine
        assert engine is not None
        self.turns.pause()
        self._obey()
        if self.world.dice.random() < 0.1:
            assert self._helper is not None
            for _ in range(2):
                self._helper._help()
        return engine

    def print(self, text: str) -> None:
        """Write a line to standard output."""
        self.mpi.settle()
        while self.full:
            self.turns.pause()
        self.pipe.append(("line", self.lines, text))
        self.lines += 1

    def look(self, number: int) -> int:
        """Look at a clock; each host's shows something else."""
        self.turns.pause()
        return self.mpi.choices.clock(number, lambda: self.world.now + 1_000_000 * self.host)

    # --- the process --------------------------------------------------------------------------------------

    def want(self, rank: int) -> None:
        """See `Wiring.want`."""
        self.turns.pause()
        self.wants.append(rank)

    def say(self, message: ChannelMessage) -> bool:
        """See `Wiring.say`."""
        self.turns.pause()
        self.pipe.append((message.kind.name, message.number, message.text))
        return True

    def _live(self) -> None:
        page = SimPage.open(os.dup(self.page.fd))
        assert isinstance(page, SimPage)
        page.turns = self.turns
        self._own_page = page
        engine = self.engine = SimEngine(
            self.rank,
            self.world.size,
            incarnation=self.incarnation,
            wiring=self,
            limits=Limits(),
            page=page,
        )
        engine._epoll.close()
        poll = self._poll = SimPoll(self.turns, self._before, self._after)
        engine._epoll = poll  # type: ignore[assignment]
        self._helper = ProgressHelper(engine, None)
        self.world.program(self)
        engine.settle()
        report_end(engine, 0)
        linger(engine)

    def _before(self, sleeps: bool) -> None:
        self.asleep = sleeps

    def _after(self, sleeps: bool) -> None:
        self.asleep = False
        if sleeps:
            self._obey()

    def _obey(self) -> None:
        """What the helper thread does when the daemon has said something; nothing is half done now."""
        assert self._helper is not None
        while self._mail:
            message, socket = self._mail.popleft()
            self._helper._obey(message, socket)  # type: ignore[arg-type]
