"""Runs the programs of `collective_model` on one rank."""

from __future__ import annotations

from random import Random
from typing import Any

from collective_model import (
    GAP,
    OBJECTS,
    REDUCTIONS,
    ROOTED,
    Call,
    Split,
    compose,
    ragged,
    thing,
    values,
    word,
)

from mpi_actors import MPI


def play(program: list[Split | Call], seed: int) -> list[Any]:
    """Run a program. Return what this rank received in each call. It completes requests in random order."""
    random = Random(seed * 1000 + MPI.COMM_WORLD.Get_rank())
    communicators = [MPI.COMM_WORLD]
    players: list[Player] = []
    pending: list[tuple[Any, str]] = []
    for step in program:
        if isinstance(step, Split):
            parent = communicators[step.parent]
            key = -parent.Get_rank() if step.reverse else 0
            part = parent.Split(step.colors[MPI.COMM_WORLD.Get_rank()], key)
            assert isinstance(part, MPI.Intracomm)
            communicators.append(part)
            continue
        player = Player(step, communicators[step.where])
        players.append(player)
        request = player.begin()
        if request is not None:
            pending.append((request, step.mode))
        if len(pending) > 6 or random.random() < 0.2:
            _complete(random, pending)
    _complete(random, pending)
    results = [player.result() for player in players]
    for communicator in communicators[1:]:
        communicator.Free()
    return results


def _complete(random: Random, pending: list[tuple[Any, str]]) -> None:
    random.shuffle(pending)
    for request, mode in pending:
        request.Wait()
        if mode == "persistent":
            request.Free()
    pending.clear()


class Memory:
    """A buffer, whose elements lie next to each other or with gaps; the gaps must never change."""

    def __init__(self, call: Call, lengths: list[int], contents: list[list[int]] | None) -> None:
        from array import array

        self.lengths = lengths
        self.step = 2 if call.spaced else 1
        self.width = 2 if call.affine else 1
        total = sum(lengths)
        self.array = array("q", [GAP] * (total * self.step * self.width))
        self.starts = [sum(lengths[:place]) for place in range(len(lengths))]
        self.datatype = SPACED if call.spaced else PAIR if call.affine else MPI.INT64_T
        self.plain = not call.spaced and not call.affine and call.number % 2 == 1
        for place, block in enumerate(contents or []):
            self.put(place, block)

    def put(self, place: int, block: list[int]) -> None:
        """Fill a block."""
        begin = self.starts[place] * self.step * self.width
        for i, value in enumerate(block):
            self.array[begin + i * self.step] = value

    def block(self, place: int) -> list[int]:
        """The elements of a block."""
        begin = self.starts[place] * self.step * self.width
        end = begin + self.lengths[place] * self.step * self.width
        return list(self.array[begin : end : self.step])

    def intact(self) -> bool:
        """Whether the gaps are untouched."""
        return self.step == 1 or all(value == GAP for value in self.array[1::2])

    @property
    def one(self) -> Any:
        """The argument for one block, or for blocks of one size; sometimes the plain array."""
        if self.plain:
            return self.array
        return [self.array, self.lengths[0] if self.lengths else 0, self.datatype]

    @property
    def many(self) -> list[Any]:
        """The argument for blocks of any sizes."""
        return [self.array, (self.lengths, self.starts), self.datatype]


class Player:
    """One call on one rank."""

    def __init__(self, call: Call, comm: Any) -> None:
        self.call = call
        self.comm = comm
        self.rank, self.size = comm.Get_rank(), comm.Get_size()
        self.root = call.root % self.size
        self.here = self.rank == self.root
        self.sent: Memory | None = None
        self.received: Memory | None = None
        self.value: Any = None

    def begin(self) -> Any:
        """Do a blocking call; start any other and return its request."""
        call = self.call
        if call.name in OBJECTS:
            self.value = self._object()
            return None
        arguments = self._reduction() if call.name in REDUCTIONS else self._movement()
        if call.name in ROOTED:
            arguments.append(self.root)
        if call.mode == "blocking":
            getattr(self.comm, call.name)(*arguments)
            return None
        if call.mode == "nonblocking":
            return getattr(self.comm, "I" + call.name.lower())(*arguments)
        request = getattr(self.comm, call.name + "_init")(*arguments)
        request.Start()
        return request

    def result(self) -> Any:
        """What this rank received, in the form that the model has."""
        call = self.call
        if call.name in OBJECTS:
            return self.value
        for memory in (self.sent, self.received):
            assert memory is None or memory.intact()
        if self.received is None or (call.name == "Exscan" and self.rank == 0):
            return None
        if call.name in ("Gather", "Gatherv", "Allgather", "Allgatherv", "Alltoall", "Alltoallv"):
            return [self.received.block(place) for place in range(self.size)]
        if call.name in ("Scatter", "Scatterv") and len(self.received.lengths) > 1:
            return self.received.block(self.rank)
        return self.received.block(0)

    def _movement(self) -> list[Any]:
        call, rank, size = self.call, self.rank, self.size
        world = MPI.COMM_WORLD.Get_rank()
        vector = call.name.endswith("v")
        lengths = [ragged(call, place) if vector else call.elements for place in range(size)]
        own = values(call, world, lengths[rank])
        form = "many" if vector else "one"
        in_place = call.in_place
        if call.name == "Bcast":
            given = [values(call, world, call.elements)] if self.here else None
            self.received = Memory(call, [call.elements], given)
            return [self.received.one]
        if call.name.startswith("Scatter"):
            if not self.here:
                self.received = Memory(call, [lengths[rank]], None)
                return [None, self.received.one]
            self.sent = Memory(call, lengths, [values(call, world, n, i) for i, n in enumerate(lengths)])
            self.received = self.sent if in_place else Memory(call, [lengths[rank]], None)
            return [getattr(self.sent, form), MPI.IN_PLACE if in_place else self.received.one]
        if call.name.startswith("Alltoall"):
            if vector:
                lengths = [ragged(call, place + rank) for place in range(size)]
            given = [values(call, world, n, i) for i, n in enumerate(lengths)]
            self.received = Memory(call, lengths, given if in_place else None)
            self.sent = None if in_place else Memory(call, lengths, given)
            sent = MPI.IN_PLACE if self.sent is None else getattr(self.sent, form)
            return [sent, getattr(self.received, form)]
        everywhere = call.name.startswith("Allgather")
        if not everywhere and not self.here:
            self.sent = Memory(call, [lengths[rank]], [own])
            return [self.sent.one, None]
        self.received = Memory(call, lengths, None)
        if in_place:
            self.received.put(rank, own)
            return [MPI.IN_PLACE, getattr(self.received, form)]
        self.sent = Memory(call, [lengths[rank]], [own])
        return [self.sent.one, getattr(self.received, form)]

    def _reduction(self) -> list[Any]:
        call, rank, size = self.call, self.rank, self.size
        op = AFFINE if call.affine else MPI.SUM
        scattered = call.name.startswith("Reduce_scatter")
        counts = [call.elements]
        if scattered:
            block = call.name == "Reduce_scatter_block"
            counts = [call.elements if block else ragged(call, place) for place in range(size)]
        own = values(call, MPI.COMM_WORLD.Get_rank(), sum(counts))
        whole = [sum(counts)]
        self.sent = Memory(call, whole, [own])
        arguments: list[Any]
        if call.name == "Reduce" and not self.here:
            return [self.sent.one, None, op]
        if call.in_place:
            self.received, self.sent = self.sent, None
            arguments = [MPI.IN_PLACE, self.received.one]
        else:
            self.received = Memory(call, [counts[rank]] if scattered else whole, None)
            arguments = [self.sent.one, self.received.one]
        if scattered and call.in_place:
            self.received.lengths = [counts[rank]]
        if call.name == "Reduce_scatter":
            arguments.append(counts)
        return [*arguments, op]

    def _object(self) -> Any:
        call, comm = self.call, self.comm
        world = MPI.COMM_WORLD.Get_rank()
        name = call.name
        if name == "bcast":
            return comm.bcast(thing(call, world) if self.here else None, self.root)
        if name == "scatter":
            blocks = [thing(call, world, place) for place in range(self.size)]
            return comm.scatter(blocks if self.here else None, self.root)
        if name == "alltoall":
            return comm.alltoall([thing(call, world, place) for place in range(self.size)])
        if name == "gather":
            return comm.gather(thing(call, world), self.root)
        if name == "allgather":
            return comm.allgather(thing(call, world))
        if name == "reduce":
            return comm.reduce(word(call, world), MPI.SUM, self.root)
        return getattr(comm, name)(word(call, world), lambda a, b: a + b)


def _affine(inbuf: Any, inoutbuf: Any, datatype: Any) -> None:
    first, second = memoryview(inbuf).cast("B").cast("q"), memoryview(inoutbuf).cast("B").cast("q")
    second[:] = memoryview(_array(compose(first.tolist(), second.tolist())))


def _array(numbers: list[int]) -> Any:
    from array import array

    return array("q", numbers)


SPACED = MPI.INT64_T.Create_resized(0, 16).Commit()
PAIR = MPI.INT64_T.Create_contiguous(2).Commit()
AFFINE = MPI.Op.Create(_affine, commute=False)
