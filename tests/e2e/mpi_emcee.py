"""A program of this test's own making with emcee, as its documentation has it: serially, or on an MPIPool."""

from __future__ import annotations

import hashlib
import sys
from typing import Any

import emcee
import numpy as np

WALKERS, DIMENSIONS, STEPS = 12, 3, 40


def log_probability(x: np.ndarray, precision: np.ndarray) -> float:
    """A Gaussian's."""
    return float(-0.5 * np.dot(x, np.dot(precision, x)))


def chain(pool: Any) -> str:
    """A digest of where the walkers have been, and their mean."""
    rng = np.random.RandomState(7)
    root = rng.randn(DIMENSIONS, DIMENSIONS)
    precision = root @ root.T + np.eye(DIMENSIONS)
    sampler = emcee.EnsembleSampler(WALKERS, DIMENSIONS, log_probability, args=[precision], pool=pool)
    sampler.random_state = np.random.RandomState(8).get_state()
    sampler.run_mcmc(rng.randn(WALKERS, DIMENSIONS), STEPS)
    samples = sampler.get_chain()
    assert samples.shape == (STEPS, WALKERS, DIMENSIONS)
    return f"{hashlib.sha256(samples.tobytes()).hexdigest()} {samples.mean():.12f}"


if __name__ == "__main__":
    if sys.argv[1:] == ["serial"]:
        print(chain(None))
    else:
        from schwimmbad import MPIPool

        with MPIPool() as pool:
            if not pool.is_master():
                pool.wait()
                sys.exit(0)
            print(chain(pool))
