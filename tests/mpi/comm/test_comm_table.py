"""The page `docs/mpi.md`: in which file each method of MPI is.

After a method or a file has moved, write the page again: `python tests/mpi/comm/test_comm_table.py`.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import mpi_actors
from mpi_actors.mpi.comm import CommHandle

SOURCE = Path(mpi_actors.__file__).parent
PAGE = Path(__file__).parents[3] / "docs" / "mpi.md"
NAMES = Path(__file__).parents[1] / "interface_names.txt"
"""What mpi4py 4.1's MPI has: "class: names", continued on the lines that follow; first the module itself."""

COMMUNICATORS = ("Comm", "Intracomm", "Intercomm", "Topocomm", "Cartcomm", "Graphcomm", "Distgraphcomm")
PUT_TOGETHER = {"Comm", "Intracomm", "Intercomm"}
"""Classes that only join mixins: no section describes them."""

DEFINED = {
    node.name for node in ast.parse((SOURCE / "MPI.py").read_text()).body if isinstance(node, ast.FunctionDef)
}
"""Functions that the module MPI defines itself."""

INTRODUCTION = """\
# Where MPI's methods are

A communicator has about two hundred methods. Each group of them is a mixin, a class without state, in a file
below `mpi_actors/mpi/comm/`; `communicator.py` and `topocomms.py` put the classes together from these mixins.
Methods in upper case take buffers, methods in lower case take Python objects. Files are named from
`mpi_actors/mpi/`. The last column has the chapters and sections of
[MPI 4.1](https://www.mpi-forum.org/docs/mpi-4.1/mpi41-report.pdf) that describe the mixin.

`python tests/mpi/comm/test_comm_table.py` writes this page; a test compares it with the source.
"""


def interface() -> dict[str, list[str]]:
    """The names of the interface, by class; those of the module itself under "MPI"."""
    names: dict[str, list[str]] = {}
    for word in NAMES.read_text().split():
        if word.endswith(":"):
            owner = names.setdefault(word[:-1], [])
        else:
            owner.append(word)
    return names


def homes() -> dict[str, Any]:
    """What the module MPI imports by name from our other modules: classes, functions, constants."""
    found = {}
    for node in ast.parse((SOURCE / "MPI.py").read_text()).body:
        if isinstance(node, ast.ImportFrom) and node.level == 1 and node.module != "mpi":
            module = importlib.import_module(f"mpi_actors.{node.module}")
            for alias in node.names:
                found[alias.asname or alias.name] = getattr(module, alias.name, None)
    return found


def function_of(attribute: object) -> Any:
    """The function behind a method, a property or an alias."""
    if isinstance(attribute, property):
        attribute = attribute.fget
    return inspect.unwrap(getattr(attribute, "__func__", attribute))  # type: ignore[arg-type]


def file_of(function: object) -> str:
    """The file of a function, from `mpi_actors/mpi/`."""
    path: str = function_of(function).__code__.co_filename
    return Path(path).relative_to(SOURCE / "mpi").as_posix()


def definition(cls: type, name: str) -> tuple[type, object]:
    """The base class that defines a name, and what it defines."""
    owner = next(base for base in cls.__mro__ if name in vars(base))
    return owner, vars(owner)[name]


def sections(mixin: type) -> str:
    """The chapters and sections of MPI 4.1 that a class names in its text."""
    number = r"(?:,|\sto|\sand)?\s(?:section\s)?\d+(?:\.\d+)*"
    found = re.search(rf"MPI\s4\.1,\s(?:chapters?|sections?)((?:{number})+)", mixin.__doc__ or "")
    return "" if found is None else found[1].replace(" and", ",").replace(" section", "").strip()


def rows(cls: type, names: list[str]) -> Iterator[str]:
    """A line of the table for each name of a class."""
    for name in sorted(names, key=lambda name: (name.lower(), name)):
        owner, attribute = definition(cls, name)
        yield f"| `{name}` | `{file_of(attribute)}` | {sections(owner)} |"


def elsewhere(found: dict[str, Any], interface: dict[str, list[str]]) -> Iterator[str]:
    """A line for each file that defines other classes, or functions, of the interface."""
    files: dict[str, list[str]] = {}
    for name in interface["MPI"]:
        thing = found.get(name)
        if name in COMMUNICATORS or name.startswith("_"):
            continue
        if isinstance(thing, type):
            thing = next((value for value in vars(thing).values() if hasattr(value, "__code__")), None)
        if hasattr(thing, "__code__"):
            files.setdefault(file_of(thing), []).append(f"`{name}`")
    files["../MPI.py"] = [f"`{name}`" for name in interface["MPI"] if name in DEFINED]
    for file, names in sorted(files.items()):
        yield f"| `{file}` | {', '.join(names)} |"


def page() -> str:
    """The whole page."""
    found, names = homes(), interface()
    lines = [INTRODUCTION]
    for owner in COMMUNICATORS:
        lines += [f"## {owner}", ""]
        if owner != "Comm":
            base = next(base.__name__ for base in found[owner].__mro__[1:] if base.__name__ in COMMUNICATORS)
            lines += [f"Also has all methods of `{base}`.", ""]
        lines += ["| method | file | MPI 4.1 |", "|---|---|---|", *rows(found[owner], names[owner]), ""]
    lines += ["## Other classes, and functions", "", "| file | classes and functions |", "|---|---|"]
    return "\n".join([*lines, *elsewhere(found, names)]) + "\n"


def test_the_page_is_what_the_source_says() -> None:
    """Whoever moves a method writes the page again: see above."""
    assert PAGE.read_text() == page()


@pytest.mark.parametrize("owner", COMMUNICATORS)
def test_the_page_names_each_method_and_its_file_defines_it(owner: str) -> None:
    """Read without the writer: the page has each name of the interface, and the file has a definition."""
    part = PAGE.read_text().partition(f"\n## {owner}\n")[2].partition("\n## ")[0]
    files = dict(re.findall(r"^\| `(\w+)` \| `([\w/]+\.py)` \|", part, re.MULTILINE))
    assert sorted(files) == sorted(interface()[owner])
    for name, file in files.items():
        assert re.search(rf"^    (def {name}\(|{name} = )", (SOURCE / "mpi" / file).read_text(), re.MULTILINE)


def test_each_mixin_names_its_part_of_the_standard() -> None:
    """A reader comes from the standard to the file, and back."""
    found = homes()
    classes = {base for owner in COMMUNICATORS for base in found[owner].__mro__}
    mixins = {base for base in classes if issubclass(base, CommHandle) and base.__name__ not in PUT_TOGETHER}
    assert len(mixins) > 20
    assert {base.__name__ for base in mixins if not sections(base)} == set()


if __name__ == "__main__":
    PAGE.write_text(page())
