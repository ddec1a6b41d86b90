"""A hang and a crash cost the tests in which they happened, and no others."""

from __future__ import annotations

import sys
from pathlib import Path

import conformance_report
import conformance_suite
import pytest
from conformance_records import Ended

RANKS = """
import json, os, sys, time
folder, skip, *files = sys.argv[1:]
skipped = open(skip).read().split("\\n")
def write(rank, what, id=""):
    with open(f"{folder}/rank-{rank}", "a") as file:
        file.write(json.dumps({"what": what, "id": id, "text": ""}) + "\\n")
for id in ("test_a.C.first", "test_a.C.hangs", "test_b.C.crashes", "test_b.C.last"):
    if id in skipped or id.partition(".")[0] not in files:
        continue
    write(0, "begin", id)
    write(1, "begin", id)
    if id.endswith("hangs"):
        time.sleep(60)
    write(1, "passed", id)
    if id.endswith("crashes"):
        os._exit(7)
    write(0, "passed", id)
write(0, "done")
write(1, "done")
"""


def test_accidents_are_survived(tmp_path: Path) -> None:
    """Both are named with the tests that ranks were in; each test before and after them counts."""
    script = tmp_path / "ranks.py"
    script.write_text(RANKS)

    def command(folder: Path, skip: Path, files: list[str]) -> list[str]:
        return [sys.executable, str(script), str(folder), str(skip), *files]

    seen: list[str] = []
    trial = conformance_suite.run(
        command, 2, ["test_a", "test_b"], patience=1.5, progress=lambda _, id: seen.append(id)
    )
    assert trial.passed == {"test_a.C.first", "test_b.C.last"}
    assert trial.ranks[0]["test_a.C.hangs"].what == "hung"
    assert trial.ranks[0]["test_b.C.crashes"].what == "crashed"
    assert trial.ranks[1]["test_b.C.crashes"].what == "passed"
    hang, crash = trial.accidents
    assert "rank 0 in test_a.C.hangs, rank 1 in test_a.C.hangs" in hang
    assert "code 7: rank 0 in test_b.C.crashes, rank 1 in no test" in crash
    assert "test_a.C.hangs" in seen

    expected = frozenset(trial.ranks[0])
    part = conformance_report.Part("core n=2, here", expected, trial)
    assert (part.reached, part.missing) == (2, ["test_a.C.hangs", "test_b.C.crashes"])
    assert "2 of 4 !" in conformance_report.table([part])[-2]


def test_a_job_that_never_starts_is_given_up(tmp_path: Path) -> None:
    """It is not tried again for each file."""

    def command(*_: object) -> list[str]:
        return [sys.executable, "-c", "import sys; sys.exit('no such world')"]

    trial = conformance_suite.run(command, 1, ["test_a", "test_b"], patience=5, progress=lambda *_: None)
    assert len(trial.accidents) == 2
    assert all("code 1" in accident and "no such world" in accident for accident in trial.accidents)


def test_the_floor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was reached once must be reached again; more is fine, and so is what was never measured."""
    monkeypatch.setattr(conformance_report, "FLOOR", tmp_path / "floor.json")

    def part(name: str, passed: int) -> conformance_report.Part:
        ranks = [{str(number): Ended("passed", "") for number in range(passed)}]
        expected = frozenset(map(str, range(9)))
        return conformance_report.Part(name, expected, conformance_suite.Trial(ranks, [], 0.0))

    conformance_report.raise_floor([part("core", 5)])
    assert conformance_report.below([part("core", 5), part("new", 1)]) == []
    assert conformance_report.below([part("core", 6)]) == []
    assert conformance_report.below([part("core", 4)]) == ["core: 4 passed, but 5 did before"]
