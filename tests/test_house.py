"""The plan of the house: few rooms at the top, short modules, no circles, and a name for each thing."""

from __future__ import annotations

import ast
import statistics
from collections import defaultdict

from package_graph import MODULES, ROOT, When, circles, tree

MOST_ROOMS = 30
"""Files and folders at the top of the package: as many as a reader takes in at one look."""

MOST_LINES = 400
"""Lines of a module: what grows beyond this is two ideas."""

MEDIAN_LINES = 140
"""Lines of the module in the middle: most modules are read without scrolling far."""

TYPE_CIRCLES = [
    (
        "mpi.comm.communicator mpi.comm.making.inter mpi.comm.making.intra",
        "MPI's interface is mutually recursive: an intracommunicator makes an intercommunicator, and back",
    ),
    (
        "mpi.engine.inlet mpi.engine.outlet mpi.engine.partner mpi.engine.plain mpi.engine.stream",
        "one partner and its parts name each other",
    ),
    (
        "mpi.engine.matching mpi.engine.transfer",
        "a receive keeps the message that matched it, and matching keeps the receives that wait",
    ),
]
"""Modules that may name each other for a type checker, and why. At run time there is no circle."""


def test_few_rooms_at_the_top() -> None:
    """Whoever opens the package sees a plan, not a list."""
    rooms = [path for path in ROOT.iterdir() if path.name != "__pycache__"]
    assert len(rooms) <= MOST_ROOMS, sorted(path.name for path in rooms)


def test_modules_have_one_idea() -> None:
    """No module is long, and most are short."""
    lines = {module: len(path.read_text().splitlines()) for module, path in MODULES.items()}
    assert {module: count for module, count in lines.items() if count > MOST_LINES} == {}
    assert statistics.median(lines.values()) <= MEDIAN_LINES


def test_nothing_runs_in_circles() -> None:
    """No module needs itself to be imported, not even in a function."""
    assert circles(When.START, When.CALL) == []


def test_types_go_in_circles_only_where_it_is_said_why() -> None:
    """Type checkers can cope with circles; readers need a reason."""
    found = {" ".join(sorted(circle)) for circle in circles(*When)}
    assert found == {circle for circle, _ in TYPE_CIRCLES}


def test_a_class_has_its_own_name() -> None:
    """A search for a public class finds one definition."""
    homes: dict[str, list[str]] = defaultdict(list)
    for module in MODULES:
        for node in tree(module).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                homes[node.name].append(module)
    assert {name: modules for name, modules in homes.items() if len(modules) > 1} == {}
