"""Groups behave as sets and lists of world ranks do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.mpi import constants
from mpi_actors.mpi.errors.exception import Exception as MPIException
from mpi_actors.mpi.group import GROUP_EMPTY, GROUP_NULL, Group

MEMBERS = st.lists(st.integers(0, 12), unique=True)


def world_ranks(group: Group) -> tuple[int, ...]:
    """The members of a group, by their ranks in COMM_WORLD."""
    return tuple(group.Translate_ranks())


@given(MEMBERS, MEMBERS)
def test_set_operations_keep_the_order_that_the_standard_says(one: list[int], two: list[int]) -> None:
    """A union is the first group, then the rest of the second; the others keep the order of the first."""
    first, second = Group._with(one), Group._with(two)
    assert world_ranks(Group.Union(first, second)) == (*one, *(w for w in two if w not in one))
    assert world_ranks(Group.Intersection(first, second)) == tuple(w for w in one if w in two)
    assert world_ranks(Group.Difference(first, second)) == tuple(w for w in one if w not in two)


@given(MEMBERS, MEMBERS)
def test_comparing(one: list[int], two: list[int]) -> None:
    """Groups are identical, similar (the same members in another order), or unequal."""
    expected = constants.UNEQUAL
    if one == two:
        expected = constants.IDENT
    elif sorted(one) == sorted(two):
        expected = constants.SIMILAR
    assert Group._with(one).Compare(Group._with(two)) == expected


@given(MEMBERS, st.data())
def test_incl_and_excl_part_a_group(members: list[int], data: st.DataObject) -> None:
    """What Incl takes and what Excl leaves are the whole group together."""
    ranks = data.draw(st.lists(st.integers(0, len(members) - 1), unique=True)) if members else []
    group = Group._with(members)
    assert world_ranks(group.Incl(ranks)) == tuple(members[rank] for rank in ranks)
    rest = group.Excl(ranks)
    assert Group.Union(rest, group.Incl(ranks)).Compare(group) in (constants.IDENT, constants.SIMILAR)
    assert rest.size == group.size - len(ranks)


@given(MEMBERS, MEMBERS)
def test_ranks_are_translated_by_the_process_they_mean(one: list[int], two: list[int]) -> None:
    """A process that is not in the other group gives UNDEFINED."""
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
    """A range is first, last, stride."""
    group = Group._with(range(10, 15))
    assert world_ranks(group.Range_incl(ranges)) == members
    assert set(world_ranks(group.Range_excl(ranges))) == set(range(10, 15)) - set(members)


@pytest.mark.parametrize("ranks", [[2], [-1], [0, 0]])
def test_wrong_ranks(ranks: list[int]) -> None:
    """A rank that does not exist, or is given twice, gives ERR_RANK."""
    for method in (Group._with([5, 6]).Incl, Group._with([5, 6]).Excl):
        with pytest.raises(MPIException) as caught:
            method(ranks)
        assert caught.value.error_class == constants.ERR_RANK


def test_null_and_empty_groups_are_different() -> None:
    """A null group has no size. The empty group has one, and survives Free."""
    for call in (GROUP_NULL.Get_size, GROUP_NULL.Get_rank, GROUP_NULL.Free):
        with pytest.raises(MPIException) as caught:
            call()
        assert caught.value.error_class == constants.ERR_GROUP
    GROUP_EMPTY.Free()
    assert GROUP_EMPTY.size == 0
    assert GROUP_EMPTY.rank == constants.UNDEFINED
