"""An id counts only when it passed on every rank; the reason that is given is that of where it did not."""

from __future__ import annotations

import json
from pathlib import Path

import conformance_records
from conformance_records import Ended


def write(folder: Path, rank: int, *entries: tuple[str, str, str]) -> None:
    lines = [json.dumps({"what": what, "id": id, "text": text}) for what, id, text in entries]
    (folder / f"rank-{rank}").write_text("\n".join(lines) + "\n")


def test_every_rank_counts(tmp_path: Path) -> None:
    """Passed on one rank and skipped on the other is not passed."""
    write(tmp_path, 0, ("passed", "a", ""), ("passed", "b", ""), ("done", "", ""))
    write(tmp_path, 1, ("passed", "a", ""), ("skipped", "b", "not here"), ("done", "", ""))
    records = conformance_records.read(tmp_path, 2)
    ranks = [record.outcomes for record in records]
    assert conformance_records.passed_everywhere(ranks) == {"a"}
    assert conformance_records.reason("b", ranks) == "rank 1: skipped: not here"
    assert all(record.done for record in records)


def test_a_subtest_that_failed_counts(tmp_path: Path) -> None:
    """Whatever is said of the test afterwards."""
    write(tmp_path, 0, ("begin", "a", ""), ("failed", "a", "Traceback\nValueError: 1"), ("passed", "a", ""))
    [record] = conformance_records.read(tmp_path, 1)
    assert record.outcomes["a"].what == "failed"
    assert conformance_records.reason("a", [record.outcomes]) == "rank 0: failed: ValueError: 1"


def test_a_rank_that_was_killed_while_it_wrote(tmp_path: Path) -> None:
    """The test that it was in is known; half a line is not read; a rank without a file did nothing."""
    write(tmp_path, 0, ("begin", "a", ""), ("passed", "a", ""), ("begin", "b", ""))
    with (tmp_path / "rank-0").open("a") as file:
        file.write('{"what": "pas')
    records = conformance_records.read(tmp_path, 2)
    assert (records[0].running, records[0].done, set(records[0].outcomes)) == ("b", False, {"a"})
    assert (records[1].running, records[1].outcomes) == (None, {})


def test_what_kept_a_test_from_running() -> None:
    """A class's fixture, or the import of its file."""
    outcomes = {
        "setUpClass (test_a.First)": Ended("failed", "KeyError: 1"),
        "unittest.loader._FailedTest.test_b": Ended("failed", "ImportError: 2"),
    }
    reasons = [conformance_records.reason(id, [outcomes]) for id in ("test_a.First.test", "test_b.Any.test")]
    assert reasons == ["rank 0: failed: KeyError: 1", "rank 0: failed: ImportError: 2"]
    assert "not run" in conformance_records.reason("test_c.Any.test", [outcomes])
