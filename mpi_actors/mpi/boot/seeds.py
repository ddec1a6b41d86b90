"""The seeds of `random` and `numpy.random` in a rank whose other random numbers are the system's.

A rank that runs again must draw the same numbers. This does not affect programs that set seeds themselves.
"""

from __future__ import annotations

from typing import Any

from .imports import AfterImport


def seed_when_imported(seed: str, rank: int, imports: AfterImport) -> None:
    """Seed the modules that are imported already, and the others when the program imports them.

    Args:
        seed: what the daemon gave, see `wire.environment`.
        rank: this rank; each has numbers of its own.
        imports: acts on modules that the program imports later.
    """
    own = f"{seed} rank {rank}"

    def seed_random(module: Any) -> None:
        module.seed(own)

    def seed_numpy(module: Any) -> None:
        from random import Random

        module.seed(Random(f"{own} numpy").getrandbits(32))

    imports.add("random", seed_random)
    imports.add("numpy.random", seed_numpy)
