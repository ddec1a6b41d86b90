"""The daemons of `engine_world`: links, tunnels, and what must go ahead of what ranks write.

What they know of choices is kept by the real `JobChoices`. The rest does what `lanes.router`, `lanes.broker`,
`lanes.tunnel` and `ranks.host` do, without an event loop: each call of `act` is one thing that a daemon does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from engine_links import HOME, JOB, Item, Place, Report, SimLink, Tunnel, TunnelBytes, name_of, number_of
from engine_processes import Process
from engine_sockets import SimSocket, socket_pair

from mpi_actors.errors import MpiActorsError
from mpi_actors.ids import PeerId
from mpi_actors.lanes.choices import JobChoices
from mpi_actors.wire.channel import ChannelKind, ChannelMessage
from mpi_actors.wire.frame import Frame
from mpi_actors.wire.messages import ChoicesStable

if TYPE_CHECKING:
    from engine_world import EngineWorld

Order = Callable[["SimHost"], None]
"""What a control message has its receiver do."""


class SimHost:
    """One daemon, as far as one job is concerned.

    Args:
        world: where it lives.
        number: its number.
    """

    def __init__(self, world: EngineWorld, number: int) -> None:
        self.world = world
        self.number = number
        self.dice = world.dice
        self.crashed = False
        self.links: dict[int, SimLink] = {}
        """To each other host."""
        self.orders: deque[Order] = deque()
        """Control messages of the coordinator."""
        self.forget()

    def forget(self) -> None:
        """Begin anew with the job."""
        self.processes: dict[int, Process] = {}
        self.places: dict[int, Place] = {}
        self.lost: set[tuple[int, int]] = set()
        """Incarnations of which nothing is taken any more, by rank and incarnation."""
        self.tunnels: list[Tunnel] = []
        self.told: dict[tuple[int, int], int] = {}
        self.joined = self.number == HOME
        """It takes part in the job."""
        self._reports = False
        self.choices = self.world.choices_class(JOB, name_of(HOME), self)
        if self.number == HOME:
            self.choices.hold(self.world.coordinator)

    # --- what the coordinator orders ----------------------------------------------------------------------

    def start(self, rank: int, incarnation: int, stream: bytes, places: dict[int, Place]) -> None:
        """Start an incarnation."""
        self.joined = True
        for other, place in places.items():
            self.place(other, *place)
        self.stop(rank, incarnation - 1)
        process = self.processes[rank] = self.world.spawn(rank, incarnation, self.number, stream)
        self.choices.attach(rank, incarnation, process.page, len(stream), self._on_broken)
        self.place(rank, incarnation, self.number)
        self.world.up(self, process)

    def place(self, rank: int, incarnation: int, host: int) -> None:
        """A rank has a new incarnation."""
        if not self.joined:
            return
        known = self.places.get(rank)
        if known is not None and known[0] >= incarnation:
            return
        self.places[rank] = (incarnation, host)
        self.choices.on_placed(rank, incarnation, name_of(host))
        for process in self.processes.values():
            if process.rank != rank:
                process.tell(ChannelMessage(ChannelKind.PLACED, rank=rank, incarnation=incarnation))
        for tunnel in self.tunnels:
            if tunnel.there[0] == rank and tunnel.there[1] < incarnation:
                tunnel.close()

    def stop(self, rank: int, incarnation: int) -> None:
        """End an incarnation, or an older one."""
        process = self.processes.get(rank)
        if process is not None and process.incarnation <= incarnation:
            process.kill()
            self.choices.detach(rank, process.incarnation)
            del self.processes[rank]

    def seal(self, round: int, lost: Iterable[tuple[int, int]]) -> None:
        """Take nothing more of lost incarnations, and tell all choices that are known."""
        self.fence(lost)
        for rank, incarnation in lost:
            self.stop(rank, incarnation)
        self.choices.answer(round)

    def fence(self, lost: Iterable[tuple[int, int]]) -> None:
        """Take nothing more of lost incarnations."""
        self.lost.update(lost)
        for tunnel in self.tunnels:
            if tunnel.there in self.lost:
                tunnel.close()

    def leave(self) -> None:
        """Forget the job: the coordinator has given this host up, although it lives."""
        for process in self.processes.values():
            process.kill()
        for tunnel in self.tunnels:
            tunnel.close()
            self.links[tunnel.far].put(TunnelBytes(tunnel, b""))
        self.forget()

    def is_lost(self, rank: int, place: Place) -> bool:
        """Whether nothing of an incarnation is taken any more."""
        return any(other == rank and place[0] <= incarnation for other, incarnation in self.lost)

    # --- what choices need: see `ChoiceReporter` ----------------------------------------------------------

    def soon(self) -> None:
        """The world looks again anyway."""

    def report(self, choices: JobChoices) -> None:
        """Tell the coordinator the news."""
        self._reports = True

    def tell(self, peer: PeerId, message: ChoicesStable) -> None:
        """The coordinator here has choices."""
        order: Order = lambda host: host.choices.on_stable(message.positions)  # noqa: E731
        self.world.order(number_of(peer), order)

    def _on_broken(self, error: MpiActorsError) -> None:
        raise error

    # --- links --------------------------------------------------------------------------------------------

    def lose_link(self, far: int) -> None:
        """This host has seen that the link to another one has ended."""
        link = self.links[far]
        link.up = False
        link.items.clear()
        self.world.hosts[far].links[self.number].items.clear()
        self.choices.on_link_down(name_of(far))
        for tunnel in self.tunnels:
            if tunnel.far == far:
                tunnel.close()

    def take(self, item: Item, near: int) -> bool:
        """Take what has come from another host; return False if it must wait."""
        if not self.joined:
            return True
        if isinstance(item, Frame):
            self.choices.receive(item, name_of(near))
        elif isinstance(item, Report):
            return self.world.coordinator.on_report(item)
        else:
            self._take_bytes(item, near)
        return True

    def _take_bytes(self, item: TunnelBytes, near: int) -> None:
        rank, incarnation = item.tunnel.here
        tunnel = item.tunnel.twin
        if tunnel is None or tunnel.closed or tunnel not in self.tunnels:
            return
        if self.places.get(rank) != (incarnation, near) or (rank, incarnation) in self.lost:
            return
        if item.data:
            tunnel.pending += item.data
        else:
            tunnel.drains = True

    # --- acts ---------------------------------------------------------------------------------------------

    def act(self) -> bool:
        """Do something; return False if there was nothing to do."""
        acts: list[Callable[[], bool]] = [
            self._obey, self._deliver, self._deliver, self._pump, self._pump, self._pour, self._read_pipe,
            self._report_news, self._wire, self._reap,
        ]  # fmt: skip
        self.dice.shuffle(acts)
        return any(act() for act in acts)

    def _obey(self) -> bool:
        if self.orders:
            self.orders.popleft()(self)
            return True
        return False

    def _deliver(self) -> bool:
        links = [
            (near, link)
            for near, own in self.links.items()
            if own.up and (link := self.world.hosts[near].links[self.number]).items
        ]
        if not links:
            return False
        near, link = self.dice.choice(links)
        for _ in range(1 if self.dice.random() < 0.7 else len(link.items)):
            if not link.items:
                break
            if not self.take(link.items[0], near):
                return False
            link.items.popleft()
        return True

    def _pump(self) -> bool:
        """Send bytes of a rank here."""
        ready = [
            tunnel
            for tunnel in self.tunnels
            if not tunnel.closed and (tunnel.held or tunnel.socket.readable) and not tunnel.drains
        ]
        if not ready:
            return False
        tunnel = self.dice.choice(ready)
        link: Any = self.links[tunnel.far]
        if not tunnel.held:
            if self.choices.active and self.choices.holds_up(link, tunnel):
                return False
            tunnel.held = tunnel.socket.recv(self.dice.choice((10, 100, 100_000)))
            if not tunnel.held:
                tunnel.close()
                link.put(TunnelBytes(tunnel, b""))
                return True
        while self.choices.active and (frame := self.choices.ahead(link, self.world.most)) is not None:
            link.put(frame)
            if self.dice.random() < 0.3:
                return True
        link.put(TunnelBytes(tunnel, tunnel.held))
        tunnel.held = b""
        return True

    def _pour(self) -> bool:
        """Give a rank here the bytes that have come for it."""
        self.tunnels = [tunnel for tunnel in self.tunnels if not tunnel.closed]
        ready = [tunnel for tunnel in self.tunnels if tunnel.drains or tunnel.pending]
        if not ready:
            return False
        tunnel = self.dice.choice(ready)
        if tunnel.pending:
            if tunnel.socket.other.closed:
                tunnel.close()
                self.links[tunnel.far].put(TunnelBytes(tunnel, b""))
                return True
            try:
                del tunnel.pending[: tunnel.socket.send(bytes(tunnel.pending))]
            except BlockingIOError:
                return False
        else:
            tunnel.close()
        return True

    def _read_pipe(self) -> bool:
        """Read what a process here has told, and send it to the coordinator."""
        ready = [process for process in self.processes.values() if process.pipe]
        if not ready:
            return False
        process = self.dice.choice(ready)
        kind, number, text = process.pipe[0]
        report = Report(process.rank, process.incarnation, kind, number, text)
        if self.number == HOME:
            if not self.world.coordinator.on_report(report):
                return False
        else:
            link: Any = self.links[HOME]
            while self.choices.active and (frame := self.choices.ahead(link, self.world.most)) is not None:
                link.put(frame)
                if self.dice.random() < 0.3:
                    return True
            link.put(report)
        process.pipe.popleft()
        return True

    def _report_news(self) -> bool:
        """Tell the coordinator the news of choices, if it is time to."""
        if not self._reports:
            return False
        self._reports = False
        link: Any = self.links[HOME]
        while (frame := self.choices.next_frame(link, self.world.most)) is not None:
            link.put(frame)
        return True

    def look(self) -> bool:
        """Look for news of choices; return whether there was any."""
        return self.choices.active and self.choices.look()

    def _reap(self) -> bool:
        """Tell the coordinator of a process here that has been killed."""
        for process in self.processes.values():
            if not process.alive and not process.pipe:
                del self.processes[process.rank]
                self.choices.detach(process.rank, process.incarnation)
                self.world.exited(self, process, self.choices.position(process.rank))
                return True
        return False

    # --- lanes --------------------------------------------------------------------------------------------

    def _wire(self) -> bool:
        """Give a process here a lane that it wants, if both hosts know where the ranks are."""
        for process in self.processes.values():
            for rank in process.wants if process.alive else ():
                place = self.places.get(rank)
                if place is None or (rank, place[0]) in self.lost:
                    continue
                far = self.world.hosts[place[1]]
                other = far.processes.get(rank)
                if (
                    other is not None
                    and other.alive
                    and not far.crashed
                    and other.incarnation == place[0]
                    and far.places.get(process.rank) == (process.incarnation, self.number)
                    and (process.rank, process.incarnation) not in far.lost
                    and (far is self or (self.links[far.number].up and far.links[self.number].up))
                ):
                    process.wants.remove(rank)
                    self.world.connect(process, other)
                    return True
        return False


def connect_far(one: Process, other: Process, near: SimHost, far: SimHost, room: int) -> None:
    """Make a tunnel between two processes."""
    ours, here = socket_pair(one.turns, None, room)
    theirs, there = socket_pair(other.turns, None, room)
    first, second = (one.rank, one.incarnation), (other.rank, other.incarnation)
    end = Tunnel(here, first, second, far.number)
    end.twin = Tunnel(there, second, first, near.number, end)
    near.tunnels.append(end)
    far.tunnels.append(end.twin)
    one.tell(ChannelMessage(ChannelKind.LANE, other.rank, other.incarnation, flag=True), ours)
    other.tell(ChannelMessage(ChannelKind.LANE, one.rank, one.incarnation, flag=True), theirs)


def connect_near(one: Process, other: Process, room: int) -> tuple[SimSocket, SimSocket]:
    """Make a lane between two processes of one host."""
    ours, theirs = socket_pair(one.turns, other.turns, room)
    one.tell(ChannelMessage(ChannelKind.LANE, other.rank, other.incarnation), ours)
    other.tell(ChannelMessage(ChannelKind.LANE, one.rank, one.incarnation), theirs)
    return ours, theirs
