"""Runs the schedules of a group against each other, in any order that an engine might choose.

It is as unkind as MPI allows. A send is complete only when it has been received, and its bytes must not
change until then. Memory for a receive holds garbage until the message is there. A seed decides which
message arrives next, and which member begins when.
"""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Callable, Sequence

from mpi_actors.mpi.engine.schedule import Box, Data, ReceiveStep, Schedule, SendStep

GARBAGE = 0xEE


def joined(data: Data) -> bytes:
    """The bytes of a message."""
    return b"".join(data) if isinstance(data, tuple) else bytes(data)


def held(data: Data | Box) -> bytes:
    """What a send step would send now."""
    return joined(data.value if isinstance(data, Box) else data)


class Message:
    """A message under way; `sent` has its bytes at the moment when it was sent."""

    def __init__(self, step: SendStep) -> None:
        self.step = step
        self.sent = held(step.data)


class Rank:
    """One member, which runs its schedule."""

    def __init__(self, schedule: Schedule) -> None:
        self.rounds = deque(schedule.rounds)
        self.posted: dict[int, deque[ReceiveStep]] = defaultdict(deque)
        self.pending = 0


class Simulation:
    """Schedules of all members, by their index."""

    def __init__(self, schedules: Sequence[Schedule], seed: int = 0) -> None:
        self.ranks = [Rank(schedule) for schedule in schedules]
        self.flying: dict[tuple[int, int], deque[Message]] = defaultdict(deque)
        self.random = random.Random(seed)
        self.messages = 0
        self.longest = 0

    def run(self) -> None:
        """Run until all members have ended.

        Raises:
            AssertionError: they cannot end, or a message is left over, has an unexpected size, or has
            changed.
        """
        idle = list(range(len(self.ranks)))
        while True:
            ready = [
                (source, dest)
                for (source, dest), queue in self.flying.items()
                if queue and self.ranks[dest].posted[source]
            ]
            choices: list[tuple[int, int] | int] = [*sorted(ready), *idle]
            if not choices:
                break
            choice = self.random.choice(choices)
            if isinstance(choice, int):
                idle.remove(choice)
                self._go_on(choice)
            else:
                self._deliver(*choice)
        stuck = [number for number, rank in enumerate(self.ranks) if rank.rounds or rank.pending]
        assert not stuck, f"ranks {stuck} wait for ever"
        left = [pair for pair, queue in self.flying.items() if queue]
        assert not left, f"messages left over: {left}"

    def _go_on(self, number: int) -> None:
        rank = self.ranks[number]
        while rank.rounds and not rank.pending:
            for step in rank.rounds.popleft():
                if isinstance(step, SendStep):
                    rank.pending += 1
                    message = Message(step)
                    self.messages += 1
                    self.longest = max(self.longest, len(message.sent))
                    self.flying[number, step.dest].append(message)
                elif isinstance(step, ReceiveStep):
                    rank.pending += 1
                    rank.posted[step.source].append(step)
                    if isinstance(step.into, memoryview):
                        step.into[:] = bytes([GARBAGE]) * len(step.into)
                else:
                    step()

    def _deliver(self, source: int, dest: int) -> None:
        message = self.flying[source, dest].popleft()
        assert held(message.step.data) == message.sent, f"{source} changed what it was sending {dest}"
        into = self.ranks[dest].posted[source].popleft().into
        if isinstance(into, memoryview):
            assert len(into) == len(message.sent), f"{len(message.sent)} bytes, room for {len(into)}"
            into[:] = message.sent
        else:
            into.value = bytearray(message.sent)
        for number in (source, dest):
            self.ranks[number].pending -= 1
            if not self.ranks[number].pending:
                self._go_on(number)


def simulate(size: int, build: Callable[[Schedule, int], None], seed: int = 0) -> Simulation:
    """Build each member's schedule by `build(schedule, rank)`, and run all of them."""
    schedules = []
    for rank in range(size):
        schedules.append(Schedule())
        build(schedules[-1], rank)
    simulation = Simulation(schedules, seed)
    simulation.run()
    return simulation
