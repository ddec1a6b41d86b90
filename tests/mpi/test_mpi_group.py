"""Groups, against sets and lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.mpi import constants
from mpi_actors.mpi.errors.exception import Exception as MPIException
from mpi_actors.mpi.group import GROUP_EMPTY, GROUP_NULL, Group

MEMBERS = st.lists(st.integers(0, 12), unique=True)


@given(MEMBERS, MEMBERS)
def test_set_operations_keep_the_order_that_the_standard_says(one: list[int], two: list[int]) -> None:
    """Union is the first, then the rest of the second; the others keep the order of the first."""
    first, second = Group._with(one), Group._with(two)
    assert Group.Union(first, second)._members() == (*one, *(w for w in two if w not in one))
    assert Group.Intersection(first, second)._members() == tuple(w for w in one if w in two)
    assert Group.Difference(first, second)._members() == tuple(w for w in one if w not in two)


@given(MEMBERS, MEMBERS)
def test_comparing(one: list[int], two: list[int]) -> None:
    """The same in the same order, the same members, or not."""
    expected = constants.UNEQUAL
    if one == two:
        expected = constants.IDENT
    elif sorted(one) == sorted(two):
        expected = constants.SIMILAR
    assert Group._with(one).Compare(Group._with(two)) == expected


@given(MEMBERS, st.data())
def test_incl_and_excl_part_a_group(members: list[int], data: st.DataObject) -> None:
    """What is included and what is excluded are all of it."""
    ranks = data.draw(st.lists(st.integers(0, len(members) - 1), unique=True)) if members else []
    group = Group._with(members)
    assert group.Incl(ranks)._members() == tuple(members[rank] for rank in ranks)
    rest = group.Excl(ranks)
    assert Group.Union(rest, group.Incl(ranks)).Compare(group) in (constants.IDENT, constants.SIMILAR)
    assert rest.size == group.size - len(ranks)


@given(MEMBERS, MEMBERS)
def test_ranks_are_translated_by_the_process_they_mean(one: list[int], two: list[int]) -> None:
    """UNDEFINED for those that are not in the other group."""
    translated = Group._with(one).Translate_ranks(None, Group._with(two))
    assert translated == [two.index(w) if w in two else constants.UNDEFINED for w in one]
    assert Group._with(one).Translate_ranks() == one


def test_proc_null_is_translated_to_itself() -> None:
    """As the standard says."""
    group = Group._with([3, 1])
    assert group.Translate_ranks([constants.PROC_NULL, 1], group) == [constants.PROC_NULL, 1]


@pytest.mark.parametrize(
    ("ranges", "members"),
    [([(0, 4, 2)], (10, 12, 14)), ([(4, 0, -2), (1, 1, 1)], (14, 12, 10, 11)), ([], ())],
)
def test_ranges_include_their_ends(ranges: list[tuple[int, int, int]], members: tuple[int, ...]) -> None:
    """First, last, stride."""
    group = Group._with(range(10, 15))
    assert group.Range_incl(ranges)._members() == members
    assert set(group.Range_excl(ranges)._members()) == set(range(10, 15)) - set(members)


@pytest.mark.parametrize("ranks", [[2], [-1], [0, 0]])
def test_wrong_ranks(ranks: list[int]) -> None:
    """ERR_RANK for a rank that is not there, or there twice."""
    for method in (Group._with([5, 6]).Incl, Group._with([5, 6]).Excl):
        with pytest.raises(MPIException) as caught:
            method(ranks)
        assert caught.value.error_class == constants.ERR_RANK


def test_null_and_empty_groups_are_different() -> None:
    """A null group has no size, the empty one has, and survives Free."""
    for call in (GROUP_NULL.Get_size, GROUP_NULL.Get_rank, GROUP_NULL.Free):
        with pytest.raises(MPIException) as caught:
            call()
        assert caught.value.error_class == constants.ERR_GROUP
    GROUP_EMPTY.Free()
    assert GROUP_EMPTY.size == 0
    assert GROUP_EMPTY.rank == constants.UNDEFINED
