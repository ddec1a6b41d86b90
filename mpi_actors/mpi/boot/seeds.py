"""The same random numbers in every run of a rank: `random` and `numpy.random` are seeded when imported.

A rank that runs again must draw the same numbers. This does not affect programs that set seeds themselves,
nor `secrets`, whose numbers nobody may guess. Where NumPy would take entropy from the system, for a generator
without a seed, it takes it from a stream that the rank's seed fixes.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

Seeder = Callable[[ModuleType, str], None]
"""Seeds a module, given the module and the seed of the rank."""


def seed_random(module: ModuleType, seed: str) -> None:
    """Seed the functions of the module `random`."""
    module.seed(seed)


def seed_numpy(module: ModuleType, seed: str) -> None:
    """Seed the functions of `numpy.random`, and the entropy of `default_rng()` without a seed."""
    from random import Random

    module.seed(Random(f"{seed} numpy").getrandbits(32))
    entropy = Random(f"{seed} entropy")
    bits = sys.modules.get("numpy.random.bit_generator")
    if bits is not None and hasattr(bits, "randbits"):
        setattr(bits, "randbits", entropy.getrandbits)  # noqa: B010  # unknown to type checkers


_SEEDERS: dict[str, Seeder] = {"random": seed_random, "numpy.random": seed_numpy}


class SeedingFinder:
    """Finds some modules as other finders would, and seeds them once they are loaded.

    Args:
        seed: of the rank.
        seeders: functions by the names of the modules. The finder removes those that it has used.
    """

    def __init__(self, seed: str, seeders: dict[str, Seeder]) -> None:
        self._seed = seed
        self._seeders = seeders

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        seeder = self._seeders.pop(name, None)
        if seeder is None:
            return None
        if not self._seeders:
            sys.meta_path.remove(self)
        for finder in sys.meta_path:
            if finder is not self:
                spec = finder.find_spec(name, path, target)
                if spec is not None:
                    self._seed_after(spec, seeder)
                    return spec
        return None

    def _seed_after(self, spec: ModuleSpec, seeder: Seeder) -> None:
        loader = spec.loader
        if loader is None:
            return
        load = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            load(module)
            seeder(module, self._seed)

        loader.exec_module = exec_module  # type: ignore[method-assign]


def seed_when_imported(seed: str, rank: int) -> None:
    """Seed the modules that are imported already, and the others when the program imports them.

    Args:
        seed: what the daemon gave, see `wire.environment`.
        rank: this rank; each has numbers of its own.
    """
    own = f"{seed} rank {rank}"
    later = dict(_SEEDERS)
    for name, seeder in _SEEDERS.items():
        module = sys.modules.get(name)
        if module is not None:
            seeder(module, own)
            del later[name]
    if later:
        sys.meta_path.insert(0, SeedingFinder(own, later))
