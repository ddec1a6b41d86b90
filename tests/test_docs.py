"""The pages say what is so, as far as a program can tell."""

from __future__ import annotations

import re
from pathlib import Path

import attrs
import pytest
from test_layers import LAYERS, RANK_LAYERS

from mpi_actors.mpi.engine import frames
from mpi_actors.wire.channel import ChannelKind
from mpi_actors.wire.frame import FrameKind
from mpi_actors.wire.messages import REGISTRY

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "example").glob("*.md")])

README_LINES = 150
"""Lines of the README: what it is for, two commands, how to run and to pool, links; the rest is in docs/."""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    """Each relative link names a file or folder that is there."""
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text())
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_files_exist(page: Path) -> None:
    """A path in back-ticks with a slash and the ending `.py` leads to a file, from the package on."""
    if page.parent.name == "example":
        return  # its walk-through writes files of its own
    named = re.findall(r"`([\w.]+(?:/[\w.]+)*/\w+\.py)`", page.read_text())
    homes = [ROOT, ROOT / "mpi_actors", ROOT / "mpi_actors" / "mpi", ROOT / "tests", page.parent]
    assert [name for name in named if not any((home / name).exists() for home in homes)] == []


def test_the_readme_is_short() -> None:
    """A newcomer reads it to the end."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= README_LINES


@pytest.mark.parametrize("layers", [LAYERS, RANK_LAYERS], ids=["daemon", "rank"])
def test_the_layers_of_the_docs_are_those_that_hold(layers: list[tuple[str, str]]) -> None:
    """The tables in docs/architecture.md are those of tests/test_layers.py, highest first."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    rows = [
        f"| {what} | {' '.join(f'`{name}`' for name in names.split())} |" for what, names in reversed(layers)
    ]
    assert "\n".join(rows) in text


def test_every_decision_is_listed() -> None:
    """The list of decisions names each page."""
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(r"\]\(([\w-]+\.md)\)", (folder / "README.md").read_text())
    assert sorted(listed) == sorted(page.name for page in folder.glob("*.md") if page.name != "README.md")


LANE_KINDS = (
    "DATA",
    "ANNOUNCE",
    "PULL",
    "BODY",
    "MATCHED",
    "DIGEST",
    "CREDIT",
    "HELLO",
    "BYE",
    "CHECK",
    "CHECKED",
)


def rows(section: str) -> list[tuple[str, ...]]:
    """The cells of the rows that begin with a number, below a heading of docs/protocols.md."""
    text = (ROOT / "docs" / "protocols.md").read_text()
    (part,) = re.findall(rf"^## {section}$(.*?)(?=^## )", text, re.MULTILINE | re.DOTALL)
    cells = re.findall(r"^\| (\d+) \| `(\w+)` \| (.*?) \|", part, re.MULTILINE)
    return [tuple(cell) for cell in cells]


def test_the_control_messages_of_the_docs_are_those_of_the_code() -> None:
    """Numbers, names and fields."""
    shown = [
        (int(number), name, re.findall(r"`(\w+)`", fields))
        for number, name, fields in rows("Control messages")
    ]
    known = sorted(REGISTRY.items())
    assert shown == [(number, cls.__name__, [f.name for f in attrs.fields(cls)]) for number, cls in known]


@pytest.mark.parametrize(
    ("section", "kinds"),
    [
        ("Frames", {kind.name: int(kind) for kind in FrameKind}),
        ("The channel of a rank", {kind.name: int(kind) for kind in ChannelKind}),
        ("Lanes between MPI ranks", {name: getattr(frames, name) for name in LANE_KINDS}),
    ],
)
def test_the_kinds_of_the_docs_are_those_of_the_code(section: str, kinds: dict[str, int]) -> None:
    """Each kind has its number."""
    assert {name: int(number) for number, name, _ in rows(section)} == kinds
