"""Ends of ranks wait for the last reports of their programs, and no longer than that."""

from __future__ import annotations

import math
from typing import Any

import attrs
import pytest

from mpi_actors.coordination.ends import PendingEnds
from mpi_actors.ids import JobId
from mpi_actors.replay.stderr import StderrReceiver
from mpi_actors.wire.messages import RankExited

PATIENCE = 5.0


@attrs.define
class Reports:
    """Stands for the receiving half of a rank's lane: reports that have come, and those not yet taken."""

    expected: int = 0
    queued: int = 0
    choices: int = 0
    """How much of the rank's recorded choices is here."""

    @property
    def confirmed(self) -> int:
        """Of these ranks, there was no other incarnation."""
        return self.expected


def ends_of(reports: Reports, errors: StderrReceiver | None = None) -> PendingEnds:
    """Return ends that all look at the same reports and the same standard error."""
    incoming: Any = lambda rank: reports  # noqa: E731
    stderr = errors or StderrReceiver()
    return PendingEnds(incoming, lambda rank, incarnation: stderr, lambda rank: reports.choices, PATIENCE)


def exited(code: int = 0, reports: int = 2, **changes: bool) -> RankExited:
    """Return an end of rank 1, which had sent that many reports."""
    return RankExited(
        job=JobId("0" * 16), rank=1, incarnation=0, killed=changes.get("killed", False), code=code,
        reports=reports, description="", stderr="", traceback="", aborted=changes.get("aborted", False),
    )  # fmt: skip


def always(_: RankExited) -> bool:
    """Count each end as that of the newest incarnation."""
    return True


def test_an_end_waits_until_its_reports_are_taken() -> None:
    """Reports that have come and are not taken do not count. Each end is returned once."""
    reports = Reports()
    ends = ends_of(reports)
    ends.on_rank_exited(exited(), 0.0)
    assert ends.take_complete(100.0, always) == []
    reports.expected, reports.queued = 2, 1
    assert ends.take_complete(100.0, always) == []
    reports.queued = 0
    assert ends.take_complete(100.0, always) == [exited()]
    assert ends.take_complete(100.0, always) == []


def test_a_killed_rank_waits_for_nothing() -> None:
    """Its last reports may be lost, and its next incarnation sends them again."""
    ends = ends_of(Reports())
    ends.on_rank_exited(exited(137, killed=True), 0.0)
    assert ends.take_complete(0.0, always) == [exited(137, killed=True)]


@pytest.mark.parametrize("how", ["well", "killed", "failed"])
def test_no_end_counts_before_its_choices_are_here(how: str) -> None:
    """The rank needs them to run again, and they come as long as the host lives: there is no deadline."""
    reports = Reports(expected=2, choices=9)
    ends = ends_of(reports)
    message = attrs.evolve(exited(int(how == "failed"), killed=how == "killed"), choices=10)
    ends.on_rank_exited(message, 0.0)
    assert ends.waiting
    assert ends.next_deadline() == math.inf
    assert ends.take_complete(100.0, always) == []
    reports.choices = 10
    assert ends.take_complete(0.0, always) == [message]
    assert not ends.waiting


@pytest.mark.parametrize("aborted", [True, False])
def test_a_failed_rank_waits_only_while_reports_come(aborted: bool) -> None:
    """Each report gives the next one the same time; a report that is not taken stops the clock."""
    reports = Reports()
    ends = ends_of(reports)
    end = exited(0 if aborted else 1, aborted=aborted)
    ends.on_rank_exited(end, 0.0)
    assert ends.next_deadline() == PATIENCE
    ends.on_report(1, 3.0)
    assert ends.next_deadline() == 3.0 + PATIENCE
    assert ends.take_complete(7.9, always) == []
    reports.queued = 1
    assert ends.next_deadline() == math.inf
    assert ends.take_complete(100.0, always) == []
    reports.queued = 0
    assert ends.take_complete(8.0, always) == [end]


def test_an_end_waits_for_standard_error() -> None:
    """Until it was shown if it has come, and for as long as more comes if the rank has failed."""
    errors = StderrReceiver()
    ends = ends_of(Reports(expected=2), errors)
    end = attrs.evolve(exited(1), errors=3)
    ends.on_rank_exited(end, 0.0)
    assert ends.take_complete(0.0, always) == []
    errors.receive(0, b"oh\n")
    assert ends.next_deadline() == math.inf
    assert ends.take_complete(100.0, always) == []
    errors.take()
    assert ends.take_complete(0.0, always) == [end]


def test_a_rank_that_ended_well_waits_for_ever() -> None:
    """Its process lives on and can send the reports again."""
    ends = ends_of(Reports())
    ends.on_rank_exited(exited(), 0.0)
    assert ends.next_deadline() == math.inf
    assert ends.take_complete(1e9, always) == []


def test_the_end_of_an_old_incarnation_is_dropped() -> None:
    """It is not returned, and has no deadline any more."""
    ends = ends_of(Reports())
    ends.on_rank_exited(exited(1), 0.0)
    assert ends.take_complete(0.0, lambda _: False) == []
    assert ends.next_deadline() == math.inf


def test_reports_of_ranks_that_run_change_nothing() -> None:
    """There is no end to wait for."""
    ends = ends_of(Reports())
    ends.on_report(1, 0.0)
    assert ends.next_deadline() == math.inf
