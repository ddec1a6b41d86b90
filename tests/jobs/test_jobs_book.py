"""Jobs are found by the beginnings of their names."""

from __future__ import annotations

import re
from typing import cast

import pytest

from mpi_actors.errors import UnknownJob
from mpi_actors.ids import JobId
from mpi_actors.jobs.book import find_job
from mpi_actors.jobs.job import Job

JOBS = {JobId(name): cast(Job, name) for name in ("abc0", "abd0", "ef00")}


@pytest.mark.parametrize(("name", "found"), [("e", "ef00"), ("abc", "abc0"), ("abd0", "abd0")])
def test_a_job_is_found(name: str, found: str) -> None:
    """The beginning of a name is enough if no other name begins so."""
    assert find_job(JOBS, name) is JOBS[JobId(found)]


@pytest.mark.parametrize(
    ("jobs", "name", "text"),
    [
        ({}, "x", "there is no job 'x': this peer has started no job"),
        (JOBS, "x", "there is no job 'x': the jobs are abc0, abd0, ef00"),
        (JOBS, "", "there is no job '': the jobs are abc0, abd0, ef00"),
        (JOBS, "ab", "'ab' stands for several jobs: abc0, abd0"),
    ],
)
def test_a_job_that_is_not_found_is_named(jobs: dict[JobId, Job], name: str, text: str) -> None:
    """The error names the jobs that there are, or those among which the name does not choose."""
    with pytest.raises(UnknownJob, match=f"^{re.escape(text)}$"):
        find_job(jobs, name)
