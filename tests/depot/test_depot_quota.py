"""Which interpreters stay when room is short."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.depot.quota import Tenant, free_room, make_room, reach, shortage

TENANTS = st.lists(
    st.builds(
        Tenant,
        name=st.sampled_from("abcdefgh"),
        size=st.integers(0, 10),
        used_at=st.integers(0, 5).map(float),
        held=st.sampled_from(["", "", "pinned", "in use"]),
    ),
    unique_by=lambda tenant: tenant.name,
)


@given(TENANTS, st.integers(0, 40), st.integers(0, 60))
def test_room_is_made_exactly_when_it_can_be(tenants: list[Tenant], size: int, limit: int) -> None:
    """It fits afterwards exactly if what must stay leaves room; else the answer says so."""
    room = make_room(tenants, size, limit)
    left = [tenant for tenant in tenants if tenant.name not in room.going]
    assert room.fits == (size <= free_room(left, limit)) == (size <= reach(tenants, limit))
    assert room.fits == (not shortage(tenants, size, limit))


@given(TENANTS, st.integers(0, 40), st.integers(0, 60))
def test_the_least_recently_used_go(tenants: list[Tenant], size: int, limit: int) -> None:
    """What must stay stays, the least recently used go first, and no more go than necessary."""
    going = make_room(tenants, size, limit).going
    by_name = {tenant.name: tenant for tenant in tenants}
    assert not any(by_name[name].held for name in going)
    stay = [tenant for tenant in tenants if not tenant.held and tenant.name not in going]
    assert all(by_name[name].used_at <= tenant.used_at for name in going for tenant in stay)
    if going:
        before = [tenant for tenant in tenants if tenant.name not in going[:-1]]
        assert free_room(before, limit) < size


def test_words() -> None:
    """A shortage names what is needed, what is allowed, and what holds the rest."""
    tenants = [Tenant("b", 30, 0.0, "pinned"), Tenant("a", 20, 0.0, "in use"), Tenant("c", 10, 0.0)]
    assert shortage(tenants, 50, 100) == ""
    assert shortage(tenants, 51, 100) == (
        "it needs 51 bytes, and 100 are allowed for all, of which 50 must stay: a (in use), b (pinned). "
        "Try again later, unpin some, or raise the limit."
    )
    assert shortage(tenants, 101, 100, " at last") == (
        "it needs 101 bytes at last, and 100 are allowed for all. Raise the limit."
    )
