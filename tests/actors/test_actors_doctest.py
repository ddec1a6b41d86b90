"""The package's example."""

from __future__ import annotations

import doctest

import mpi_actors.actors


def test_the_example_runs_as_shown() -> None:
    """What the package's documentation shows is what happens."""
    failed, attempted = doctest.testmod(mpi_actors.actors)
    assert failed == 0
    assert attempted
