"""Random programs of collective operations on trees of communicators, and their results.

A program is a list of steps. Each rank runs the same program with `play`. From the same list, `expected`
computes what each rank must receive, with plain list operations in one process.
"""

from __future__ import annotations

from random import Random
from typing import Any, NamedTuple

MOVES = (
    "Bcast",
    "Gather",
    "Scatter",
    "Allgather",
    "Alltoall",
    "Gatherv",
    "Scatterv",
    "Allgatherv",
    "Alltoallv",
)
REDUCTIONS = ("Reduce", "Allreduce", "Reduce_scatter_block", "Reduce_scatter", "Scan", "Exscan")
OBJECTS = ("bcast", "gather", "scatter", "allgather", "alltoall", "reduce", "allreduce", "scan", "exscan")
MODES = ("blocking", "nonblocking", "persistent")
ROOTED = ("Bcast", "Gather", "Scatter", "Gatherv", "Scatterv", "Reduce")
GAP = -99
"""Stands between the elements of a buffer with gaps; `values` never gives this number."""


class Split(NamedTuple):
    """Split communicator number `parent` by color; `reverse` says that the key reverses the ranks."""

    parent: int
    colors: tuple[int, ...]
    reverse: bool


class Call(NamedTuple):
    """One collective operation of all ranks on their communicator number `where`.

    Attributes:
        where: number of the communicator; 0 is COMM_WORLD.
        name: the method.
        elements: their number in a buffer or in each block.
        root: the root, modulo the size of the communicator.
        mode: one of MODES.
        in_place: whether to use IN_PLACE where the operation has it.
        spaced: whether elements lie in memory with gaps.
        affine: whether to combine with an operation that does not commute.
        number: number of the step; different steps send different data.
    """

    where: int
    name: str
    elements: int
    root: int
    mode: str
    in_place: bool
    spaced: bool
    affine: bool
    number: int


def draw(random: Random, size: int, steps: int) -> list[Split | Call]:
    """Draw a program for `size` ranks."""
    program: list[Split | Call] = []
    communicators = 1
    for number in range(steps):
        if random.random() < 0.15:
            colors = tuple(random.randrange(3) for _ in range(size))
            program.append(Split(random.randrange(communicators), colors, random.random() < 0.5))
            communicators += 1
            continue
        name = random.choice(MOVES + REDUCTIONS + OBJECTS)
        count = random.choice((0, 1, 2, 3, 5, 17, 64, 1000, 20000) if random.random() < 0.2 else (1, 2, 3, 5))
        program.append(
            Call(
                random.randrange(communicators),
                name,
                count,
                random.randrange(size),
                "blocking" if name in OBJECTS else random.choice(MODES),
                random.random() < 0.3,
                random.random() < 0.3 and name in MOVES,
                random.random() < 0.3 and name in REDUCTIONS,
                number,
            )
        )
    return program


def groups(program: list[Split | Call], size: int) -> list[list[list[int]]]:
    """For each communicator that the program makes, its groups of world ranks."""
    made = [[list(range(size))]]
    for step in program:
        if isinstance(step, Split):
            parts = []
            for group in made[step.parent]:
                order = group[::-1] if step.reverse else group
                for color in {step.colors[world] for world in group}:
                    parts += [[world for world in order if step.colors[world] == color]]
            made.append(parts)
    return made


def values(call: Call, world: int, count: int, block: int = 0) -> list[int]:
    """The data that a rank sends: `count` elements, of two integers each for the affine operation."""
    length = 2 * count if call.affine else count
    return [(7 * i + 13 * world + 5 * call.number + 3 * block) % 11 + 1 for i in range(length)]


def ragged(call: Call, block: int) -> int:
    """The number of elements in a block, where blocks may differ in size."""
    return (call.elements + 3 * block + call.number) % (call.elements + 2)


def compose(a: list[int], b: list[int]) -> list[int]:
    """Compose lists of maps x -> p x + q modulo 101, which is associative but not commutative."""
    result = []
    for i in range(0, len(a), 2):
        result += [a[i] * b[i] % 101, (a[i] * b[i + 1] + a[i + 1]) % 101]
    return result


def combined(call: Call, parts: list[list[int]]) -> list[int]:
    """Combine the data of some ranks in the order of ranks."""
    result = parts[0]
    for part in parts[1:]:
        result = compose(result, part) if call.affine else [a + b for a, b in zip(result, part, strict=True)]
    return result


def expected(call: Call, group: list[int], rank: int) -> Any:
    """What a rank of a group must have received; None if nothing."""
    size, root = len(group), call.root % len(group)
    here = rank == root
    name, count = call.name, call.elements
    vector = name.endswith("v")
    length = [ragged(call, place) if vector else count for place in range(size)]
    if name == "Bcast":
        return values(call, group[root], count)
    if name in ("Gather", "Gatherv"):
        return [values(call, group[i], length[i]) for i in range(size)] if here else None
    if name in ("Scatter", "Scatterv"):
        return values(call, group[root], length[rank], rank)
    if name in ("Allgather", "Allgatherv"):
        return [values(call, group[i], length[i]) for i in range(size)]
    if name == "Alltoall":
        return [values(call, group[i], count, rank) for i in range(size)]
    if name == "Alltoallv":
        return [values(call, group[i], ragged(call, i + rank), rank) for i in range(size)]
    if name in REDUCTIONS:
        return _reduction(call, group, rank)
    return _object(call, group, rank)


def _reduction(call: Call, group: list[int], rank: int) -> Any:
    size, width = len(group), 2 if call.affine else 1
    if call.name == "Reduce_scatter_block":
        counts = [call.elements] * size
    elif call.name == "Reduce_scatter":
        counts = [ragged(call, place) for place in range(size)]
    else:
        counts = [call.elements]
    parts = [values(call, world, sum(counts)) for world in group]
    if call.name == "Scan":
        return combined(call, parts[: rank + 1])
    if call.name == "Exscan":
        return combined(call, parts[:rank]) if rank else None
    whole = combined(call, parts)
    if call.name.startswith("Reduce_scatter"):
        begin = width * sum(counts[:rank])
        return whole[begin : begin + width * counts[rank]]
    return whole if call.name == "Allreduce" or rank == call.root % size else None


def _object(call: Call, group: list[int], rank: int) -> Any:
    root, name = call.root % len(group), call.name
    items = [thing(call, world) for world in group]
    words = [word(call, world) for world in group]
    if name == "bcast":
        return items[root]
    if name == "scatter":
        return thing(call, group[root], rank)
    if name == "alltoall":
        return [thing(call, world, rank) for world in group]
    if name == "scan":
        return "".join(words[: rank + 1])
    if name == "exscan":
        return "".join(words[:rank]) if rank else None
    if name in ("gather", "allgather"):
        return items if name == "allgather" or rank == root else None
    return "".join(words) if name == "allreduce" or rank == root else None


def thing(call: Call, world: int, block: int = 0) -> dict[str, Any]:
    """An object to send."""
    return {"from": world, "block": block, "list": values(call, world, call.elements, block)}


def word(call: Call, world: int) -> str:
    """An object to combine: adding strings is not commutative."""
    return f"<{world}:{call.number}>" * (1 + call.elements % 3)
