"""Distributed arrays against a model: which process has which element, by the definitions."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mpi_actors.mpi.constants import (
    DISTRIBUTE_BLOCK,
    DISTRIBUTE_CYCLIC,
    DISTRIBUTE_DFLT_DARG,
    DISTRIBUTE_NONE,
    ERR_ARG,
    ORDER_C,
    ORDER_FORTRAN,
)
from mpi_actors.mpi.datatypes import NAMED
from mpi_actors.mpi.errors.exception import Exception as MPIException

DFLT = DISTRIBUTE_DFLT_DARG


@st.composite
def dimensions(draw: st.DrawFn) -> tuple[int, int, int, int]:
    """The size of a dimension, its distribution, the argument of that, and the processes."""
    size, processes = draw(st.integers(1, 9)), draw(st.integers(1, 4))
    kind = draw(st.sampled_from([DISTRIBUTE_BLOCK, DISTRIBUTE_CYCLIC, DISTRIBUTE_NONE]))
    if kind == DISTRIBUTE_NONE:
        return size, kind, DFLT, 1
    least = -(-size // processes) if kind == DISTRIBUTE_BLOCK else 1
    return size, kind, draw(st.sampled_from([DFLT, least, least + 1])), processes


def owner(index: int, size: int, kind: int, block: int, processes: int) -> int:
    """The process of a dimension that has an index."""
    if kind == DISTRIBUTE_NONE:
        return 0
    if kind == DISTRIBUTE_BLOCK:
        return index // (-(-size // processes) if block == DFLT else block)
    return index // (1 if block == DFLT else block) % processes


@given(dims=st.lists(dimensions(), min_size=1, max_size=3), order=st.sampled_from([ORDER_C, ORDER_FORTRAN]))
@settings(max_examples=60, deadline=None)
def test_everybody_has_the_own_elements(dims: list[tuple[int, int, int, int]], order: int) -> None:
    """Each rank packs just the elements that it owns, in the array's order; together these are all."""
    sizes, kinds, blocks, grid = (list(values) for values in zip(*dims, strict=True))
    total = 1
    for size in sizes:
        total *= size
    memory = bytes(range(256)) * 3
    everything: list[int] = []
    ranks = list(itertools.product(*map(range, grid)))
    for rank, place in enumerate(ranks):
        part = NAMED["BYTE"].Create_darray(len(ranks), rank, sizes, kinds, blocks, grid, order)
        assert part.Get_extent() == (0, total)
        expected = []
        axes = range(len(sizes)) if order == ORDER_C else range(len(sizes) - 1, -1, -1)
        for indices in itertools.product(*(range(sizes[axis]) for axis in axes)):
            of_axis = dict(zip(axes, indices, strict=True))
            if all(owner(of_axis[axis], *dims[axis]) == place[axis] for axis in axes):
                number = 0
                for axis in axes:
                    number = number * sizes[axis] + of_axis[axis]
                expected.append(number)
        assert part.size == len(expected)
        assert bytes(part._pack(memoryview(memory), 1)) == bytes(memory[number] for number in expected)
        everything += expected
    assert sorted(everything) == list(range(total))


@pytest.mark.parametrize(
    "arguments",
    [
        (4, 0, [8], [DISTRIBUTE_BLOCK], [1], [4]),
        (4, 0, [8], [DISTRIBUTE_NONE], [DFLT], [4]),
        (4, 0, [8], [DISTRIBUTE_BLOCK], [DFLT], [3]),
        (4, 4, [8], [DISTRIBUTE_BLOCK], [DFLT], [4]),
        (4, 0, [8], [77], [DFLT], [4]),
        (1, 0, [], [], [], []),
    ],
)
def test_wrong_arguments(arguments: tuple[int, int, list[int], list[int], list[int], list[int]]) -> None:
    """ERR_ARG for blocks that are too small, grids of another size, ranks outside, unknown distributions."""
    with pytest.raises(MPIException) as caught:
        NAMED["INT"].Create_darray(*arguments)
    assert caught.value.error_class == ERR_ARG
