"""What `chaos` concludes from what a run wrote and how it ended."""

from __future__ import annotations

import pytest

from mpi_actors.cli.chaos.campaign import Outcome
from mpi_actors.cli.chaos.report import summary
from mpi_actors.cli.chaos.timeline import Timeline
from mpi_actors.cli.chaos.transcript import Expectation, Transcript
from mpi_actors.cli.chaos.trial import Trial, messages_in
from mpi_actors.cli.chaos.verdict import RunVerdict, judge, name_of
from mpi_actors.coordination.result import JobResult
from mpi_actors.events import Log, RankLost, RankStarted
from mpi_actors.faults import parse_plan
from mpi_actors.ids import JobId, PeerId

JOB, PEER = JobId("0" * 16), PeerId("peer")


def wrote(*lines: str) -> Transcript:
    """A run whose lines begin with the rank and, for standard error, an `!`."""
    made = Transcript()
    for line in lines:
        stream = "stderr" if line[1] == "!" else "log"
        made.add(Log(job=JOB, rank=int(line[0]), text=line[2:], stream=stream))
    return made


def ended(ok: bool = True, code: int = 0, reason: str = "") -> JobResult:
    """How a job ended."""
    return JobResult(JOB, ok, code, reason, 1.0, ())


STEADY = Expectation((wrote("0 a", "1 b", "0 c"), wrote("1 b", "0 a", "0 c")))
VARYING = Expectation((wrote("0 a", "0 12", "1 x", "1!p"), wrote("0 a", "0 17", "1 x", "1 y", "1!p")))


def test_the_order_between_ranks_does_not_count() -> None:
    """That within a rank does."""
    assert STEADY.varying == 0
    assert STEADY.differences(wrote("0 a", "0 c", "1 b")) == []
    assert STEADY.differences(wrote("0 c", "0 a", "1 b")) == [
        "rank 0, line 1: 'c' in place of 'a'",
        "rank 0, line 2: 'a' in place of 'c'",
    ]


def test_missing_and_additional_lines_are_differences() -> None:
    """Of each rank, also of one that wrote nothing before."""
    assert STEADY.differences(wrote("0 a", "1 b")) == [
        "rank 0: 1 of 2 lines are missing, from line 2, 'c' on"
    ]
    found = STEADY.differences(wrote("0 a", "0 c", "1 b", "1 b", "2 oh"))
    assert found == [
        "rank 1: 1 lines too many, from line 2, 'b' on",
        "rank 2: 1 lines too many, from line 1, 'oh' on",
    ]
    many = STEADY.differences(wrote("0 a", *(f"{rank} x" for rank in range(2, 10))))
    assert len(many) == 7
    assert many[-1] == "… and 4 more"


def test_what_varies_undisturbed_is_not_compared() -> None:
    """A line, or all of a rank's stream when not even the number of its lines is the same."""
    assert VARYING.varying == 3
    assert VARYING.differences(wrote("0 a", "0 99", "1 z", "1!p")) == []
    assert VARYING.differences(wrote("0 b", "0 99", "1!p")) == ["rank 0, line 1: 'b' in place of 'a'"]


def test_standard_error_does_not_count() -> None:
    """A rank that runs again writes it again."""
    assert STEADY.differences(wrote("0 a", "0 c", "1 b", "1!careful", "1!careful")) == []


def test_a_line_may_come_in_parts() -> None:
    """As much as came without an end, and what goes on with it, are one line."""
    made = Transcript()
    parts = [("a", False), ("b", True), ("c", False), ("d", False), ("e", True)]
    fresh = [made.add(Log(job=JOB, rank=0, text=text, ended=ended)) for text, ended in parts]
    assert (fresh, made.of((0, "log"))) == ([True, False, True, False, False], ["ab", "cde"])


@pytest.mark.parametrize(
    ("reason", "name"),
    [
        ("NotReplayable: rank 1 used x", "NotReplayable"),
        ("rank 1: ReplayDivergence: it sent else", "ReplayDivergence"),
        ("no peer could take rank 1 within 30 s: no peer is left", "NoPeer"),
        ("rank 1 failed on x: exit code 1; its standard error ended with:\nNotReplayable: no", ""),
        ("rank 1 failed on x: ValueError: bad", ""),
        ("MpiActors: no", ""),
    ],
)
def test_the_name_of_an_error_is_found(reason: str, name: str) -> None:
    """Only one of ours counts, and not in what the program said."""
    assert name_of(reason) == name


def test_a_run_is_judged() -> None:
    """By its exit code first, then by its lines."""
    good, bad = wrote("0 a", "1 b", "0 c"), wrote("0 a", "1 b", "0 d")
    assert judge(ended(), good, STEADY, 0) == (RunVerdict.RIGHT, "", [])
    assert judge(ended(), bad, STEADY, 0)[0] is RunVerdict.WRONG
    assert judge(ended(False, 3, "NotReplayable: x"), bad, STEADY, 0)[:2] == (
        RunVerdict.FAILED,
        "NotReplayable",
    )
    verdict, name, details = judge(ended(False, 1, "rank 0 failed on x: exit code 1"), good, STEADY, 0)
    assert (verdict, name) == (RunVerdict.WRONG, "")
    assert details == ["exit code 1 in place of 0: rank 0 failed on x: exit code 1"]


def test_a_timeline_measures_from_the_last_fault() -> None:
    """To the notice, to the last replacement, to the next new line."""
    line = Timeline(100.0)
    line.on_fault("kill 1", 101.0)
    line.on_event(Log(job=JOB, rank=0, text="x"), 101.1)
    for rank, at in ((1, 101.2), (2, 101.3)):
        line.on_event(RankLost(job=JOB, rank=rank, incarnation=0, peer=PEER, reason="killed"), at)
    for rank, at in ((1, 101.4), (2, 101.6)):
        if rank == 2:
            line.on_event(Log(job=JOB, rank=0, text="too early"), 101.5)
        started = RankStarted(job=JOB, rank=rank, incarnation=1, peer=PEER, pid=1, daemon_pid=1)
        line.on_event(started, at)
    line.on_event(Log(job=JOB, rank=0, text="y"), 102.0)
    line.on_event(Log(job=JOB, rank=0, text="z"), 103.0)
    assert [round(s, 6) for s in (*line.noticed, *line.replaced, *line.resumed)] == [0.2, 0.6, 1.0]
    assert [(round(entry.at, 6), entry.text) for entry in line.entries] == [
        (1.0, "kill 1"),
        (1.2, "rank 1 is lost"),
        (1.3, "rank 2 is lost"),
        (1.4, "rank 1 runs again"),
        (1.6, "rank 2 runs again"),
        (2.0, "the next new line"),
    ]


def test_messages_are_counted_from_the_answers_to_why() -> None:
    """Of both kinds of programs; what goes to the log is not a message."""
    assert messages_in("rank 1: computes\n    has sent 12 messages") == 12
    text = "waits; messages by rank: log: 9 sent (0 on hold), 0: 2 sent (1 on hold), 13: 3 sent (0 on hold)"
    assert messages_in(text) == 5
    assert messages_in("which does not answer") == 0


def test_the_summary_counts_by_kind_of_fault() -> None:
    """A run with two kinds of fault counts for both."""
    plans = ["kill 1 at 1s; kill 2 at 2s", "kill peer 1 at 1s; drop lane 0-1 at 2s"]
    verdicts = [RunVerdict.RIGHT, RunVerdict.HUNG]
    made = [
        Outcome(number, 1, Trial(parse_plan(plan)), verdict, "", ())
        for number, (plan, verdict) in enumerate(zip(plans, verdicts, strict=True))
    ]
    rows = [line.split() for line in summary(made)]
    assert [row[:-2] for row in rows[1:]] == [
        ["drop", "lane", "1", "0", "0", "0", "1"],
        ["kill", "peer", "1", "0", "0", "0", "1"],
        ["kill", "process", "1", "1", "0", "0", "0"],
        ["all", "2", "1", "0", "0", "1"],
    ]
