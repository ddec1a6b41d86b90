"""What the README and the docs show happens."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
DOCS = {str(path.relative_to(ROOT)): path.read_text() for path in PAGES}
HANG = 600
"""Seconds after which a command counts as hanging: a hundred times what it takes alone."""
pytestmark = pytest.mark.e2e


def blocks(language: str, page: str = "README.md") -> list[str]:
    """The fenced blocks of that language on a page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", DOCS[page], re.MULTILINE | re.DOTALL)


def shell(command: str) -> subprocess.CompletedProcess[str]:
    # `python` in the README is that of the virtual environment
    return subprocess.run(
        ["bash", "-c", f'python() {{ "{sys.executable}" "$@"; }}; {command}'],
        cwd=ROOT, text=True, capture_output=True, timeout=HANG, check=False,
    )  # fmt: skip


def test_the_two_commands_are_one_line_each() -> None:
    """A fresh clone needs one line for the demo, one for the tests."""
    demo, tests = blocks("sh")
    assert demo.endswith("mpi_actors demo\n")
    assert "pytest" in tests
    assert demo.count("\n") == tests.count("\n") == 1


SHOWN = re.compile(r"^\$ (python -m mpi_actors run .*)\n((?:[^$`].*\n)+)", re.MULTILINE)
RUNS = dict(pair for text in DOCS.values() for pair in SHOWN.findall(text))


@pytest.mark.parametrize(("command", "shown"), RUNS.items())
def test_run_prints_what_is_shown(command: str, shown: str) -> None:
    """Each `run` whose output a page shows prints that."""
    done = shell(command)
    assert (done.stdout, done.returncode) == (shown, 0), done.stderr


def test_the_mpi4py_script_prints_its_sum(tmp_path: Path) -> None:
    """The first mpi4py program runs by the first command under it."""
    script, _ = blocks("py")
    (tmp_path / "hello.py").write_text(script)
    [command] = re.findall(r"^\$ (python -m mpi_actors run .* hello\.py)$", README, re.MULTILINE)
    done = shell(f"cd {tmp_path}; {command}")
    assert done.returncode == 0, done.stderr
    expected = [f"this is rank {rank} of 4, and the sum is 10" for rank in range(4)]
    assert sorted(done.stdout.splitlines()) == expected


def test_commands_come_from_a_pipe(tmp_path: Path) -> None:
    """The one-line pipe runs a job and ends."""
    [command] = re.findall(r"`(printf .*?)`", README)
    done = shell(f"{command} -path {tmp_path} --no-mdns")
    assert "\nhi\n" in done.stdout
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", ["README.md", "docs/python.md"])
def test_the_program_for_a_real_pool_runs(page: str) -> None:
    """The first Python block prints the echo."""
    done = subprocess.run(
        [sys.executable, "-c", blocks("python", page)[0]],
        cwd=ROOT, text=True, capture_output=True, timeout=HANG, check=False,
    )  # fmt: skip
    assert (done.stdout, done.returncode) == ("('hi',)\n", 0), done.stderr


def test_the_test_on_a_memory_pool_passes() -> None:
    """The second Python block is a test that passes."""
    names: dict[str, Any] = {}
    exec("import trio, mpi_actors\n" + blocks("python", "docs/python.md")[1], names)
    test = names["test_a_lost_peer_changes_nothing"]
    trio.run(test, None, clock=trio.testing.MockClock(autojump_threshold=0))


def test_every_event_is_in_the_table() -> None:
    """The table of events names all of them, with all their fields."""
    import attrs

    from mpi_actors.events import event_classes

    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (`.*) \|$", DOCS["docs/running.md"], re.MULTILINE))
    shown = {name: set(re.findall(r"`([a-z_]+)`", re.sub(r"\(.*?\)", "", row))) for name, row in rows.items()}
    fields = {name: {field.name for field in attrs.fields(cls)} for name, cls in event_classes().items()}
    assert {name: shown.get(name) for name in fields} == fields
