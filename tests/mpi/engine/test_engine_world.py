"""Whole jobs of real engines lose processes and hosts at any moment: nobody sees a difference.

Programs choose in every way there is (`engine_programs`), and everything that they send and print depends on
all that they have seen. The daemons' knowledge of choices and the coordinator's decisions are the real ones.
So the lines that were shown and the messages that were received must be those of the last lives: one run that
was never disturbed. A failure prints its case, whose seed decides everything.
"""

from __future__ import annotations

import os

import pytest
from engine_cases import Case, cases, storm
from engine_flaws import (
    GathersOfTheLostOnly,
    ReadsBeforeTheBytes,
    ReportsItsRanksOnly,
    TellsNobody,
    with_choices,
)
from engine_world import EngineWorld
from hypothesis import given, settings

from mpi_actors.lanes.choices import JobChoices
from mpi_actors.mpi.engine.choices import Choices

CASES = int(os.environ.get("MPI_ACTORS_CASES", "500"))
"""A slow run takes 5000."""
STORMS = 1000
"""So many are enough to find any of the flaws below: each is found by a tenth or so of them."""


@given(cases())
@settings(max_examples=CASES)
def test_choices_are_repeated(case: Case) -> None:
    """Whoever is lost, when, together with whom, and again: the job ends, and nobody sees a difference."""
    case.run()


@given(cases(plain=True))
@settings(max_examples=CASES // 4)
def test_programs_that_choose_nothing_see_what_they_would_have_seen(case: Case) -> None:
    """Each rank sees in its last life what it sees in another job without losses."""
    case.run()


@pytest.mark.parametrize("first", range(0, CASES // 5, 10))
def test_hosts_vanish_with_all_that_they_have_not_told(first: int) -> None:
    """Nearly everything depends on choices that the coordinator has not heard of."""
    for seed in range(first, first + 10):
        storm(seed).run()


def test_a_seed_decides_everything() -> None:
    """A failure can be repeated."""
    one, other = storm(3).run(), storm(3).run()
    assert one.now == other.now
    assert one.coordinator.shown == other.coordinator.shown
    assert [process.seen for process in one.processes] == [process.seen for process in other.processes]


# --- each rule is needed ----------------------------------------------------------------------------------


def is_found_out(world: type[EngineWorld]) -> bool:
    """Whether a storm shows what is wrong."""
    for seed in range(STORMS):
        try:
            storm(seed).run(world)
        except Exception:  # noqa: BLE001 - what is wrong shows in many ways
            return True
    return False


@pytest.mark.parametrize(
    "flaw", [TellsNobody, ReportsItsRanksOnly, GathersOfTheLostOnly, ReadsBeforeTheBytes]
)
def test_a_daemon_that_breaks_a_rule_is_found_out(flaw: type[JobChoices]) -> None:
    """See `engine_flaws`: what daemons must tell, and how they must read pages."""
    assert is_found_out(with_choices(flaw))


def test_a_source_that_is_not_recorded_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another life of the rank receives in another order."""
    monkeypatch.setattr(Choices, "matched", lambda self, ordinal, source: None)
    assert is_found_out(EngineWorld)


def test_tests_that_are_not_recorded_before_something_leaves_are_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another life of the rank finds nothing another number of times."""
    monkeypatch.setattr(Choices, "settle", lambda self: None)
    assert is_found_out(EngineWorld)
