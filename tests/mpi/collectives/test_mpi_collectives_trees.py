"""Binomial trees, even parts, and the kinds of operations."""

from __future__ import annotations

import pytest

from mpi_actors.mpi.collectives import kinds
from mpi_actors.mpi.collectives.halving import Folding
from mpi_actors.mpi.collectives.steps import even_counts, power_below
from mpi_actors.mpi.collectives.trees import children, parent, subtree


@pytest.mark.parametrize("size", [*range(1, 20), 64, 100])
def test_trees(size: int) -> None:
    """Each place but 0 is a child of its parent; a subtree is a run of places; the depth is logarithmic."""
    for place in range(1, size):
        assert place in children(parent(place), size)
    for place in range(size):
        below = children(place, size)
        assert subtree(place, size) == 1 + sum(subtree(child, size) for child in below)
        assert below == sorted(below)
        next_free = place + 1
        for child in below:
            assert child == next_free
            next_free += subtree(child, size)
        depth = bin(place).count("1")
        assert depth <= (size - 1).bit_length()


@pytest.mark.parametrize("size", range(1, 20))
def test_folding(size: int) -> None:
    """A power of two of ranks have places, in their order; the right neighbours of the others have one."""
    folds = [Folding(rank, size) for rank in range(size)]
    placed = [fold for fold in folds if fold.place is not None]
    assert [fold.place for fold in placed] == list(range(power_below(size)))
    assert all(fold.rank_of(fold.place) == fold.rank for fold in placed if fold.place is not None)
    assert all(folds[fold.rank + 1].place is not None for fold in folds if fold.place is None)


def test_even_counts() -> None:
    """The parts have all items, and differ by at most one."""
    for count in range(30):
        for parts in range(1, 9):
            counts = even_counts(count, parts)
            assert (sum(counts), len(counts)) == (count, parts)
            assert max(counts) - min(counts) <= 1


def test_kinds() -> None:
    """Each kind fits into a byte, and has a name and a number of its own."""
    numbers = [
        value for name, value in vars(kinds).items() if name.startswith("KIND_") and name != "KIND_NAMES"
    ]
    assert len(set(numbers)) == len(numbers)
    assert set(kinds.KIND_NAMES) == {0, *numbers}
    assert all(0 <= number < 256 for number in numbers)
    assert len(set(kinds.KIND_NAMES.values())) == len(kinds.KIND_NAMES)
