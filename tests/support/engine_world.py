"""Jobs of real engines in one process, without a clock: memory in place of sockets, dice in place of time.

Each rank's program is a thread, but only one thread runs at a time. It runs until it looks at its streams,
writes to one, or has recorded a choice; then the dice decide who goes on: a rank, or a daemon that carries
bytes, choices and orders as `choice_world` has it. So every order of events can happen, and one that has
happened happens again with the same seed.
"""

from __future__ import annotations

import os
import random
import select
import threading
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NoReturn

import attrs
from choice_world import HOME, PeerModel, World

from mpi_actors.errors import MpiActorsError
from mpi_actors.mpi.engine.ending import linger, report_end
from mpi_actors.mpi.engine.engine import Engine
from mpi_actors.mpi.engine.start import Limits
from mpi_actors.replay.page import Page
from mpi_actors.wire.channel import ChannelKind, ChannelMessage

Program = Callable[["SimRank"], None]

_FIRST_FD = 1_000_000
"""Descriptors of sockets in memory: no real one is as large."""


class Killed(BaseException):
    """The process of a rank was killed: its thread ends."""


class SimSocket:
    """One end of a lane."""

    def __init__(self, lane: SimLane, rank: SimRank) -> None:
        self.lane = lane
        self.rank = rank
        self.fd = rank.world.next_fd()
        self.inbox = bytearray()
        self.outbox = bytearray()
        """What the daemon has not fetched yet; only if the other end is on another peer."""
        self.ended = False
        """Nothing more will come."""
        self.closed = False

    @property
    def other(self) -> SimSocket:
        """The other end."""
        return self.lane.ends[self is self.lane.ends[0]]

    @property
    def readable(self) -> bool:
        """Whether a read would bring something, or the end."""
        return bool(self.inbox) or self.ended

    def setblocking(self, flag: bool) -> None:
        """Sockets in memory never block."""

    def setsockopt(self, *args: object) -> None:
        """Sockets in memory have no options."""

    def fileno(self) -> int:
        """See `socket.fileno`."""
        return self.fd

    def send(self, data: bytes | memoryview) -> int:
        """See `socket.send`; now and then only a part is taken."""
        self.rank.pause()
        world = self.rank.world
        taken = len(data) if world.dice.random() < 0.9 else world.dice.randint(1, len(data))
        if self.lane.far:
            self.outbox += data[:taken]
        elif not self.other.closed:
            self.other.inbox += data[:taken]
        return taken

    def sendmsg(self, parts: Iterable[memoryview]) -> int:
        """See `socket.sendmsg`."""
        return self.send(b"".join(parts))

    def recv_into(self, view: memoryview) -> int:
        """See `socket.recv_into`."""
        if not self.inbox:
            if self.ended:
                return 0
            raise BlockingIOError
        count = min(len(view), len(self.inbox))
        view[:count] = self.inbox[:count]
        del self.inbox[:count]
        return count

    def close(self) -> None:
        """See `socket.close`; the other end reads what is on its way, and then the end."""
        if not self.closed:
            self.closed = True
            if not (self.lane.far and self.rank.stopped):
                self.other.ended = True  # else what is on its way comes first


class SimLane:
    """A lane between two incarnations."""

    def __init__(self, first: SimRank, second: SimRank) -> None:
        self.places = [(rank.number, rank.incarnation, rank.peer) for rank in (first, second)]
        self.far = first.peer != second.peer
        self.ends = (SimSocket(self, first), SimSocket(self, second))

    @property
    def broken(self) -> bool:
        """Whether one of the two has to ask for another lane."""
        return any(end.closed or end.ended or end.rank.stopped for end in self.ends)

    def cut(self) -> None:
        """Both ends see the end."""
        for end in self.ends:
            end.ended = True


class SimPoll:
    """In place of epoll: a look hands the turn over."""

    def __init__(self, rank: SimRank) -> None:
        self._rank = rank

    def register(self, fd: int, events: int) -> None:
        """All ends of lanes are looked at."""

    def modify(self, fd: int, events: int) -> None:
        """A socket in memory can always be written."""
        self._rank.writers.discard(fd)
        if events & select.EPOLLOUT:
            self._rank.writers.add(fd)

    def unregister(self, fd: int) -> None:
        """See `register`."""
        self._rank.writers.discard(fd)

    def close(self) -> None:
        """There is nothing to close."""

    def poll(self, patience: float) -> list[tuple[int, int]]:
        """What can be read or written now; the rank sleeps first, if it is patient."""
        rank = self._rank
        rank.asleep = patience > 0
        rank.pause()
        rank.asleep = False
        rank.obey()
        return rank.events()


class SimPage(Page):
    """A rank's end of its page: each record is a moment at which the rank may be killed."""

    __slots__ = ("rank",)
    rank: SimRank

    def append(self, data: bytes) -> None:
        """See `Page.append`."""
        self.rank.pause()
        super().append(data)
        self.rank.pause()


class SimEngine(Engine):
    """An engine that raises where a real one would end its process."""

    def give_up(self, error: MpiActorsError) -> NoReturn:
        """See `Engine.give_up`."""
        raise error


class SimWiring:
    """A rank's channel to its daemon."""

    def __init__(self, rank: SimRank) -> None:
        self._rank = rank

    def want(self, rank: int) -> None:
        """See `Wiring.want`."""
        self._rank.world.wants.append((self._rank, rank))

    def say(self, message: ChannelMessage) -> bool:
        """See `Wiring.say`."""
        assert message.kind is ChannelKind.ENDED, message
        self._rank.ended = True
        return True


class SimRank:
    """A rank, and the thread of its present incarnation. The attributes first named are `RankModel`'s."""

    def __init__(self, world: EngineWorld, number: int, peer: int, program: Program) -> None:
        self.number = number
        self.peer = peer
        self.incarnation = 0
        self.alive = True
        self.world = world
        self.program = program
        self.seen: list[object] = []
        """What the program has seen and done, for the test."""
        self.sent: list[tuple[int, bytes]] = []
        """Messages that it has sent: to whom, and what."""
        self.received: list[tuple[int, bytes]] = []
        """Messages that it has received: from whom, and what."""
        self.lines = 0
        self.output: list[tuple[int, str]] = []
        """Lines that the daemon has not fetched yet."""
        self.ended = False
        """The program is over; its daemon has not fetched this yet, or has."""
        self.told: dict[int, int] = {}
        """By rank, the incarnation of which the process was told last."""
        self._start(b"")

    # --- the process --------------------------------------------------------------------------------------

    def repeat(self, stream: bytes) -> None:
        """A new incarnation begins, with these choices."""
        self.close()
        self._start(stream)

    def _start(self, stream: bytes) -> None:
        self.store = Page.create(stream)
        self.engine: SimEngine | None = None
        self._own_end: Page | None = None
        self.sockets: list[SimSocket] = []
        self.writers: set[int] = set()
        self.mail: list[Callable[[Engine], None]] = []
        """What the daemon says to the process."""
        self.asleep = False
        self.stopped = False
        self.error: BaseException | None = None
        self.seen, self.sent, self.received = [], [], []
        self.lines = 0
        self.output = []
        self.ended = False
        self.told = {}
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._go.acquire()
        try:
            if not self.stopped:
                self._live()
        except Killed:
            pass
        except BaseException as error:  # noqa: BLE001 - the test's own thread raises it
            self.error = error
        self._back.release()

    def _live(self) -> None:
        page = SimPage.open(self.world.dup(self.store))
        assert isinstance(page, SimPage)
        page.rank = self
        self._own_end = page
        engine = self.engine = SimEngine(
            self.number,
            len(self.world.ranks),
            incarnation=self.incarnation,
            wiring=SimWiring(self),
            limits=Limits(),
            page=page,
        )
        engine._epoll.close()
        engine._epoll = SimPoll(self)  # type: ignore[assignment]
        self.program(self)
        report_end(engine, 0)
        linger(engine)

    def stop(self) -> None:
        """Kill the process."""
        if not self.stopped:
            self.stopped = True
            self._go.release()
            self._thread.join()
            for socket in self.sockets:
                socket.close()
            if self.engine is not None:
                self.engine._streams.clear()
                self.engine.close()
            if self._own_end is not None:
                self._own_end.close()

    def close(self) -> None:
        """Give everything back."""
        self.stop()
        self.store.close()

    # --- turns --------------------------------------------------------------------------------------------

    def turn(self) -> None:
        """Let the process run to its next pause."""
        self._go.release()
        self._back.acquire()

    def pause(self) -> None:
        """Hand the turn over; called by the process.

        Raises:
            Killed: the process was killed meanwhile.
        """
        if not self.stopped:
            self._back.release()
            self._go.acquire()
        if self.stopped:
            raise Killed

    @property
    def ready(self) -> bool:
        """Whether the process can go on."""
        if self.stopped or self.error is not None:
            return False
        return not self.asleep or bool(self.mail) or bool(self.events())

    def events(self) -> list[tuple[int, int]]:
        """What `poll` reports."""
        found = [
            (socket.fd, select.EPOLLIN) for socket in self.sockets if socket.readable and not socket.closed
        ]
        return found + [(fd, select.EPOLLOUT) for fd in sorted(self.writers)]

    def obey(self) -> None:
        """Do what the daemon has said; called by the process."""
        engine = self.engine
        assert engine is not None
        mail, self.mail = self.mail, []
        for order in mail:
            order(engine)

    # --- what programs call -------------------------------------------------------------------------------

    @property
    def live(self) -> SimEngine:
        """The engine, for the program."""
        assert self.engine is not None
        return self.engine

    def settle(self) -> None:
        """Something is about to leave."""
        self.live.settle()

    def print(self, text: str) -> None:
        """Write a line to standard output."""
        self.settle()
        self.output.append((self.lines, text))
        self.lines += 1

    def look(self, number: int) -> int:
        """Look at a clock."""
        return self.live.choices.clock(number, lambda: self.world.now + 1_000_000 * self.peer)

    # --- what the world of choices wants ------------------------------------------------------------------

    @property
    def page(self) -> bytes:
        """The bytes of all its choices."""
        return self.store.read()


@attrs.frozen
class LaneBytes:
    """Bytes of a lane on a link between two peers; none: the lane's end."""

    lane: SimLane
    end: int
    """Which end of the lane has sent them."""
    data: bytes


@attrs.frozen
class Line:
    """A line that an incarnation has printed."""

    rank: int
    incarnation: int
    number: int
    text: str


@attrs.frozen
class Ended:
    """The program of an incarnation is over."""

    rank: int
    incarnation: int


class EngineWorld(World):
    """One job of engines.

    Args:
        peers: how many peers there are.
        places: the peer of each rank.
        programs: the program of each rank.
        seed: of the dice.
    """

    ranks: list[Any]

    def __init__(self, peers: int, places: list[int], programs: list[Program], seed: int) -> None:
        super().__init__(peers, places)
        self.dice = random.Random(seed)
        self.now = 0
        self.wants: list[tuple[SimRank, int]] = []
        self.lanes: dict[tuple[int, int], SimLane] = {}
        self.shown: dict[int, dict[int, str]] = {}
        """Lines that the coordinator has shown, by rank and number."""
        self.ends: dict[int, int] = {}
        """By rank, the incarnation that has ended well."""
        self._fds = _FIRST_FD
        self.ranks = []
        for number, peer in enumerate(places):
            self.ranks.append(SimRank(self, number, peer, programs[number]))

    def next_fd(self) -> int:
        """A new descriptor."""
        self._fds += 1
        return self._fds

    def dup(self, page: Page) -> int:
        """A descriptor of a page for a process."""
        return os.dup(page.fd)

    def close(self) -> None:
        """End all processes."""
        for rank in self.ranks:
            rank.close()

    # --- the run ------------------------------------------------------------------------------------------

    def run(self, losses: list[tuple[int, Callable[[EngineWorld], None]]], most: int = 60_000) -> None:
        """Let everything happen until all ranks have ended; losses happen after so many steps."""
        losses = sorted(losses, key=lambda loss: loss[0], reverse=True)
        for step in range(most):
            while losses and losses[-1][0] <= step:
                losses.pop()[1](self)
                self.reap()
            if self.is_over():
                return
            if not self.step():
                break
        raise AssertionError(f"nothing happens any more, after {self.now} steps: {self.words()}")

    def is_over(self) -> bool:
        """Whether the coordinator knows that all have ended."""
        return (
            not self.lost
            and not self.exits
            and not self.crashed - self.out
            and all(self.ends.get(rank.number) == rank.incarnation for rank in self.ranks)
        )

    def step(self) -> bool:
        """Let a rank, or a daemon, do something; return False if nobody can."""
        self.now += 1
        dice = self.dice
        self.wire()
        ready = [rank for rank in self.ranks if rank.ready]
        if ready and dice.random() < 0.6:
            rank = dice.choice(ready)
            rank.turn()
            if rank.error is not None:
                raise rank.error
            return True
        acts = self.acts()
        if acts:
            dice.choice(acts)()
            self.reap()
            return True
        for peer in self.peers:
            if peer.number not in self.crashed:
                self.read_pages(peer)
        return bool(ready or self.acts())

    def acts(self) -> list[Callable[[], object]]:
        """What daemons can do now."""
        acts: list[Callable[[], object]] = []
        for rank in self.ranks:
            if rank.peer not in self.crashed:
                acts += [partial(self.pump, socket) for socket in rank.sockets if socket.outbox]
                if rank.output or rank.ended:
                    acts.append(partial(self.fetch, rank))
        for ends, items in self.links.items():
            if items:
                acts.append(partial(self.deliver, *ends))
        for number, orders in self.orders.items():
            if orders and number not in self.crashed:
                acts.append(partial(self.obey, number))
        for peer in self.peers[1:]:
            if peer.number not in self.crashed and peer.number not in self.out:
                if self.dice.random() < 0.1:
                    self.read_pages(peer)
                if peer.streams.has_news(HOME) and (not acts or self.dice.random() < 0.03):
                    acts.append(partial(self.report, peer.number))  # seldom, so that much is not stable
        if not acts or self.dice.random() < 0.02:  # a loss is noticed late
            acts += [partial(self.notice, number) for number in sorted(self.crashed - self.out)]
        return acts

    def words(self) -> str:
        """What everybody waits for."""
        lines = []
        for rank in self.ranks:
            waits = [] if rank.engine is None else [words() for words, _ in rank.engine.waiting.values()]
            lines.append(
                f"{rank.number}.{rank.incarnation}@{rank.peer}{'' if rank.alive else ' dead'} {waits}"
            )
        return "; ".join(lines)

    # --- lanes --------------------------------------------------------------------------------------------

    def wire(self) -> None:
        """Give lanes to those who want them, where both sides know each other's place."""
        for item in tuple(self.wants):
            rank, number = item
            other = self.ranks[number]
            if rank.stopped:
                self.wants.remove(item)
            elif not other.stopped and self._knows(rank, other) and self._knows(other, rank):
                self.wants.remove(item)
                key = (min(rank.number, number), max(rank.number, number))
                lane = self.lanes.get(key)
                if (
                    lane is None
                    or lane.broken
                    or lane.places
                    != [(r.number, r.incarnation, r.peer) for r in (self.ranks[key[0]], self.ranks[key[1]])]
                ):
                    self.lanes[key] = self._lane(self.ranks[key[0]], self.ranks[key[1]])

    def _knows(self, rank: SimRank, other: SimRank) -> bool:
        peer = self.peers[rank.peer]
        place = other.incarnation, other.peer
        fenced = (other.number, other.incarnation) in peer.fenced
        return peer.places.get(other.number) == place and not fenced

    def _lane(self, first: SimRank, second: SimRank) -> SimLane:
        lane = SimLane(first, second)
        for end, other in zip(lane.ends, (second, first), strict=True):
            number, incarnation = other.number, other.incarnation

            def connect(
                engine: Engine, end: SimSocket = end, number: int = number, i: int = incarnation
            ) -> None:
                engine.partners[number].connect(end, i, False)  # type: ignore[arg-type]

            end.rank.sockets.append(end)
            end.rank.mail.append(connect)
        return lane

    def pump(self, socket: SimSocket) -> None:
        """A daemon takes bytes of a lane and sends them to the other peer, with all choices before them."""
        count = self.dice.randint(1, len(socket.outbox)) if self.dice.random() < 0.3 else len(socket.outbox)
        data = bytes(socket.outbox[:count])
        del socket.outbox[:count]
        lane = socket.lane
        index = lane.ends.index(socket)
        number, incarnation, near = lane.places[index]
        other, other_incarnation, to = lane.places[1 - index]
        peer = self.peers[near]
        if (other, other_incarnation) in peer.fenced or peer.places.get(other) != (other_incarnation, to):
            lane.cut()
            return
        if (number, incarnation) in peer.fenced or near in self.out:
            return
        self.tell(peer, to)
        self.put(near, to, LaneBytes(lane, index, data))  # type: ignore[arg-type]

    def fetch(self, rank: SimRank) -> None:
        """A daemon takes a line of a rank, or its end, and tells the coordinator."""
        peer = self.peers[rank.peer]
        item: Any
        if rank.output:
            number, text = rank.output.pop(0)
            item = Line(rank.number, rank.incarnation, number, text)
        else:
            rank.ended = False
            item = Ended(rank.number, rank.incarnation)
        if peer.number == HOME:
            self.read_pages(peer)
            self.report_item(item)
        elif peer.number not in self.out:
            self.tell(peer, HOME)
            self.put(peer.number, HOME, item)

    def report_item(self, item: Any) -> None:
        """The coordinator hears of a line or an end, if the incarnation is not over."""
        if item.incarnation != self.ranks[item.rank].incarnation:
            return
        if isinstance(item, Line):
            shown = self.shown.setdefault(item.rank, {})
            assert shown.setdefault(item.number, item.text) == item.text, (
                f"line {item.number} of rank {item.rank} was {shown[item.number]!r} and is {item.text!r}"
            )
        else:
            self.ends[item.rank] = item.incarnation

    def deliver(self, near: int, far: int) -> None:
        """See `World.deliver`."""
        link = self.links.get((near, far))
        if not link:
            return
        item: Any = link[0]
        if isinstance(item, LaneBytes):
            link.popleft()
            self._on_lane_bytes(self.peers[far], item)
        elif isinstance(item, Line | Ended):
            link.popleft()
            self.report_item(item)
        else:
            super().deliver(near, far)

    def _on_lane_bytes(self, peer: PeerModel, item: LaneBytes) -> None:
        lane = item.lane
        source, incarnation, _ = lane.places[item.end]
        target, target_incarnation, _ = lane.places[1 - item.end]
        rank = self.ranks[target]
        here = rank.peer == peer.number and rank.alive and rank.incarnation == target_incarnation
        known = peer.places.get(source, (-1, -1))[0] == incarnation
        if here and known and (source, incarnation) not in peer.fenced:
            lane.ends[1 - item.end].inbox += item.data
        else:
            lane.cut()

    # --- losses -------------------------------------------------------------------------------------------

    def reap(self) -> None:
        """End the threads of ranks that have died, and tell ranks what their daemons have learned."""
        for rank in self.ranks:
            if not rank.alive:
                rank.stop()
        for rank in self.ranks:
            if rank.stopped:
                continue
            for number, (incarnation, _) in self.peers[rank.peer].places.items():
                if number != rank.number and rank.told.get(number, 0) != incarnation:
                    rank.told[number] = incarnation

                    def placed(engine: Engine, number: int = number, incarnation: int = incarnation) -> None:
                        engine.partners[number].on_incarnation_placed(incarnation)

                    rank.mail.append(placed)

    def check(self) -> None:
        """What ranks have sent and received tells whether one depends on a choice that is lost."""

    def kill(self, rank: int) -> None:
        """See `World.kill`."""
        self.ranks[rank].stop()
        super().kill(rank)
