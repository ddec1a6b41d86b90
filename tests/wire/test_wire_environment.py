"""The environment variables by which a daemon tells a rank's process who it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mpi_actors.wire.environment import RankEnvironment

numbers = st.integers(0, 2**32 - 1)
environments = st.builds(
    RankEnvironment,
    job=st.text("0123456789abcdef", min_size=16, max_size=16),
    rank=numbers,
    size=numbers,
    incarnation=numbers,
    channel=st.none() | numbers,
    seed=st.none() | numbers,
    processor=st.none() | st.text(),
    lanes=st.dictionaries(numbers, numbers),
)


@given(environments)
def test_a_rank_reads_what_a_daemon_wrote(environment: RankEnvironment) -> None:
    """Whatever is set comes back; what is not set leaves no variable."""
    variables = environment.write()
    assert RankEnvironment.read({"HOME": "/", **variables}) == environment
    assert ("MPI_ACTORS_CHANNEL" in variables) is (environment.channel is not None)


def test_a_process_without_variables_is_a_job_of_one_rank() -> None:
    """It has no channel, no seed and no lanes."""
    alone = RankEnvironment.read({})
    assert (alone.rank, alone.size, alone.incarnation) == (0, 1, 0)
    assert (alone.channel, alone.seed, alone.processor, alone.lanes) == (None, None, None, {})


def test_the_names_and_forms_are_a_contract() -> None:
    """Programs that speak lines read the variables too, in any language."""
    environment = RankEnvironment(
        "0123456789abcdef", 2, 5, 1, channel=3, seed=7, processor="a", lanes={0: 4, 1: 6}
    )
    assert environment.write() == {
        "MPI_ACTORS_JOB": "0123456789abcdef",
        "MPI_ACTORS_RANK": "2",
        "MPI_ACTORS_SIZE": "5",
        "MPI_ACTORS_INCARNATION": "1",
        "MPI_ACTORS_CHANNEL": "3",
        "MPI_ACTORS_SEED": "7",
        "MPI_ACTORS_PROCESSOR": "a",
        "MPI_ACTORS_LANES": "0:4,1:6",
    }


@pytest.mark.parametrize(
    "variables", [{"MPI_ACTORS_RANK": "first"}, {"MPI_ACTORS_LANES": "1"}, {"MPI_ACTORS_SEED": ""}]
)
def test_what_is_not_a_number_is_refused(variables: dict[str, str]) -> None:
    """A process that guessed its rank would do another rank's work."""
    with pytest.raises(ValueError, match="invalid literal"):
        RankEnvironment.read(variables)
