"""The example in the package's text."""

from __future__ import annotations

import doctest

import mpi_actors.actors


def test_the_example_runs_as_shown() -> None:
    """The example prints what its text shows."""
    failed, attempted = doctest.testmod(mpi_actors.actors)
    assert failed == 0
    assert attempted
