"""Imports go one way: from higher layers to lower ones, and what is heavy stays where it is needed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping

import pytest
from package_graph import MODULES, targets, tops

LAYERS: list[tuple[str, str]] = [
    ("words that every layer speaks", "errors ids config events loading _version coordination.result"),
    ("every protocol, sans-I/O", "wire"),
    ("exactly once; what a coordinator decides; what IPFS is made of", "replay coordination content.formats"),
    ("actors: mailboxes and supervisors", "actors"),
    ("networks and processes; losses for tests", "net process faults"),
    ("what a rank runs; content on disk", "programs content.store"),
    ("content from peers and from IPFS daemons", "content.bitswap content.kubo"),
    ("which content a peer uses, and whom it asks", "content"),
    ("installed interpreters", "depot"),
    ("messages between ranks", "lanes"),
    ("brothers: the other daemons, the ranks hosted here, the jobs started here", "peers ranks jobs"),
    ("a whole peer", "daemon"),
    ("pools of peers", "pool"),
    ("measurements", "bench"),
    ("what people hold", "cli"),
    ("the door", "__main__"),
]
"""Lowest first; the longest dotted prefix of a module's name counts. A module may import from its own layer
and those below it."""

BROTHERS = ("peers", "ranks", "jobs")
"""Packages of one layer that may not know each other."""

WITHOUT_TRIO = 3
"""This many of the lowest layers know no event loop."""

LIBP2P = ("net.libp2p", "daemon.real", "cli.content.opened", "pool.local.served", "cli.main", "bench")
"""Modules (by the beginning of their names) that may know libp2p; all others work with any transport."""

RANK_LIBRARY = ("mpi", "MPI", "shim")
"""What runs inside a rank. It starts fast, so it stands on little …"""
BELOW_RANKS = (
    "errors",
    "wire.channel",
    "wire.environment",
    "wire",
    "replay",
    "replay.choices",
    "replay.log",
    "replay.page",
    "replay.sequence",
    "_version",
)
"""… of ours: words, and the part of the replay core that both kinds of endpoint share …"""
NOT_IN_RANKS = {
    "trio", "libp2p", "attrs", "attr", "msgspec", "dataclasses", "inspect", "asyncio", "logging",
}  # fmt: skip
"""… and never of these, not even where it is needed late."""
RANK_LAYERS: list[tuple[str, str]] = [
    ("error classes, constants, settings", "mpi.errors.classes mpi.rc"),
    ("constants", "mpi.constants"),
    ("errors", "mpi.errors"),
    ("what every handle has", "mpi.handle"),
    ("messages and schedules between ranks", "mpi.engine"),
    ("error handlers, attributes", "mpi.errhandler mpi.attributes"),
    ("hints, and the host's name", "mpi.info mpi.processor"),
    ("datatypes", "mpi.datatypes"),
    ("operations; statuses", "mpi.op mpi.status"),
    ("buffers of any kind", "mpi.memory_of mpi.pickles mpi.refused"),
    ("schedules of collective operations", "mpi.collectives"),
    ("groups; requests", "mpi.group mpi.requests"),
    ("communicators", "mpi.comm"),
    ("start, end and facts of MPI", "mpi.environment mpi.repeating"),
    ("what stands on communicators", "mpi.session mpi.dynamic mpi.io mpi.rma mpi.boot"),
    ("the names that a program sees", "MPI mpi shim"),
]
"""The library inside ranks, likewise."""

WORLD = {name: number for number, (_, names) in enumerate(LAYERS) for name in names.split()}
RANK = {name: number for number, (_, names) in enumerate(RANK_LAYERS) for name in names.split()}


def prefix(module: str, table: Mapping[str, int]) -> str | None:
    """The longest dotted beginning of a module's name that the table has."""
    while module and module not in table:
        module = module.rpartition(".")[0]
    return module or None


def layer(module: str) -> int:
    """The layer of a module, in the table that has it."""
    table = RANK if module.partition(".")[0] in RANK_LIBRARY else WORLD
    found = prefix(module, table)
    assert found is not None, f"{module} is in no layer: add it to the table"
    return table[found]


def test_every_module_is_in_the_table() -> None:
    """A new module belongs somewhere, and the tables name nothing twice and nothing that does not exist."""
    for table, layers in ((WORLD, LAYERS), (RANK, RANK_LAYERS)):
        names = [name for _, names in layers for name in names.split()]
        assert len(names) == len(set(names))
        assert set(names) - {"shim"} <= set(MODULES)
        assert set(table) == set(names)
    for module in MODULES:
        layer(module)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module: str) -> None:
    """No module knows one of a higher layer, not even for its types, nor one of a brother."""
    inside = module.partition(".")[0] in RANK_LIBRARY
    for target in targets(module):
        if (target.partition(".")[0] in RANK_LIBRARY) is not inside:
            assert inside, f"{module} imports {target}, which is only for ranks"
            continue  # see `test_ranks_stand_on_little`
        assert layer(target) <= layer(module), f"{module} imports {target} of a higher layer"
        ours, theirs = module.partition(".")[0], target.partition(".")[0]
        assert ours == theirs or not {ours, theirs} <= set(BROTHERS), f"{module} imports its brother {target}"


@pytest.mark.parametrize(
    "module",
    [name for name in MODULES if name.partition(".")[0] not in RANK_LIBRARY and layer(name) < WITHOUT_TRIO],
)
def test_the_core_knows_no_event_loop(module: str) -> None:
    """It can be used, and tested, without a clock, a task or a socket."""
    assert not tops(module) & {"trio", "asyncio", "anyio", "socket", "time", "threading", "select"}


@pytest.mark.parametrize("module", MODULES)
def test_only_backends_know_libp2p(module: str) -> None:
    """Everything else runs on the memory network as well."""
    if not module.startswith(LIBP2P):
        assert not tops(module) & {"libp2p", "multiaddr"}
        assert not {target for target in targets(module) if target.startswith("net.libp2p")}


RANK_MODULES = [name for name in MODULES if name.partition(".")[0] in RANK_LIBRARY]


@pytest.mark.parametrize("module", RANK_MODULES)
def test_ranks_stand_on_little(module: str) -> None:
    """What runs in a rank knows no daemon, no network and no event loop, and nothing that is slow to load."""
    others = {target for target in targets(module) if target.partition(".")[0] not in RANK_LIBRARY}
    assert others <= set(BELOW_RANKS)
    assert not tops(module) & NOT_IN_RANKS


@pytest.mark.parametrize(
    "module",
    [
        "wire.channel",
        "wire.environment",
        "replay.choices",
        "replay.log",
        "replay.page",
        "replay.sequence",
        "errors",
    ],
)
def test_what_ranks_share_with_daemons_is_light(module: str) -> None:
    """These are loaded in each rank."""
    assert not tops(module) & NOT_IN_RANKS


def test_a_rank_loads_nothing_slow() -> None:
    """The whole library, as a rank loads it, brings none of what takes long."""
    slow = {*NOT_IN_RANKS, "numpy", "ctypes", "json", "tempfile"}
    program = f"import sys, mpi_actors.MPI; print(sorted({slow!r} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
