"""example/README.md says what is so."""

from __future__ import annotations

import re
from pathlib import Path

from driver import run_example

EXAMPLE = Path(__file__).resolve().parents[2] / "example"
README = (EXAMPLE / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The one fenced block of that language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return str(found)


def test_the_table_lists_every_example() -> None:
    """The table names exactly the directories that are there, and its links lead to files."""
    rows = re.findall(r"^\| \[`(\w+)`\]\(([\w/.]+)\)", README, re.MULTILINE)
    there = [path.name for path in EXAMPLE.iterdir() if path.is_dir()]
    assert sorted(name for name, _ in rows) == sorted(there)
    assert [link for _, link in rows if not (EXAMPLE / link).is_file()] == []


async def test_the_first_program_prints_what_is_printed(tmp_path: Path) -> None:
    """The program of the walk-through, as it stands, gives the output that follows it."""
    (tmp_path / "run.py").write_text(block("python"), encoding="utf-8")
    assert (await run_example(tmp_path, 3)).output == tuple(block("text").splitlines())
