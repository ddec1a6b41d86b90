"""Pools for programs and tests in Python: `open_pool` is the way in.

- `pool`: what every pool can do, and `open_pool`;
- `memory`: a pool in one process, in virtual time;
- `local`: a pool of real daemons on this machine.

Names are resolved when they are first used: a pool in memory loads no libp2p.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .pool import Pool as Pool
    from .pool import PoolJob as PoolJob
    from .pool import open_pool as open_pool

_NAMES = ("Pool", "PoolJob", "open_pool")


def __getattr__(name: str) -> object:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.pool"), name)
