"""The command line of `chaos`."""

from __future__ import annotations

from pathlib import Path

import pytest

from mpi_actors.cli.arguments.chaos import ChaosArguments
from mpi_actors.cli.arguments.parse import RunArguments, parse_arguments
from mpi_actors.config import ReplayOptions
from mpi_actors.errors import UsageError
from mpi_actors.faults import After, FaultPlan, KillProcess


def parse(*words: str) -> ChaosArguments:
    """What these words after `chaos` ask for."""
    found = parse_arguments(["chaos", *words])
    assert isinstance(found, ChaosArguments)
    return found


def test_a_program_is_given_as_for_run() -> None:
    """With its number of ranks and peers, and all words after it."""
    run = ["-n", "4", "--peers=3", "--restart", "lost", "--output-may-differ", "script.py", "--seed", "5"]
    expected = parse_arguments(["run", *run])
    assert isinstance(expected, RunArguments)
    assert parse(*run) == ChaosArguments(program=expected, runs=10)
    assert parse("-n2", "-m", "pack.age", "-x").program == RunArguments(
        program="pack.age", module=True, args=("-x",), size=2
    )


def test_flags_say_what_happens() -> None:
    """A plan, a seed, a number of runs, a time."""
    found = parse(
        "--faults", "kill 1 at 1s", "--seed", "7", "--runs", "3", "--minutes", "0.5", "--patience", "90s",
        "--json", "--no-replay", "-n", "2", "x.py",
    )  # fmt: skip
    assert found == ChaosArguments(
        program=RunArguments(program="x.py", size=2, replay=ReplayOptions(replay=False)),
        plan=FaultPlan((KillProcess(1, After(1.0)),), 7),
        seed=7, runs=3, minutes=0.5, patience=90.0, json=True,
    )  # fmt: skip
    assert parse("--minutes", "10", "x.py").runs is None


def test_a_plan_may_be_a_file(tmp_path: Path) -> None:
    """Of text or of JSON."""
    place = tmp_path / "plan.json"
    place.write_text(FaultPlan((KillProcess(0, After(2.0)),)).to_json())
    plan = parse("--faults", str(place), "x.py").plan
    assert plan is not None
    assert plan.faults == (KillProcess(0, After(2.0)),)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--faults", "kil 1 at 1s", "x.py"], "did you mean 'kill'?"),
        (["--faults", "kill 4 at 1s", "-n", "4", "x.py"], "there is no rank 4; there are 4"),
        (["--faults", "kill peer 1 at 1s", "x.py"], "there is no peer 1; there is 1, numbered from 0"),
        (["--faults", "absent.json", "x.py"], "there is no file 'absent.json'"),
        (["--faults", " ; ", "x.py"], "has no fault"),
        (["--runs", "0", "x.py"], "the number of runs must be from 1"),
        (["--minutes", "ten", "x.py"], "the minutes must be a number"),
        (["--seed", "-1", "x.py"], "a seed is a number"),
        (["--patience", "5", "x.py"], "is not a duration"),
        (["-n", "4"], "PROGRAM"),
        (["--fault", "kill 1", "x.py"], "--fault"),
    ],
)
def test_what_cannot_be_used_is_told_on_one_line(words: list[str], said: str) -> None:
    """And which help says more."""
    with pytest.raises(UsageError) as caught:
        parse(*words)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_help_shows_every_form_of_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """And examples."""
    with pytest.raises(SystemExit):
        parse("--help")
    text = capsys.readouterr().out
    for word in ("slow P-Q by TIME", "at message K of rank R", "examples:", "exit codes:"):
        assert word in text
