"""Imports go one way: from higher layers to lower ones, and what is heavy stays where it is needed."""

from __future__ import annotations

import ast
import functools
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import mpi_actors

ROOT = Path(mpi_actors.__file__).parent

LAYERS: list[tuple[str, str]] = [
    ("words that every layer speaks", "errors ids config messages events result loading _version"),
    (
        "bytes and decisions, sans-I/O",
        "wire replay content elect ledger seats reports job_ends control_words",
    ),
    ("actors: mailboxes and supervisors", "actors"),
    ("the world: networks, processes, the store, faults", "net process store bitswap kubo depot faults"),
    (
        "the actors of a peer's tree",
        "peer dialer announcer routes router lanes rank rank_desk rank_mpi rank_stdio job job_book job_why "
        "host roster",
    ),
    (
        "whole peers and pools",
        "daemon memory_pool node node_store content_access content_fetcher content_peers content_node "
        "local_pool local_peer local_job local_script local_input node_scripts pool control control_client "
        "served",
    ),
    (
        "what people hold",
        "cli console content_commands launch launch_input launch_output demo demo_ring bench testing "
        "__main__",
    ),
]
"""Lowest first; a package stands for all its modules. A module may import from its own layer and below."""

WITHOUT_TRIO = 2
"""So many of the lowest layers know no event loop."""

LIBP2P = ("net.libp2p", "net.identity", "node", "content_node", "served", "cli", "bench")
"""Modules (by the beginning of their names) that may know libp2p; all others work with any transport."""

RANK_LIBRARY = ("mpi", "MPI", "shim")
"""What runs inside a rank. It starts fast, so it stands on little …"""
BELOW_RANKS = ("errors", "wire.channel", "wire", "replay", "replay.log", "replay.sequence", "_version")
"""… of ours: words, and the part of the replay core that both kinds of endpoint share …"""
NOT_IN_RANKS = {
    "trio", "libp2p", "attrs", "attr", "msgspec", "dataclasses", "inspect", "asyncio", "logging",
}  # fmt: skip
"""… and never of these, not even where it is needed late."""
RANK_LAYERS = ("engine", "datatypes", "op", "collectives", "comm")
"""The packages of `mpi`, lowest first."""

MOST_LINES = 400


def modules() -> dict[str, Path]:
    """Every module of the package, by its name within the package; packages are named without `__init__`."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    del found[""]  # the package itself: it resolves its public names lazily
    return found


MODULES = modules()
LAYER_OF = {name: number for number, (_, names) in enumerate(LAYERS) for name in names.split()}


def layer(module: str) -> int:
    """The layer of a module, by its top-level name."""
    return LAYER_OF.get(module.partition(".")[0], len(LAYERS))


@functools.cache
def imports(module: str) -> frozenset[str]:
    """What a module imports, anywhere in it: our own modules begin with a dot, others do not."""
    return frozenset(_imports(module, MODULES[module]))


def _imports(module: str, path: Path) -> Iterator[str]:
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (_own(alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            assert node.module is not None
            yield from (_own(f"{node.module}.{alias.name}") for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1]
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from (f".{origin}.{alias.name}" if origin else f".{alias.name}" for alias in node.names)


def _own(name: str) -> str:
    top, _, rest = name.partition(".")
    return f".{rest}" if top == "mpi_actors" else name


def targets(module: str) -> set[str]:
    """Our own modules that a module imports."""
    found = set()
    for name in imports(module):
        if name.startswith("."):
            whole = name[1:]
            found.add(whole if whole in MODULES else whole.rpartition(".")[0])
    return found - {""}


def tops(module: str) -> set[str]:
    """The other packages that a module imports."""
    return {name.partition(".")[0] for name in imports(module) if not name.startswith(".")}


def test_every_module_is_in_the_table() -> None:
    """A new module belongs somewhere, and the table names nothing twice."""
    names = [name for _, names in LAYERS for name in names.split()]
    assert len(names) == len(set(names))
    assert {module.partition(".")[0] for module in MODULES} - set(RANK_LIBRARY) <= set(names)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module: str) -> None:
    """No module knows one of a higher layer, not even for its types."""
    upwards = {target for target in targets(module) if layer(target) > layer(module)}
    assert not upwards, f"{module} (layer {layer(module)}) imports {upwards}"


@pytest.mark.parametrize("module", [name for name in MODULES if layer(name) < WITHOUT_TRIO])
def test_the_core_knows_no_event_loop(module: str) -> None:
    """It can be used, and tested, without a clock, a task or a socket."""
    assert not tops(module) & {"trio", "asyncio", "anyio", "socket", "time", "threading", "select"}


@pytest.mark.parametrize("module", MODULES)
def test_only_backends_know_libp2p(module: str) -> None:
    """Everything else runs on the memory network as well."""
    if not module.startswith(LIBP2P):
        assert not tops(module) & {"libp2p", "multiaddr"}
        assert not {target for target in targets(module) if target.startswith(("net.libp2p", "net.identity"))}


@pytest.mark.parametrize("module", MODULES)
def test_modules_have_one_idea(module: str) -> None:
    """What grows beyond this is two."""
    lines = len(MODULES[module].read_text().splitlines())
    assert lines <= MOST_LINES, f"{module} has {lines} lines"



RANK_MODULES = [name for name in MODULES if name.partition(".")[0] in RANK_LIBRARY]


@pytest.mark.parametrize("module", RANK_MODULES)
def test_ranks_stand_on_little(module: str) -> None:
    """What runs in a rank knows no daemon, no network and no event loop, and nothing that is slow to load."""
    others = {target for target in targets(module) if target.partition(".")[0] not in RANK_LIBRARY}
    assert others <= set(BELOW_RANKS)
    assert not tops(module) & NOT_IN_RANKS


@pytest.mark.parametrize("module", [name for name in RANK_MODULES if name.startswith("mpi.")])
def test_the_rank_library_has_layers(module: str) -> None:
    """Its packages know only those below them."""
    part = module.split(".")[1]
    if part in RANK_LAYERS:
        above = tuple(f"mpi.{name}" for name in RANK_LAYERS[RANK_LAYERS.index(part) + 1 :])
        upwards = {target for target in targets(module) if target.startswith(above)}
        assert not upwards


@pytest.mark.parametrize("module", ["wire.channel", "replay.log", "replay.sequence", "errors"])
def test_what_ranks_share_with_daemons_is_light(module: str) -> None:
    """These are loaded in each rank."""
    assert not tops(module) & NOT_IN_RANKS


def test_a_rank_loads_nothing_slow() -> None:
    """The whole library, as a rank loads it, brings none of what takes long."""
    slow = {*NOT_IN_RANKS, "numpy", "ctypes", "json", "tempfile"}
    program = f"import sys, mpi_actors.MPI; print(sorted({slow!r} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
