"""The judge of the programs that lose ranks."""

from __future__ import annotations

import pytest
from losses_cases import KINDS, PHASES, Loss, matrix, ordinary
from losses_judge import FAILED_ITSELF, contradictions, verdict_on

from mpi_actors.cli.chaos.transcript import Transcript
from mpi_actors.cli.chaos.verdict import RunVerdict
from mpi_actors.coordination.result import JobResult
from mpi_actors.events import Log
from mpi_actors.faults import After
from mpi_actors.ids import JobId

JOB = JobId("0" * 16)


def wrote(*lines: str) -> Transcript:
    """A run whose lines begin with the rank."""
    made = Transcript()
    for line in lines:
        made.add(Log(job=JOB, rank=int(line[0]), text=line[2:]))
    return made


def ended(ok: bool = True, code: int = 0, reason: str = "") -> JobResult:
    """How a job ended."""
    return JobResult(JOB, ok, code, reason, 1.0, ())


BEFORE = [wrote("0 saw a 5", "1 saw a 5", "1 done")]


def test_two_ranks_must_not_say_different_things() -> None:
    """Of the same key; other values than in another run are fine."""
    assert contradictions(wrote("0 saw a 1", "1 saw b 2", "1 saw a 1", "0 b 3")) == []
    [said] = contradictions(wrote("0 saw a 1", "1 saw a 2"))
    assert said == "a is 1 for rank 0, and 2 for rank 1"


@pytest.mark.parametrize(
    ("result", "found", "equal", "expected"),
    [
        (ended(), wrote("0 saw a 6", "1 saw a 6", "1 done"), False, (RunVerdict.RIGHT, "")),
        (ended(), wrote("0 saw a 6", "1 saw a 6", "1 done"), True, (RunVerdict.WRONG, "")),
        (ended(), wrote("0 saw a 6", "1 saw a 7", "1 done"), False, (RunVerdict.WRONG, "")),
        (ended(), wrote("0 saw a 6", "1 saw a 6"), False, (RunVerdict.WRONG, "")),
        (ended(), wrote("0 saw a 6", "1 done", "1 else"), False, (RunVerdict.WRONG, "")),
        (ended(False, 3, "ReplayDivergence: x"), wrote(), False, (RunVerdict.FAILED, "ReplayDivergence")),
        (ended(False, 1, "rank 0 failed"), wrote(), False, (RunVerdict.FAILED, FAILED_ITSELF)),
    ],
)
def test_a_run_is_right_if_nothing_differs_silently(
    result: JobResult, found: Transcript, equal: bool, expected: tuple[RunVerdict, str]
) -> None:
    """Or it fails in plain view."""
    assert verdict_on(result, found, BEFORE, equal=equal)[:2] == expected


def test_losses_depend_on_their_seed_alone() -> None:
    """They come within their phase, and never kill the coordinator's peer."""
    assert len(ordinary()) >= 25
    for program in matrix():
        assert program.path.is_file()
        for kind in KINDS:
            for phase, (low, high) in PHASES.items():
                for seed in range(5):
                    plan = Loss(program, kind, phase, seed).plan(10.0, 20.0)
                    assert plan == Loss(program, kind, phase, seed).plan(10.0, 20.0)
                    plan.check(peers=3, ranks=program.size)
                    for fault in plan.faults:
                        assert isinstance(fault.when, After)
                        assert 10 + 10 * low <= fault.when.seconds <= 10 + 10 * high
                        assert getattr(fault, "peer", 1) > 0
