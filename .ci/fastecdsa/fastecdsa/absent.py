"""What this package says instead of doing it."""

from __future__ import annotations

from typing import NoReturn


def absent(name: str) -> NoReturn:
    """Say that the real package is needed for `name`.

    Raises:
        NotImplementedError: always.
    """
    raise NotImplementedError(
        f"fastecdsa.{name} is absent: this is the stand-in for fastecdsa that mpi_actors brings along; "
        "for the real one install mpi_actors with MPI_ACTORS_FASTECDSA=real set"
    )
