"""Message-passing programs on pools of peers that come and go.

Names are resolved when they are first used: what runs inside a rank must not load a network.
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
]


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
