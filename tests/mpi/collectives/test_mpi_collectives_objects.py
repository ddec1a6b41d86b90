"""Collective operations on payloads in boxes, and reductions of Python objects."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from schedule_simulator import joined, simulate

from mpi_actors.mpi import collectives
from mpi_actors.mpi.collectives import Cell, objects
from mpi_actors.mpi.collectives.framing import framed, unframed
from mpi_actors.mpi.engine.schedule import Box, Data, Schedule

Algorithm = Callable[..., None]

SIZES = range(1, 10)
seeds = st.integers(0, 2**32 - 1)
some = settings(max_examples=25, deadline=None)
payload = st.one_of(
    st.binary(max_size=40),
    st.lists(st.binary(max_size=20), min_size=1, max_size=3).map(lambda parts: tuple(parts)),
)


@some
@given(st.lists(payload, max_size=9))
def test_framing(payloads: list[Data]) -> None:
    """Framed payloads come back, each at a multiple of 16 bytes."""
    message = joined(framed(payloads))
    assert [bytes(item) for item in unframed(message)] == [joined(item) for item in payloads]
    assert len(message) % 16 == 0


@some
@given(st.lists(payload, min_size=1, max_size=9), st.data())
def test_cut_frames(payloads: list[Data], data: st.DataObject) -> None:
    """A message without its end is an error."""
    message = joined(framed(payloads))
    length = data.draw(st.integers(0, len(message) - 1))
    with pytest.raises(ValueError, match=r"message of \d+ bytes"):
        unframed(message[:length])


def texts(size: int, to: int = 0) -> list[bytes]:
    """Payloads of different lengths, some empty."""
    return [b"%d to %d " % (rank, to) * (rank * 5 % 7) for rank in range(size)]


@pytest.mark.parametrize(
    "algorithm", [objects.gather_objects_linear, objects.gather_objects_binomial, collectives.gather_objects]
)
@pytest.mark.parametrize("size", [*SIZES, 17, 22])
def test_gather(algorithm: Algorithm, size: int) -> None:
    """The root has all payloads."""
    for root in range(size):
        mine, boxes = [Box(text) for text in texts(size)], [Box() for _ in range(size)]
        simulate(
            size,
            lambda s, rank, to=root: algorithm(s, rank, size, mine[rank], boxes if rank == to else None, to),  # type: ignore[misc]  # noqa: B023
            root,
        )
        assert [joined(box.value) for box in boxes] == texts(size)


@pytest.mark.parametrize(
    "algorithm",
    [objects.scatter_objects_linear, objects.scatter_objects_binomial, collectives.scatter_objects],
)
@pytest.mark.parametrize("size", [*SIZES, 17, 22])
def test_scatter(algorithm: Algorithm, size: int) -> None:
    """Each rank has the payload for it."""
    for root in range(size):
        mine, boxes = [Box() for _ in range(size)], [Box(text) for text in texts(size)]
        simulate(
            size,
            lambda s, rank, to=root: algorithm(s, rank, size, boxes if rank == to else None, mine[rank], to),  # type: ignore[misc]  # noqa: B023
            root,
        )
        assert [joined(box.value) for box in mine] == texts(size)


@some
@given(st.integers(1, 21), seeds)
def test_allgather(size: int, seed: int) -> None:
    """All ranks have all payloads, in any order of arrival."""
    for algorithm in (
        objects.allgather_objects_linear,
        objects.allgather_objects_bruck,
        collectives.allgather_objects,
    ):
        rows = [
            [Box(text if i == rank else b"") for i, text in enumerate(texts(size))] for rank in range(size)
        ]
        simulate(size, lambda s, rank, to=rows, do=algorithm: do(s, rank, size, to[rank]), seed)  # type: ignore[misc]
        assert [[joined(box.value) for box in row] for row in rows] == [texts(size)] * size


@pytest.mark.parametrize("size", [*SIZES, objects.ALLTOALL_AT_ONCE + 1])
def test_alltoall(size: int) -> None:
    """Each rank has a payload of each rank."""
    rows = [[Box(texts(size, to)[rank]) for to in range(size)] for rank in range(size)]
    into = [[Box() for _ in range(size)] for _ in range(size)]
    simulate(size, lambda s, rank: collectives.alltoall_objects(s, rank, size, rows[rank], into[rank]), 1)
    assert [[joined(box.value) for box in row] for row in into] == [texts(size, rank) for rank in range(size)]


def concatenate(x: list[int], y: list[int]) -> list[int]:
    """An operation that does not commute, and that changes its first operand and returns it."""
    x += y
    y.clear()
    return x


def loads(data: Data) -> Any:
    return pickle.loads(joined(data))


PICKLE = (concatenate, pickle.dumps, loads)


def lists(size: int) -> tuple[list[list[int]], list[Cell]]:
    mine = [[rank] * (1 + rank % 3) for rank in range(size)]
    return mine, [Cell(item) for item in mine]


def flat(size: int) -> list[int]:
    return [number for item in lists(size)[0] for number in item]


@some
@given(st.integers(1, 17), seeds)
def test_reduce(size: int, seed: int) -> None:
    """The root has the result in the order of ranks; no rank's own object is changed or handed on."""
    root = seed % size
    mine, cells = lists(size)
    simulate(
        size, lambda s, rank: collectives.reduce_objects(s, rank, size, cells[rank], *PICKLE, root), seed
    )
    assert cells[root].value == flat(size)
    assert mine == lists(size)[0]
    assert cells[root].value is not mine[root]


@some
@given(st.integers(1, 17), seeds)
def test_allreduce(size: int, seed: int) -> None:
    """All ranks have the result."""
    mine, cells = lists(size)
    simulate(size, lambda s, rank: collectives.allreduce_objects(s, rank, size, cells[rank], *PICKLE), seed)
    assert [cell.value for cell in cells] == [flat(size)] * size
    assert mine == lists(size)[0]


@some
@given(st.integers(1, 17), seeds)
def test_scan_and_exscan(size: int, seed: int) -> None:
    """Each rank has the result of the ranks up to it, or before it."""
    for build, more in ((collectives.scan_objects, 1), (collectives.exscan_objects, 0)):
        mine, cells = lists(size)
        simulate(size, lambda s, rank, do=build, of=cells: do(s, rank, size, of[rank], *PICKLE), seed)  # type: ignore[misc]
        assert [cell.value for cell in cells] == [flat(rank + more) or None for rank in range(size)]
        assert mine == lists(size)[0]


def test_an_operation_that_raises() -> None:
    """The step raises the error to the caller that runs the schedule."""

    def build(s: Schedule, rank: int) -> None:
        collectives.allreduce_objects(s, rank, 2, Cell(None), lambda x, y: x + y, pickle.dumps, loads)

    with pytest.raises(TypeError, match="unsupported operand"):
        simulate(2, build)
