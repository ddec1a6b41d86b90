"""The pure decisions of supervision: which children restart, how often, and how late."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.actors import Backoff, ChildSpec, ExitReason, Intensity, Mailbox, Restart, Strategy
from mpi_actors.actors.decide import RestartWindow, affected

ORDERS = st.lists(st.text(max_size=3), min_size=1, max_size=8, unique=True)


@given(st.sampled_from(Strategy), ORDERS, st.data())
def test_affected_follows_the_strategy(strategy: Strategy, order: list[str], data: st.DataObject) -> None:
    """One child, it and those after it, or all: in start order, with the one that ended."""
    ended = data.draw(st.sampled_from(order))
    ids = affected(strategy, order, ended)
    place = order.index(ended)
    expected = {
        Strategy.ONE_FOR_ONE: order[place : place + 1],
        Strategy.REST_FOR_ONE: order[place:],
        Strategy.ONE_FOR_ALL: order,
    }
    assert tuple(expected[strategy]) == ids


@pytest.mark.parametrize(
    ("restart", "reasons"),
    [
        (Restart.PERMANENT, {ExitReason.NORMAL, ExitReason.FAILED, ExitReason.STOPPED}),
        (Restart.TRANSIENT, {ExitReason.FAILED, ExitReason.STOPPED}),
        (Restart.TEMPORARY, set()),
    ],
)
def test_who_is_started_again(restart: Restart, reasons: set[ExitReason]) -> None:
    """Permanent children: always. Transient: unless they ended normally. Temporary: never."""
    assert reasons == {reason for reason in ExitReason if restart.applies_to(reason)}


@given(
    st.integers(0, 4),
    st.integers(1, 20),
    st.lists(st.integers(0, 10), max_size=30),
)
def test_the_window_admits_at_most_so_many_in_any_period(limit: int, period: int, gaps: list[int]) -> None:
    """A restart is refused exactly when the last `period` seconds would hold too many."""
    window = RestartWindow(Intensity(limit, period))
    times: list[int] = []
    now = 0
    for gap in gaps:
        now += gap
        times.append(now)
        expected = sum(now - time <= period for time in times) <= limit
        assert expected == window.admit(now)
        if not expected:
            break


@given(st.floats(0.01, 10), st.floats(1, 1000), st.floats(0.01, 100), st.integers(1, 500))
def test_backoff_grows_to_its_limit(first: float, factor: float, longest: float, steps: int) -> None:
    """Waits never shrink, never exceed the longest, and never overflow."""
    backoff = Backoff(first=first, factor=factor, longest=longest)
    wait = backoff.after(0.0)
    assert min(first, longest) == wait
    for _ in range(steps):
        following = backoff.after(wait)
        assert wait <= following <= longest
        wait = following


async def _nothing(_: Mailbox[int]) -> None:
    return


@pytest.mark.parametrize(
    "make",
    [
        lambda: Intensity(-1, 5),
        lambda: Intensity(1, 0),
        lambda: Backoff(first=0),
        lambda: Backoff(factor=0.5),
        lambda: ChildSpec(id="x", run=_nothing, shutdown=-1),
        lambda: ChildSpec(id="x", run=_nothing, shutdown=float("nan")),
    ],
    ids=["restarts", "period", "first", "factor", "shutdown", "not a number"],
)
def test_senseless_settings_are_refused(make: object) -> None:
    """A setting out of its range raises ValueError where it is made."""
    assert callable(make)
    with pytest.raises(ValueError, match="must be"):
        make()


def test_a_child_has_a_mailbox_of_its_own_by_default() -> None:
    """The default mailbox has the child's name, and no two specs share one."""
    one, two = (ChildSpec(id="x", run=_nothing) for _ in range(2))
    assert one.mailbox.name == "x"
    assert one.mailbox is not two.mailbox
