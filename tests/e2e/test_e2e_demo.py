"""The demonstration tells what happens, in order, and is right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from e2e_harness import DEADLINE, environment, leaves_nothing

pytestmark = pytest.mark.e2e


def demo(temporary: Path, *, as_json: bool) -> str:
    """What it prints."""
    code = f"import sys; from mpi_actors.cli.demo.demo import demo; sys.exit(demo(json={as_json}))"
    with leaves_nothing(temporary):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=environment(temporary), capture_output=True, text=True, timeout=DEADLINE, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_demo_shows_a_loss_that_changes_nothing(tmp_path: Path) -> None:
    """Placement, progress, kill, loss, replacement, recovery time and equal answers, in that order."""
    text = demo(tmp_path, as_json=False)
    at = 0
    story = [
        "daemon 2 is process", "hosts ranks", "round 4", "kill -9", "is missed after", "is lost",
        "runs again, on", "after the kill", "round 24", "undisturbed", "the answers are equal",
    ]  # fmt: skip
    for words in story:
        at = text.index(words, at)


def test_the_demo_as_json(tmp_path: Path) -> None:
    """Each line is an object; the last has both answers."""
    lines = [json.loads(line) for line in demo(tmp_path, as_json=True).splitlines()]
    assert lines[-1]["event"] == "demo-finished"
    assert lines[-1]["equal"] is True
    assert lines[-1]["disturbed"] == lines[-1]["undisturbed"]
    assert lines[-1]["recovered_in"] > 0
