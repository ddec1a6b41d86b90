"""Pools of peers for programs and tests in Python; `open_pool` is the way in.

The package builds on whole daemons and knows nothing of commands. From the bottom up:

- `memory`: a pool in one process, under a test's clock;
- `local`: a pool of real daemons on this machine;
- `pool`: what every pool offers, and `open_pool`.

Names are resolved when they are first used, so that a pool in memory does not load libp2p.
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
