"""Reduce, allreduce, reduce-scatter, scan and exscan: each algorithm, in groups of each size."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from collective_data import (
    Operation,
    add,
    blank,
    combined,
    compose,
    doubles,
    pattern,
    read_only,
    reducer_for,
    total,
    views,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from schedule_simulator import Simulation, simulate

from mpi_actors.mpi.collectives import choose
from mpi_actors.mpi.collectives.allreduce import (
    allreduce_rabenseifner,
    allreduce_recursive_doubling,
    allreduce_ring,
)
from mpi_actors.mpi.collectives.reduce import reduce_binomial, reduce_rabenseifner
from mpi_actors.mpi.collectives.reduce_scatter import (
    reduce_scatter_halving,
    reduce_scatter_in_order,
    reduce_scatter_pairwise,
)
from mpi_actors.mpi.engine.schedule import Schedule

Algorithm = Callable[..., None]
AllreduceOf = Callable[[Schedule, int, int, memoryview, Operation, int], None]

SIZES = range(1, 10)
COUNTS = (0, 1, 2, 9, 23)
ITEM = 2
seeds = st.integers(0, 2**32 - 1)
some = settings(max_examples=30, deadline=None)


def contributions(size: int, count: int) -> list[bytes]:
    return [pattern(rank, ITEM * count, 1) for rank in range(size)]


def check_reduce(
    size: int, count: int, root: int, operation: Operation, commutative: bool, divided: bool, seed: int
) -> None:
    data = contributions(size, count)
    out = blank([ITEM * count])[0]
    make = reducer_for(operation, ITEM)

    def build(s: Schedule, rank: int) -> None:
        place = out if rank == root else None
        if divided:
            reduce_rabenseifner(s, rank, size, read_only(data[rank]), place, make, ITEM, root)
        else:
            reduce_binomial(s, rank, size, read_only(data[rank]), place, make(count), commutative, root)

    simulation = simulate(size, build, seed)
    assert bytes(out) == combined(operation, data)
    assert simulation.longest <= ITEM * count


@pytest.mark.parametrize("size", range(2, 10))
def test_reduce(size: int) -> None:
    """The root has the result, combined in the order of ranks if that matters."""
    for count in COUNTS:
        for root in range(size):
            check_reduce(size, count, root, compose, False, False, root)
            check_reduce(size, count, root, total, True, False, root)
            check_reduce(size, count, root, total, True, True, root)


@some
@given(st.integers(2, 17), st.integers(0, 40), st.sampled_from([(compose, False), (total, True)]), seeds)
def test_reduce_in_any_order(size: int, count: int, how: tuple[Operation, bool], seed: int) -> None:
    """The result does not depend on the order in which messages arrive."""
    operation, commutative = how
    check_reduce(size, count, seed % size, operation, commutative, commutative and seed % 2 == 0, seed)


LONG = 64


@pytest.fixture
def early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let data be long from 64 bytes on, so that tests need little of it."""
    monkeypatch.setattr(choose, "REDUCE_LONG", LONG)
    monkeypatch.setattr(choose, "ALLREDUCE_LONG", LONG)
    monkeypatch.setattr(choose, "REDUCE_SCATTER_LONG", LONG)


@pytest.mark.usefixtures("early")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("count", [0, 3, LONG // ITEM])
def test_reduce_chosen(size: int, count: int) -> None:
    """The root's buffer has the result; the others are as before."""
    data = contributions(size, count)
    root = size // 2
    buffers = [views([data[rank]])[0] if rank == root else read_only(data[rank]) for rank in range(size)]
    make = reducer_for(total, ITEM)
    simulate(size, lambda s, rank: choose.reduce(s, rank, size, buffers[rank], make, ITEM, True, root))
    assert bytes(buffers[root]) == combined(total, data)


def recursive_doubling(
    s: Schedule, rank: int, size: int, buf: memoryview, operation: Operation, item: int
) -> None:
    allreduce_recursive_doubling(s, rank, size, buf, reducer_for(operation, item)(len(buf) // item))


def ring(s: Schedule, rank: int, size: int, buf: memoryview, operation: Operation, item: int) -> None:
    allreduce_ring(s, rank, size, buf, reducer_for(operation, item), item)


def rabenseifner(s: Schedule, rank: int, size: int, buf: memoryview, operation: Operation, item: int) -> None:
    allreduce_rabenseifner(s, rank, size, buf, reducer_for(operation, item), item)


def chosen(s: Schedule, rank: int, size: int, buf: memoryview, operation: Operation, item: int) -> None:
    choose.allreduce(s, rank, size, buf, reducer_for(operation, item), item, operation is not compose)


def check_allreduce(
    algorithm: AllreduceOf, data: list[bytes], operation: Operation, item: int, seed: int
) -> Simulation:
    size = len(data)
    buffers = views(data)
    simulation = simulate(
        size, lambda s, rank: algorithm(s, rank, size, buffers[rank], operation, item), seed
    )
    results = {bytes(buffer) for buffer in buffers}
    assert len(results) == 1, "ranks differ"
    if operation is not add:
        assert results == {combined(operation, data)}
    return simulation


@pytest.mark.parametrize("size", SIZES)
def test_allreduce(size: int) -> None:
    """All ranks have the result, combined in the order of ranks if that matters."""
    for count in COUNTS:
        data = contributions(size, count)
        check_allreduce(recursive_doubling, data, compose, ITEM, count)
        for algorithm in (recursive_doubling, ring, rabenseifner, chosen):
            check_allreduce(algorithm, data, total, ITEM, count)


@pytest.mark.usefixtures("early")
@pytest.mark.parametrize("size", range(2, 10))
def test_long_allreduce(size: int) -> None:
    """Algorithms divide long messages if the operation allows it."""
    data = contributions(size, LONG // ITEM)
    assert check_allreduce(chosen, data, total, ITEM, 0).longest < LONG
    assert check_allreduce(chosen, data, compose, ITEM, 0).longest == LONG


@some
@given(
    st.sampled_from([recursive_doubling, ring, rabenseifner]), st.integers(1, 17), st.integers(0, 20), seeds
)
def test_allreduce_to_the_last_bit(algorithm: AllreduceOf, size: int, count: int, seed: int) -> None:
    """Sums of floating-point numbers are the same at all ranks, in any order of arrival."""
    data = [doubles(rank, count) for rank in range(size)]
    check_allreduce(algorithm, data, add, 8, seed)


@pytest.mark.parametrize("algorithm", [recursive_doubling, ring, rabenseifner])
def test_allreduce_does_not_depend_on_timing(algorithm: AllreduceOf) -> None:
    """Sums of floating-point numbers are the same, to the last bit, in many orders of events."""
    results = set()
    for seed in range(20):
        buffers = views([doubles(rank, 11) for rank in range(7)])
        simulate(7, lambda s, rank, to=buffers: algorithm(s, rank, 7, to[rank], add, 8), seed)  # type: ignore[misc]
        results.add(bytes(buffers[3]))
    assert len(results) == 1


def check_reduce_scatter(
    algorithm: Algorithm, counts: list[int], operation: Operation, in_place: bool, seed: int
) -> None:
    size, count = len(counts), sum(counts)
    data = contributions(size, count)
    buffers, places = [read_only(item) for item in data], blank([ITEM * count for count in counts])
    if in_place:
        buffers = views(data)
        places = [buffer[: ITEM * counts[rank]] for rank, buffer in enumerate(buffers)]

    def build(s: Schedule, rank: int) -> None:
        algorithm(s, rank, size, buffers[rank], counts, places[rank], reducer_for(operation, ITEM), ITEM)

    simulate(size, build, seed)
    result = combined(operation, data)
    starts = [ITEM * sum(counts[:rank]) for rank in range(size + 1)]
    assert [bytes(place) for place in places] == [
        result[starts[rank] : starts[rank + 1]] for rank in range(size)
    ]


@pytest.mark.parametrize("size", SIZES)
def test_reduce_scatter(size: int) -> None:
    """Each rank has its part of the result, combined in the order of ranks if that matters."""
    for counts in ([0] * size, [1] * size, [5] * size, list(range(size)), [0] * (size - 1) + [9]):
        check_reduce_scatter(reduce_scatter_in_order, counts, compose, False, 1)
        for algorithm in (reduce_scatter_in_order, reduce_scatter_halving, reduce_scatter_pairwise):
            check_reduce_scatter(algorithm, counts, total, False, 2)


@some
@given(st.lists(st.integers(0, 9), min_size=1, max_size=13), st.booleans(), seeds)
def test_reduce_scatter_in_any_order(counts: list[int], in_place: bool, seed: int) -> None:
    """Any order of arrival gives the result, also into the memory of a contribution."""
    check_reduce_scatter(reduce_scatter_in_order, counts, compose, in_place, seed)
    for algorithm in (reduce_scatter_halving, reduce_scatter_pairwise):
        check_reduce_scatter(algorithm, counts, total, in_place, seed)


@pytest.mark.usefixtures("early")
@pytest.mark.parametrize("commutative", [True, False])
@pytest.mark.parametrize("count", [3, LONG])
def test_reduce_scatter_chosen(commutative: bool, count: int) -> None:
    """Short and long data, and operations of both kinds, give the result with the algorithm chosen for
    them.
    """
    operation = total if commutative else compose

    def algorithm(s: Schedule, rank: int, size: int, buf: memoryview, *arguments: object) -> None:
        choose.reduce_scatter(s, rank, size, buf, *arguments, commutative)  # type: ignore[call-arg, arg-type]

    check_reduce_scatter(algorithm, [count, count + 1, count], operation, False, 0)


@some
@given(st.integers(1, 17), st.integers(0, 9), seeds)
def test_scan(size: int, count: int, seed: int) -> None:
    """Each rank has the result of the ranks up to it, in their order."""
    data = contributions(size, count)
    buffers = views(data)
    make = reducer_for(compose, ITEM)
    simulate(size, lambda s, rank: choose.scan(s, rank, size, buffers[rank], make, ITEM), seed)
    assert [bytes(buffer) for buffer in buffers] == [
        combined(compose, data[: rank + 1]) for rank in range(size)
    ]


@some
@given(st.integers(1, 17), st.integers(0, 9), seeds)
def test_exscan(size: int, count: int, seed: int) -> None:
    """Each rank has the result of the ranks before it; rank 0 has its contribution."""
    data = contributions(size, count)
    buffers = [read_only(data[0]), *views(data[1:])]
    make = reducer_for(compose, ITEM)
    simulate(size, lambda s, rank: choose.exscan(s, rank, size, buffers[rank], make, ITEM), seed)
    expected = [data[0], *(combined(compose, data[:rank]) for rank in range(1, size))]
    assert [bytes(buffer) for buffer in buffers] == expected
