"""The lists of test ids that Open MPI passes: what our library is measured against.

A list is text: a line `file.Class` at the margin, then indented lines of its tests' names.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from textwrap import fill

_HERE = Path(__file__).parent


def core(size: int) -> frozenset[str]:
    """What Open MPI passes of the CORE files with that many ranks, on each of them."""
    ids = frozenset(read(_HERE / "core.ids"))
    return ids if size == 1 else ids | frozenset(read(_HERE / "core_many.ids"))


def futures() -> frozenset[str]:
    """What Open MPI passes of the suite of `mpi4py.futures`, with a shared pool of two ranks."""
    return frozenset(read(_HERE / "futures.ids"))


def demos() -> frozenset[str]:
    """What Open MPI passes of the demos that are test suites themselves: reductions on 5 ranks, test-run."""
    return frozenset(read(_HERE / "demos.ids"))


def file_of(id: str) -> str:
    """The test file of an id."""
    return id.partition(".")[0]


def read(path: Path) -> Iterator[str]:
    """The ids in a list."""
    group = ""
    for line in path.read_text().splitlines():
        if line.startswith(" "):
            for name in line.split():
                yield f"{group}.{name}"
        else:
            group = line


def write(path: Path, ids: Iterable[str]) -> None:
    """Make a list of them."""
    parts = sorted(id.rpartition(".")[::2] for id in ids)
    lines = []
    for group, members in groupby(parts, key=lambda part: part[0]):
        names = " ".join(name for _, name in members)
        lines += [group, fill(names, 108, initial_indent="  ", subsequent_indent="  ")]
    path.write_text("\n".join(lines) + "\n")
