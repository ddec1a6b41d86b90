"""Contexts: the members compute them alike, and communicators are kept apart."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.mpi.comm.context import SELF_CONTEXT, WORLD_CONTEXT, derive

parts = st.recursive(
    st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3).map(tuple), max_leaves=6
)


@given(st.lists(parts, max_size=4))
def test_a_context_is_even_and_small_enough_for_the_engine(given_parts: list[object]) -> None:
    """The context plus one fits a signed integer of 8 bytes."""
    context = derive(*given_parts)
    assert context % 2 == 0
    assert 0 <= context < 2**61


@given(st.lists(parts, max_size=4), st.lists(parts, max_size=4))
def test_the_same_parts_give_the_same_context_and_others_another(
    one: list[object], other: list[object]
) -> None:
    """All members compute the same number, and no two communicators share one."""
    assert (derive(*one) == derive(*other)) == (repr(one) == repr(other))


def test_predefined_contexts_are_even_and_differ() -> None:
    """COMM_WORLD and COMM_SELF are kept apart."""
    assert WORLD_CONTEXT % 2 == SELF_CONTEXT % 2 == 0
    assert WORLD_CONTEXT != SELF_CONTEXT
