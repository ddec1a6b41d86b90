"""Engines of several ranks in one thread: real sockets between them, losses on command, and no clock."""

from __future__ import annotations

import random
import socket
from collections.abc import Callable, Generator
from typing import NoReturn

from mpi_actors.errors import MpiActorsError
from mpi_actors.mpi.engine import Transfer
from mpi_actors.mpi.engine.engine import Engine
from mpi_actors.mpi.engine.start import Limits
from mpi_actors.wire.channel import ChannelMessage

Program = Callable[[Engine], Generator[list[Transfer], None, list[bytes]]]
"""What a rank does: it yields the transfers that it waits for, and returns what it has received."""


class SceneEngine(Engine):
    """An engine that raises where a real one would end its process."""

    def give_up(self, error: MpiActorsError) -> NoReturn:
        """See `Engine.give_up`."""
        raise error


class Wants:
    """A daemon that remembers who wants a lane to whom."""

    def __init__(self, scene: Scene, rank: int) -> None:
        self._scene = scene
        self._rank = rank

    def want(self, rank: int) -> None:
        """See `Wiring.want`."""
        self._scene.wants.append((self._rank, rank))

    def say(self, message: ChannelMessage) -> bool:
        """Return False: no daemon listens."""
        return False


class Scene:
    """Ranks that run a program each, and a daemon that connects them.

    Args:
        programs: by rank; a rank that is killed runs its program again from the beginning.
        seed: of the order in which the ranks take steps.
        replay: whether ranks log and compare.
    """

    def __init__(self, programs: list[Program], seed: int = 0, *, replay: bool = True) -> None:
        self.replay = replay
        self.random = random.Random(seed)
        self.programs = programs
        self.size = len(programs)
        self.wants: list[tuple[int, int]] = []
        self.incarnations = [0] * self.size
        self.engines = [self._engine(rank) for rank in range(self.size)]
        self.running = [program(engine) for program, engine in zip(programs, self.engines, strict=True)]
        self.waiting: list[list[Transfer]] = [[] for _ in programs]
        self.results: list[list[bytes] | None] = [None] * self.size
        self._connected: dict[tuple[int, int], tuple[int, int]] = {}

    def _engine(self, rank: int) -> Engine:
        engine = SceneEngine(
            rank,
            self.size,
            incarnation=self.incarnations[rank],
            wiring=Wants(self, rank),
            limits=Limits(),
            replay=self.replay,
        )
        engine.choices.first = "in this scene no coordinator records it"
        return engine

    # --- what a conductor does ----------------------------------------------------------------------------

    def kill(self, rank: int) -> None:
        """End a rank's process, start a new incarnation, and tell all ranks."""
        self._close(rank)
        self.incarnations[rank] += 1
        self.engines[rank] = self._engine(rank)
        self.running[rank] = self.programs[rank](self.engines[rank])
        self.waiting[rank] = []
        self.results[rank] = None
        for other, incarnation in enumerate(self.incarnations):
            if other != rank:
                self.engines[other].partners[rank].on_incarnation_placed(self.incarnations[rank])
                self.engines[rank].partners[other].on_incarnation_placed(incarnation)

    def cut(self, one: int, other: int) -> None:
        """Break the lane between two ranks, and lose what is in it."""
        stream = self.engines[one].partners[other].stream
        if stream is not None:
            stream.sock.shutdown(socket.SHUT_RDWR)
        self._connected.pop((min(one, other), max(one, other)), None)

    def step(self) -> bool:
        """Let a random rank, or the daemon, do something; return whether it did."""
        rank = self.random.randrange(self.size)
        if self.wants:
            self._wire(*self.wants.pop(0))
            return True
        engine = self.engines[rank]
        with engine.lock:
            moved = engine.move()
        if self.results[rank] is None and all(transfer.done for transfer in self.waiting[rank]):
            for transfer in self.waiting[rank]:
                assert not transfer.error
            try:
                self.waiting[rank] = next(self.running[rank])
            except StopIteration as end:
                self.results[rank] = end.value
            return True
        return moved

    def finish(self, most: int = 200_000) -> list[list[bytes]]:
        """Go on until every rank has ended; return what they have received."""
        for _ in range(most):
            moved = self.step()
            results = [result for result in self.results if result is not None]
            if not moved and not self.wants and len(results) == self.size and not self._pending():
                return results
        words = [[t.describe() for t in waiting if not t.done] for waiting in self.waiting]
        raise AssertionError(f"no end: {words}")

    def _pending(self) -> bool:
        """Return whether anything was written that nobody has read."""
        return any(
            partner.stream is not None and (partner.stream.queue or not partner.greeted)
            for engine in self.engines
            for partner in engine.partners
        )

    def left(self) -> int:
        """Return how many messages and receives wait for their other half."""
        return sum(engine.matching.left() for engine in self.engines)

    def close(self) -> None:
        """Close all sockets."""
        for rank in range(self.size):
            self._close(rank)

    # --- inside -------------------------------------------------------------------------------------------

    def _close(self, rank: int) -> None:
        self.running[rank].close()
        engine = self.engines[rank]
        engine.close()
        for pair in [pair for pair in self._connected if rank in pair]:
            del self._connected[pair]

    def _wire(self, one: int, other: int) -> None:
        pair = (min(one, other), max(one, other))
        ends = self.incarnations[pair[0]], self.incarnations[pair[1]]
        first, second = (self.engines[rank] for rank in pair)
        have = first.partners[pair[1]].stream is not None and second.partners[pair[0]].stream is not None
        if have and self._connected.get(pair) == ends:
            return
        self._connected[pair] = ends
        ours, theirs = socket.socketpair()
        first.partners[pair[1]].connect(ours, ends[1], False)
        second.partners[pair[0]].connect(theirs, ends[0], False)
