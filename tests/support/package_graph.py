"""The package's modules and imports, read from its source without importing it."""

from __future__ import annotations

import ast
import enum
import functools
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import NamedTuple

import mpi_actors

ROOT = Path(mpi_actors.__file__).parent


class When(enum.Enum):
    """When an import runs."""

    START = "as the module starts"
    CALL = "when a function is called"
    NEVER = "never: only a type checker reads it"


class Import(NamedTuple):
    """One imported name."""

    name: str
    """Dotted; our own names begin with a dot, others do not."""
    when: When


def modules() -> dict[str, Path]:
    """Every module of the package, by its name within the package; packages are named without `__init__`."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    del found[""]  # the package itself: it resolves its public names lazily
    return found


MODULES = modules()


@functools.cache
def tree(module: str) -> ast.Module:
    """The module's syntax tree."""
    return ast.parse(MODULES[module].read_text())


@functools.cache
def imports(module: str) -> frozenset[Import]:
    """What a module imports, anywhere in it."""
    package = module.split(".")
    if MODULES[module].name != "__init__.py":
        package.pop()
    statements = _statements(tree(module), When.START)
    return frozenset(Import(name, when) for node, when in statements for name in _names(node, package))


def _statements(node: ast.AST, when: When) -> Iterator[tuple[ast.Import | ast.ImportFrom, When]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, when
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from _statements(ast.Module(child.body, []), When.NEVER)
            yield from _statements(ast.Module(child.orelse, []), when)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _statements(child, When.NEVER if when is When.NEVER else When.CALL)
        else:
            yield from _statements(child, when)


def _names(node: ast.Import | ast.ImportFrom, package: list[str]) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (_own(alias.name) for alias in node.names)
    elif node.level == 0:
        yield from (_own(f"{node.module}.{alias.name}") for alias in node.names)
    else:
        base = package[: len(package) - node.level + 1]
        origin = ".".join([*base, *([node.module] if node.module else [])])
        yield from (f".{origin}.{alias.name}" if origin else f".{alias.name}" for alias in node.names)


def _own(name: str) -> str:
    top, _, rest = name.partition(".")
    return f".{rest}" if top == "mpi_actors" else name


def targets(module: str, *moments: When) -> set[str]:
    """Our own modules that a module imports, at these moments; at any when none is named."""
    found = set()
    for name, when in imports(module):
        if name.startswith(".") and (not moments or when in moments):
            whole = name[1:]
            found.add(whole if whole in MODULES else whole.rpartition(".")[0])
    return found - {"", module}


def tops(module: str) -> set[str]:
    """The other packages that a module imports."""
    return {name.partition(".")[0] for name, _ in imports(module) if not name.startswith(".")}


def circles(*moments: When) -> list[frozenset[str]]:
    """The sets of modules that import each other, directly or by way of others, at these moments.

    Each is a strongly connected component of more than one module (Tarjan, SIAM J. Comput. 1972). That an
    import also loads the packages around a module does not count.
    """
    graph = {module: targets(module, *moments) for module in MODULES}
    return [found for found in _components(graph) if len(found) > 1]


def _components(graph: Mapping[str, Set[str]]) -> Iterator[frozenset[str]]:
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    for root in graph:
        if root in index:
            continue
        path = [(root, iter(sorted(graph[root])))]
        index[root] = low[root] = len(index)
        stack.append(root)
        while path:
            node, rest = path[-1]
            for target in rest:
                if target not in index:
                    index[target] = low[target] = len(index)
                    stack.append(target)
                    path.append((target, iter(sorted(graph[target]))))
                    break
                if target in stack:
                    low[node] = min(low[node], index[target])
            else:
                path.pop()
                if path:
                    low[path[-1][0]] = min(low[path[-1][0]], low[node])
                if low[node] == index[node]:
                    at = stack.index(node)
                    yield frozenset(stack[at:])
                    del stack[at:]
