"""A collective operation that is called in the middle of itself."""

from __future__ import annotations

from mpi_worlds import run_world

from mpi_actors.errors import ReentrantCall


def nested() -> str:
    """One rank, whose object broadcasts while it is pickled, as a signal handler could in that moment."""
    from mpi_actors.MPI import COMM_WORLD

    class Nested:
        def __reduce__(self) -> tuple[type[int], tuple[()]]:
            COMM_WORLD.bcast(1)
            return int, ()

    try:
        COMM_WORLD.bcast(Nested())
    except ReentrantCall as error:
        return f"{error}, {COMM_WORLD.bcast('and goes on')}"
    return "nothing"


def test_a_broadcast_in_the_middle_of_a_broadcast_is_an_error() -> None:
    """It would wait for itself. The communicator can be used afterwards."""
    [found] = run_world(1, nested)
    assert found.startswith("bcast was called in the middle of another bcast of the same communicator")
    assert found.endswith("and goes on")
