"""Message-passing programs on pools of peers that come and go.

Importing this package loads almost nothing: its public names are resolved when they are first used, because a
rank must not load a network. A module imports only what stands above it here. From the bottom up:

- `errors`, `ids`, `config`, `events`, `loading`: the words of all layers;
- `wire`: every protocol that we speak, bytes to messages and back;
- `replay`: exactly-once delivery across incarnations;
- `coordination`: what a job's coordinator decides;
- `actors`: mailboxes and supervisors;
- `net`: networks, real and in memory;
- `process`: operating-system processes;
- `faults`: seeded losses for tests;
- `programs`: what a rank runs, as its host sees it;
- `content`: content-addressed data, on disk, from peers and from IPFS daemons;
- `depot`: installed interpreters;
- `lanes`: how messages travel between ranks;
- `peers`, `ranks`, `jobs`: the other daemons, the ranks hosted here, the jobs started here;
- `daemon`: a whole peer;
- `pool`: pools of peers; `open_pool` is the way in for Python programs;
- `bench`: measurements;
- `cli`: the commands and the console;
- `mpi`, `MPI`, `shim`: the library inside a rank; it uses only `wire`, `replay` and `errors`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ._version import __version__ as __version__

if TYPE_CHECKING:
    from .config import Settings as Settings
    from .coordination.result import JobResult as JobResult
    from .errors import JobFailed as JobFailed
    from .errors import MpiActorsError as MpiActorsError
    from .errors import UsageError as UsageError
    from .faults.driver import FaultDriver as FaultDriver
    from .faults.plan import FaultPlan as FaultPlan
    from .mpi.repeating import replaying as replaying
    from .pool.pool import Pool as Pool
    from .pool.pool import PoolJob as PoolJob
    from .pool.pool import open_pool as open_pool

_HOMES = {
    "FaultDriver": "faults",
    "FaultPlan": "faults",
    "JobFailed": "errors",
    "JobResult": "coordination.result",
    "MpiActorsError": "errors",
    "Pool": "pool",
    "PoolJob": "pool",
    "Settings": "config",
    "UsageError": "errors",
    "open_pool": "pool",
    "replaying": "mpi.repeating",
}

__all__ = [
    "FaultDriver",
    "FaultPlan",
    "JobFailed",
    "JobResult",
    "MpiActorsError",
    "Pool",
    "PoolJob",
    "Settings",
    "UsageError",
    "__version__",
    "open_pool",
    "replaying",
]


if not TYPE_CHECKING:  # to a type checker, a module with this function has every name

    def __getattr__(name: str) -> object:
        home = _HOMES.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"{__name__}.{home}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
