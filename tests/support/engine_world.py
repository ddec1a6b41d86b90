"""Jobs of real engines in one process, without a clock: memory in place of sockets, dice in place of time.

Each rank's program is a thread, but only one thread runs at a time. It hands its turn over wherever a real
process would call the system; then the dice decide who goes on: a process, or a daemon (`engine_hosts`). So
every order of events can happen, one that has happened happens again with the same seed, and losses happen
at any moment. The coordinator's decisions are the real ones.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence

import attrs
from engine_coordinator import Coordinator, Wrong
from engine_hosts import Order, SimHost, connect_far, connect_near
from engine_links import HOME, SimLink, name_of
from engine_processes import Process, Program
from engine_sockets import SimSocket

from mpi_actors.coordination.elect import PeerView
from mpi_actors.lanes.choices import JobChoices

_MOST_STEPS = 200_000
"""Steps after which a job that does not end counts as hanging."""
_MISSES = 30
"""Vain attempts to find somebody who can do something, after which everybody is asked."""


@attrs.frozen
class Loss:
    """Something is lost at a step."""

    step: int
    kind: str
    """See `EngineWorld.lose`."""
    which: tuple[int, ...]


class EngineWorld:
    """One job.

    Args:
        hosts: how many hosts there are.
        slots: by host: how many ranks it takes before others are preferred.
        size: how many ranks there are.
        program: what each of them runs.
        seed: of the dice.
        losses: what is lost.
    """

    choices_class: type[JobChoices] = JobChoices
    haste: float = 0.2
    """How often ranks go on while their daemon looks at their pages."""
    laziness: tuple[float, ...] = (0.5, 0.95, 0.99, 0.998)

    def __init__(
        self,
        hosts: int,
        size: int,
        program: Program,
        seed: int,
        losses: Iterable[Loss] = (),
        *,
        slots: Sequence[int] = (),
    ) -> None:
        self.dice = random.Random(seed)
        self.size = size
        self.program = program
        self.now = 0
        self.most = self.dice.choice((60, 200, 100_000))
        """Bytes of choices in one frame."""
        self.room = self.dice.choice((100, 1000, 1_000_000))
        """Bytes that wait in a socket."""
        self.lazy = self.dice.choice(self.laziness)
        """How seldom daemons look for news of choices."""
        self.processes: list[Process] = []
        self.running: list[Process] = []
        """Those that have not been killed."""
        self.current: dict[int, Process] = {}
        """By rank: the newest process."""
        self.coordinator = Coordinator(self)
        self.losses = sorted(losses, key=lambda loss: loss.step, reverse=True)
        self.unseen: list[tuple[int, int]] = []
        """Ends of links that a host has not seen yet: the host, and the far one."""
        self._lanes: dict[tuple[int, int], tuple[Process, Process, tuple[SimSocket, ...]]] = {}
        self._interlude = False
        self.hosts: list[SimHost] = []
        for number in range(hosts):
            self.hosts.append(SimHost(self, number))
        for host in self.hosts:
            host.links = {far: SimLink(far) for far in range(hosts) if far != host.number}
        self.slots = tuple(slots) or (2,) * hosts
        self.coordinator.carry_out(
            self.coordinator.decisions.begin(map(self.view, range(hosts)), self.coordinator.time)
        )

    def view(self, host: int) -> PeerView:
        """What the coordinator knows of a host."""
        return PeerView(peer=name_of(host), has_interpreter=True, slots=self.slots[host], running=0)

    # --- the run ------------------------------------------------------------------------------------------

    def tick(self) -> bool:
        """See `Clock`."""
        self.now += 1
        return bool(self.losses) and self.losses[-1].step <= self.now

    def run(self) -> None:
        """Let everything happen until the job has ended.

        Raises:
            Wrong: it does not end, or somebody has seen what is not so.
        """
        misses = 0
        while self.coordinator.decisions.ended is None:
            while self.losses and self.losses[-1].step <= self.now:
                self.lose(self.losses.pop())
            if self.now > _MOST_STEPS:
                raise Wrong(f"no end: {self.words()}")
            if self.step():
                misses = 0
            elif (misses := misses + 1) > _MISSES:
                misses = 0
                if not self.step_any():
                    raise Wrong(f"nothing can happen any more: {self.words()}")

    def step(self) -> bool:
        """Let somebody do something; return False if there was nothing to do."""
        roll = self.dice.random()
        if roll < 0.5 and self.running:
            return self.turn(self.dice.choice(self.running))
        self.tick()
        if roll < 0.52:
            return self.see()
        host = self.dice.choice(self.hosts)
        if host.crashed:
            return False
        return host.act() if roll < 0.9 or self.dice.random() < self.lazy else host.look()

    def step_any(self) -> bool:
        """Let anybody do anything."""
        live = [host for host in self.hosts if not host.crashed]
        return (
            any(self.turn(process) for process in tuple(self.running))
            or any(host.act() for host in live)
            or any(host.look() for host in live)
            or self.see()
        )

    def turn(self, process: Process) -> bool:
        """Let a process run for a while, if it can."""
        if not process.ready:
            if not process.alive and process in self.running:
                self.running.remove(process)
            return False
        process.turns.turn(self.dice.choice((0, 1, 3, 10, 30)))
        if process.turns.error is not None:
            raise process.turns.error
        if process.turns.over:
            raise Wrong(f"{process.words()} has left")
        return True

    def interlude(self, host: int) -> None:
        """While the daemon of a host looks at something, ranks there run on."""
        if self._interlude or self.dice.random() >= self.haste:
            return
        here = [process for process in self.running if process.host == host]
        if len(here) < 2:
            return
        self._interlude = True
        for _ in range(self.dice.randint(1, 6)):
            self.turn(self.dice.choice(here))
        self._interlude = False

    def words(self) -> str:
        """What everybody waits for."""
        seats = self.coordinator.decisions.seats
        phases = ", ".join(f"{seat.rank}.{seat.incarnation} {seat.phase.name}" for seat in seats)
        return "; ".join([phases, *(process.words() for process in self.current.values())])

    def close(self) -> None:
        """End all threads."""
        for process in self.processes:
            process.bury()

    # --- what hosts and the coordinator do ----------------------------------------------------------------

    def order(self, host: int, order: Order) -> None:
        """The coordinator tells a host something."""
        if not self.hosts[host].crashed and (host == HOME or self.hosts[HOME].links[host].up):
            self.hosts[host].orders.append(order)

    def spawn(self, rank: int, incarnation: int, host: int, stream: bytes) -> Process:
        """Start a process."""
        process = Process(self, rank, incarnation, host, stream)
        self.processes.append(process)
        self.running.append(process)
        if rank not in self.current or self.current[rank].incarnation < incarnation:
            self.current[rank] = process
        return process

    def up(self, host: SimHost, process: Process) -> None:
        """A host tells the coordinator that a process runs."""
        self.tell_home(host, lambda: self.coordinator.on_up(process.rank, process.incarnation))

    def exited(self, host: SimHost, process: Process, choices: int) -> None:
        """A host tells the coordinator that a process was killed."""
        self.tell_home(host, lambda: self.coordinator.on_killed(process.rank, process.incarnation, choices))

    def tell_home(self, host: SimHost, function: Callable[[], None]) -> None:
        """A control message to the coordinator; lost with the link."""
        near = host.number

        def take(home: SimHost) -> None:
            if near == HOME or home.links[near].up:
                function()

        self.hosts[HOME].orders.append(take)

    def connect(self, one: Process, other: Process) -> None:
        """Make a lane, unless there is one."""
        key = min(one.rank, other.rank), max(one.rank, other.rank)
        lane = self._lanes.get(key)
        if lane is not None and {lane[0], lane[1]} == {one, other}:
            broken = any(socket.closed or socket.ended for socket in lane[2])
            if not broken:
                return
        if one.host == other.host:
            sockets: tuple[SimSocket, ...] = connect_near(one, other, self.room)
        else:
            connect_far(one, other, self.hosts[one.host], self.hosts[other.host], self.room)
            sockets = one.sockets[-1], other.sockets[-1]
        self._lanes[key] = one, other, sockets

    # --- losses -------------------------------------------------------------------------------------------

    def lose(self, loss: Loss) -> None:
        """Lose something: `process` (which: ranks), `host` (hosts, which vanish), `drop` (a host that lives
        on, and that the coordinator gives up), `cut` (the lane between two ranks), `back` (nothing: hosts
        that were lost take part again)."""
        for which in loss.which:
            if loss.kind == "process":
                process = self.current.get(which % self.size)
                if process is not None:
                    process.kill()
            elif loss.kind == "host":
                self.crash(1 + which % (len(self.hosts) - 1) if len(self.hosts) > 1 else 0)
            elif loss.kind == "drop":
                self.drop(1 + which % (len(self.hosts) - 1) if len(self.hosts) > 1 else 0)
        if loss.kind == "back":
            for number in range(1, len(self.hosts)):
                self.come_back(number)
        if loss.kind == "cut":
            ends = sorted(which % self.size for which in (*loss.which, 0))
            lane = self._lanes.get((ends[0], ends[-1]))
            if lane is not None:
                for socket in lane[2]:
                    socket.ended = socket.cut = True
                for tunnel in (tunnel for host in self.hosts for tunnel in host.tunnels):
                    if tunnel.socket.other in lane[2]:
                        tunnel.close()

    def crash(self, number: int) -> None:
        """A host vanishes, with its ranks."""
        host = self.hosts[number]
        if number == HOME or host.crashed:
            return
        host.crashed = True
        host.orders.clear()
        for process in host.processes.values():
            process.kill()
        for far in host.links:
            # what has left it may still be on its way to the others; the other way all is lost
            self.hosts[far].links[number].items.clear()
            if self.hosts[far].links[number].up:
                self.unseen.append((far, number))

    def drop(self, number: int) -> None:
        """The coordinator gives a host up that lives on for a while."""
        host = self.hosts[number]
        home = self.hosts[HOME]
        if number == HOME or host.crashed or not home.links[number].up:
            return
        self.unseen.append((HOME, number))
        self.unseen.append((number, HOME))

    def come_back(self, number: int) -> None:
        """A host that was lost takes part again, and knows nothing; if all have seen that it was lost."""
        host, home = self.hosts[number], self.hosts[HOME]
        left = not host.crashed and not host.links[HOME].up
        if not (host.crashed or left) or home.links[number].up or any(number in ends for ends in self.unseen):
            return
        for far, link in host.links.items():
            if (far == HOME or host.crashed) and not self.hosts[far].crashed:
                for each in (link, self.hosts[far].links[number]):
                    each.up = True
                    each.items.clear()
        if host.crashed:
            host.crashed = False
            host.forget()
        coordinator = self.coordinator
        coordinator.carry_out(coordinator.decisions.on_peer_changed(self.view(number), coordinator.time))

    def see(self) -> bool:
        """A host sees that a link has ended."""
        if not self.unseen:
            return False
        number, far = self.unseen.pop(self.dice.randrange(len(self.unseen)))
        host = self.hosts[number]
        if not host.links[far].up or host.crashed:
            return True
        if number != HOME and far == HOME:
            host.links[HOME].up = False
            host.orders.clear()
            host.leave()
            return True
        host.lose_link(far)
        if number == HOME:
            self.coordinator.on_peer_down(far)
        return True
