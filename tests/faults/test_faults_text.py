"""Plans as people write them: each form, the way back, and what a typo is told."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from strategies import fault_plans

from mpi_actors.errors import BadFaultPlan
from mpi_actors.faults import (
    After,
    AtEvent,
    AtRandom,
    CutOff,
    DropLane,
    Fault,
    FaultPlan,
    FreezePeer,
    KillPeer,
    KillProcess,
    Partition,
    SlowLink,
    format_plan,
    parse_plan,
)
from mpi_actors.faults.text import FORMS, USUAL_SECONDS, read_plan


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("kill 2 at 1.5s", KillProcess(2, After(1.5))),
        ("kill rank 2 at 200ms", KillProcess(2, After(0.2))),
        ("kill process 0 at 1min", KillProcess(0, After(60.0))),
        ("kill peer 1 at line 20", KillPeer(1, AtEvent("line", 20))),
        ("kill daemon 1 at line 3 of rank 2", KillPeer(1, AtEvent("line of rank 2", 3))),
        ("freeze peer 1 for 3s at random", FreezePeer(1, 3.0, AtRandom())),
        ("freeze 1", FreezePeer(1, USUAL_SECONDS, AtRandom())),
        ("cut 0-1 for 2s at message 500 of rank 2", CutOff(0, 1, 2.0, AtEvent("message of rank 2", 500))),
        ("cut peers 0 - 1 at event checkpoint 4", CutOff(0, 1, USUAL_SECONDS, AtEvent("checkpoint", 4))),
        ("split 0,1 | 2 for 2s at 0s", Partition(((0, 1), (2,)), 2.0, After(0.0))),
        ("slow 0-1 by 100ms for 2.5s at 1s", SlowLink(0, 1, 0.1, 2.5, After(1.0))),
        ("drop lane 0-2 at line 1", DropLane(0, 2, AtEvent("line", 1))),
        ("drop 0-2", DropLane(0, 2, AtRandom())),
    ],
)
def test_each_form_has_its_meaning(text: str, fault: Fault) -> None:
    """Also among others, with comments, on several lines, and as JSON."""
    assert parse_plan(text).faults == (fault,)
    assert parse_plan(f"# two\n{text}; {text}  # once more\n\n;", 5) == FaultPlan((fault, fault), 5)
    assert parse_plan(parse_plan(text).to_json()) == parse_plan(text)


@given(fault_plans(peers=4, ranks=3, events={"line": 20, "message of rank 2": 9, "checkpoint": 3}))
def test_a_plan_that_is_written_can_be_read(plan: FaultPlan) -> None:
    """`format_plan` writes what `parse_plan` reads as the same faults, on one line."""
    assert parse_plan(format_plan(plan), plan.seed) == plan
    assert "\n" not in format_plan(plan)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kil 2 at 1s", "there is no fault 'kil'; did you mean 'kill'?"),
        ("", ""),
        ("kill two at 1s", "'two' in place of a rank's number"),
        ("kill peer at 1s", "'at' in place of a peer's number"),
        ("kill 2 at 1.5", "'1.5' in place of a moment; a time has a unit"),
        ("kill 2 at lin 3", "did you mean 'line'?"),
        ("kill 2 at", "nothing more in place of a moment"),
        ("kill 2 at line 0", "'0' in place of a number from 1"),
        ("kill 2 at message 3", "nothing more in place of `of rank R`"),
        ("kill 2 at 1s 2s", "'2s' in place of `;`"),
        ("freeze peer 1 fo 3s at 1s", "did you mean 'for'?"),
        ("freeze peer 1 for 3 at 1s", "'3' in place of a time"),
        ("cut 0 1", "'1' in place of `-`: two peers, such as 0-1"),
        ("cut 0-0 at 1s", "cannot be cut off from itself"),
        ("split 0,1 for 2s", "are not two or more groups"),
        ("slow 0-1 for 2s", "'for' in place of `by`"),
        ("drop lane 1-1", "has no lane to itself"),
        ("thaw peer 1 at 3s", "`freeze peer 1 for 3s`"),
        ("heal 0-1", "`cut 0-1 for 3s`"),
        ("kill ١ at 1s", "in place of a rank's number"),
        ("kill 99999999999 at 1s", "must be a whole number"),
    ],
)
def test_a_typo_is_told_on_one_line(text: str, said: str) -> None:
    """What is there, what was expected, and the nearest name."""
    if not text:
        assert parse_plan(text).faults == ()
        return
    with pytest.raises(BadFaultPlan) as caught:
        parse_plan(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_form_that_help_shows_is_one() -> None:
    """With numbers and times in place of the words in capitals."""
    for form in FORMS:
        text = form.replace("RANK-RANK", "0-1").replace("RANK", "0").replace("TIME", "2s")
        text = text.replace("P-Q", "0-1").replace("P,Q | R", "0,1 | 2").replace("P", "1")
        assert len(parse_plan(text).faults) == 1


def test_a_plan_comes_from_a_file_or_a_text(tmp_path: Path) -> None:
    """A file that is not there is said to be missing; an error in one names it."""
    place = tmp_path / "plan.txt"
    place.write_text("kill 1 at 1s\nfreeze peer 1 for 2s at line 3\n")
    assert len(read_plan(str(place), 4).faults) == 2
    place.write_text(FaultPlan((KillPeer(1, After(1)),), 9).to_json())
    assert read_plan(str(place)) == FaultPlan((KillPeer(1, After(1)),), 9)
    assert read_plan("kill 1 at 1s").faults == (KillProcess(1, After(1)),)
    place.write_text("kil 1 at 1s")
    with pytest.raises(BadFaultPlan, match=r"plan\.txt: in 'kil 1 at 1s'"):
        read_plan(str(place))
    with pytest.raises(BadFaultPlan, match="there is no file"):
        read_plan(str(tmp_path / "other.txt"))
    with pytest.raises(BadFaultPlan, match="there is no file"):
        read_plan("plan.json")
