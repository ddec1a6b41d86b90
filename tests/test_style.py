"""How the source is written, as far as a program can tell."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from package_graph import MODULES, tree

STANDARD = ("mpi.constants", "mpi.errors.classes", "mpi.collectives.kinds")
"""Tables of numbers that a standard gives (MPI 4.1 and the ABI of mpi4py are their reason), or our own
format of frames."""

Function = ast.FunctionDef | ast.AsyncFunctionDef

LEAST_REASON = 20
"""Characters of a text that tells a number's unit and reason: less is only its name again."""


PACKAGES = {module for module, path in MODULES.items() if path.name == "__init__.py"}


def _is_number(value: ast.expr | None) -> bool:
    if isinstance(value, ast.Constant):
        return isinstance(value.value, int | float) and not isinstance(value.value, bool)
    if isinstance(value, ast.BinOp):
        return _is_number(value.left) and _is_number(value.right)
    return isinstance(value, ast.UnaryOp) and _is_number(value.operand)


def _text_after(body: list[ast.stmt], at: int) -> str:
    following = body[at + 1] if at + 1 < len(body) else None
    if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
        return str(following.value.value)
    return ""


@pytest.mark.parametrize("module", [name for name in MODULES if name not in STANDARD])
def test_a_number_has_a_unit_and_a_reason(module: str) -> None:
    """Below each number of a module stands a text, or a comment before or beside it or its neighbours."""
    lines = MODULES[module].read_text().splitlines()
    body = tree(module).body
    bare = []
    for at, node in enumerate(body):
        if isinstance(node, ast.Assign | ast.AnnAssign) and _is_number(node.value):
            first = node.lineno - 1
            comment = lines[first].partition("#")[2] or (lines[first - 1].partition("#")[2] if first else "")
            if len(_text_after(body, at) or comment) < LEAST_REASON:
                bare.append(lines[first])
    assert bare == []


def _public_functions(body: list[ast.stmt], outer: str = "") -> Iterator[tuple[str, Function]]:
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from _public_functions(node.body, f"{node.name}.")
        elif isinstance(node, Function) and not node.name.startswith("_"):
            yield outer + node.name, node


def _raised(function: ast.AST) -> Iterator[str]:
    """Names of the exceptions that a function itself raises and does not catch."""
    for node in ast.iter_child_nodes(function):
        if isinstance(node, Function | ast.Lambda | ast.ClassDef):
            continue
        called = node.exc.func if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) else None
        if isinstance(called, ast.Name) and called.id[0].isupper():  # else a function that makes the error
            yield called.id
        yield from _raised(node)


MPI_OWN = {"Exception", "MPIException"}
"""What MPI's functions raise for each error class: said once, by the standard and in `mpi/errors`. The second
name is the one that other modules import it by."""


@pytest.mark.parametrize("module", MODULES)
def test_a_function_names_the_errors_that_it_raises(module: str) -> None:
    """A public function says in its text which errors it raises itself."""
    silent = []
    for name, function in _public_functions(tree(module).body):
        text = ast.get_docstring(function) or ""
        missing = {error for error in _raised(function) if error not in text}
        if missing - MPI_OWN - {"NotImplementedError"}:
            silent.append(f"{name}: {sorted(missing)}")
    assert silent == []


@pytest.mark.parametrize("module", MODULES)
def test_what_is_public_has_a_text(module: str) -> None:
    """Modules, classes and functions say what they mean; overloads rely on what they stand for."""
    assert ast.get_docstring(tree(module)), "the module says nothing"
    for node in tree(module).body:
        if isinstance(
            node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
        ) and not node.name.startswith("_"):
            decorators = {ast.unparse(each) for each in node.decorator_list}
            assert ast.get_docstring(node) or "overload" in decorators, f"{node.name} says nothing"


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_a_package_tells_what_is_in_it(package: str) -> None:
    """Its text names each module and each folder in it, so that a reader need not open them all."""
    text = ast.get_docstring(tree(package)) or ""
    inside = {module.rpartition(".")[2] for module in MODULES if module.rpartition(".")[0] == package}
    assert {name for name in inside - {"__main__"} if f"`{name}`" not in text} == set()
